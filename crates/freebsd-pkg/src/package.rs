//! A package's archive: `+COMPACT_MANIFEST`, `+MANIFEST`, then the files with their whole paths, owners by name, modes, links
//! and file flags. It is read once from its first byte to its last; the files' bytes go into a folder of the cache, so that
//! layers can point at them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rootfs::archive;
use rootfs::tree::{Attributes, Content, EntryKind, Principal, TreePath};
use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::manifest::Manifest;
use super::sum::Sum;

/// The most bytes of a manifest; those of the largest packages have 20 MB.
const MOST_MANIFEST: u64 = 256 << 20;
/// The index of an unpacked package.
const INDEX: &str = "package.json";
/// Changes when [`Index`] does, so that what an older builder unpacked is not taken for its own.
const FORMAT: u32 = 1;

/// An unpacked package.
#[derive(Clone, Debug)]
pub struct Package {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it brings, in the archive's order.
    pub members: Vec<Member>,
    dir: PathBuf,
}

/// A file, directory or link of a package.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Member {
    /// Where, from the root.
    pub path: String,
    /// What.
    pub kind: MemberKind,
    mode: u16,
    user: String,
    group: String,
    flags: u32,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A file, by its place in the unpacked folder.
    File {
        /// The name of the file that holds its bytes.
        number: usize,
        /// How many there are.
        size: u64,
    },
    /// A symbolic link and its target.
    Symlink(String),
    /// One more name for a file of the package.
    HardLink(String),
}

/// What is kept of an unpacked package.
#[derive(Deserialize, Serialize)]
struct Index {
    format: u32,
    manifest: Manifest,
    members: Vec<Member>,
}

impl Package {
    /// The kind of a layer's entry for `member`.
    ///
    /// # Errors
    /// A hard link to a path that no image can hold.
    pub fn entry(&self, member: &Member) -> Result<EntryKind> {
        Ok(match &member.kind {
            MemberKind::Directory => EntryKind::Directory,
            MemberKind::File { number, size } => {
                EntryKind::File(Content::Host { path: self.file(*number), size: *size })
            }
            MemberKind::Symlink(target) => EntryKind::Symlink(target.clone()),
            MemberKind::HardLink(target) => EntryKind::HardLink(TreePath::parse(target)?),
        })
    }

    /// Where the bytes of a file are.
    pub fn file(&self, number: usize) -> PathBuf {
        self.dir.join("files").join(number.to_string())
    }
}

impl Member {
    /// Owner, mode and flags.
    pub fn attributes(&self) -> Attributes {
        Attributes {
            user: Principal::from(self.user.as_str()),
            group: Principal::from(self.group.as_str()),
            mode: self.mode,
            flags: self.flags,
        }
    }
}

/// Opens a package that was unpacked in `place` before; none when it was not, or not wholly.
pub fn reopen(place: &Path) -> Option<Package> {
    let index: Index = serde_json::from_slice(&fs::read(place.join(INDEX)).ok()?).ok()?;
    (index.format == FORMAT).then(|| Package {
        manifest: index.manifest,
        members: index.members,
        dir: place.to_owned(),
    })
}

/// Unpacks `archive` into the folder `place`, which comes into being whole or not at all.
///
/// # Errors
/// The archive is damaged, holds what its manifest does not tell of, or lacks what it tells of.
pub fn unpack(archive: &Path, place: &Path) -> Result<Package> {
    let above = place.parent().context("finding the folder of the cache")?;
    fs::create_dir_all(above).with_context(|| format!("making {}", above.display()))?;
    let aside = tempfile::tempdir_in(above).with_context(|| format!("writing into {}", above.display()))?;
    let files = aside.path().join("files");
    fs::create_dir(&files).with_context(|| format!("making {}", files.display()))?;

    let from = File::open(archive).with_context(|| format!("reading {}", archive.display()))?;
    let (manifest, members) = read(from, &files)?;
    let index = Index { format: FORMAT, manifest, members };
    fs::write(aside.path().join(INDEX), serde_json::to_vec(&index)?)
        .with_context(|| format!("writing {}", aside.path().join(INDEX).display()))?;
    if place.exists() {
        fs::remove_dir_all(place).with_context(|| format!("removing {}", place.display()))?;
    }
    fs::rename(aside.keep(), place).with_context(|| format!("making {}", place.display()))?;
    Ok(Package { manifest: index.manifest, members: index.members, dir: place.to_owned() })
}

fn read(from: impl Read, files: &Path) -> Result<(Manifest, Vec<Member>)> {
    let mut archive = archive::open(from)?;
    let mut manifest: Option<Manifest> = None;
    let mut members: Vec<Member> = Vec::new();
    for entry in archive.entries().context("reading the archive")? {
        let mut entry = entry.context("reading the archive: it is damaged")?;
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|error| {
            anyhow::anyhow!("the name `{}` is not UTF-8", String::from_utf8_lossy(error.as_bytes()))
        })?;
        if path.starts_with('+') {
            if path == "+MANIFEST" {
                manifest = Some(Manifest::parse(&archive::member(&mut entry, &path, MOST_MANIFEST)?)?);
            }
            continue;
        }
        let manifest =
            manifest.as_ref().context("the archive does not begin with +MANIFEST: it is no package")?;
        let member =
            member(&mut entry, &path, manifest, files, members.len()).with_context(|| path.clone())?;
        if let MemberKind::HardLink(target) = &member.kind {
            let same = |path: &str| path.trim_start_matches('/') == target.trim_start_matches('/');
            let is_file = |member: &Member| matches!(member.kind, MemberKind::File { .. });
            ensure!(
                members.iter().any(|earlier| is_file(earlier) && same(&earlier.path)),
                "{path}: it is a hard link to {target}, which is no file of the package before it"
            );
        }
        members.push(member);
    }
    let manifest = manifest.context("the archive holds no +MANIFEST: it is no package")?;
    let there: BTreeSet<&str> = members.iter().map(|member| member.path.as_str()).collect();
    if let Some(path) = manifest.files.keys().find(|path| !there.contains(path.as_str())) {
        bail!("its manifest tells of {path}, which the archive does not hold");
    }
    Ok((manifest, members))
}

fn member(
    entry: &mut tar::Entry<'_, impl Read>,
    path: &str,
    manifest: &Manifest,
    files: &Path,
    number: usize,
) -> Result<Member> {
    let link = || -> Result<String> {
        let bytes = entry.link_name_bytes().context("a link without a target")?;
        Ok(String::from_utf8(bytes.into_owned())?)
    };
    let kind = match entry.header().entry_type() {
        EntryType::Directory => MemberKind::Directory,
        EntryType::Symlink => MemberKind::Symlink(link()?),
        EntryType::Link => MemberKind::HardLink(link()?),
        kind if kind.is_file() => MemberKind::File { number, size: entry.size() },
        other => bail!("it is neither file, directory nor link, but of the tar type {other:?}"),
    };
    let attributes = archive::attributes(entry)?;
    if kind != MemberKind::Directory {
        let stated = manifest.files.get(path).context("its manifest does not tell of it")?;
        if let MemberKind::File { .. } = kind {
            let sum = stated.sum().map(Sum::parse).transpose()?;
            copy(entry, &files.join(number.to_string()), sum)?;
        }
    }
    Ok(Member {
        path: path.trim_end_matches('/').to_owned(),
        kind,
        mode: attributes.mode,
        user: attributes.user.to_string(),
        group: attributes.group.to_string(),
        flags: attributes.flags,
    })
}

fn copy(from: &mut impl Read, to: &Path, sum: Option<Sum>) -> Result<()> {
    let mut file = File::create(to).with_context(|| format!("writing {}", to.display()))?;
    let mut hasher = sum.as_ref().map(Sum::hasher);
    archive::copy(from, &mut file, to, |bytes| {
        if let Some(hasher) = &mut hasher {
            hasher.update(bytes);
        }
    })?;
    match (sum, hasher) {
        (Some(sum), Some(hasher)) => sum.require(hasher),
        _ => Ok(()),
    }
}

/// Checks that what was unpacked is what was locked, and for the product's system.
///
/// # Errors
/// Another name, version or system.
pub fn require(package: &Package, name: &str, version: &str, abi: &str) -> Result<()> {
    let manifest = &package.manifest;
    ensure!(
        manifest.name == name && manifest.version == version,
        "the archive locked as {name} {version} holds {} {}; run `cargo xtask pkg lock`",
        manifest.name,
        manifest.version
    );
    ensure!(
        super::manifest::runs_on(manifest.built_for(), abi),
        "package `{name}` is built for {}, and the product is {abi} (packages.abi)",
        manifest.built_for()
    );
    Ok(())
}
