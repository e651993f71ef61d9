//! The archive of a package: `+COMPACT_MANIFEST`, `+MANIFEST`, then the files with their full paths, owners by name, modes,
//! links and file flags. It is read once from start to end; the contents of files go into a directory of the cache, so that
//! layers can refer to them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rootfs::archive;
use rootfs::tree::{Attributes, Content, EntryKind, Principal, TreePath};
use serde::{Deserialize, Serialize};
use tar::EntryType;

use crate::checksum::Checksum;
use crate::manifest::{Manifest, runs_on};

/// The most bytes of a manifest; the largest packages have 20 MB.
const MOST_MANIFEST: u64 = 256 << 20;
/// The index of an unpacked package.
const INDEX: &str = "package.json";
/// The version of [`Index`]: packages that were unpacked with another one are unpacked again.
const FORMAT: u32 = 1;

/// An unpacked package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its files, directories and links, in the order of the archive.
    pub members: Vec<Member>,
    dir: PathBuf,
}

/// A file, directory or link of a package.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Member {
    /// The absolute path.
    pub path: String,
    /// The type.
    pub kind: MemberKind,
    mode: u16,
    user: String,
    group: String,
    flags: u32,
}

/// The type of a member, with what only this type has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// The number of the unpacked file with its bytes.
        number: usize,
        /// The size in bytes.
        size: u64,
    },
    /// A symbolic link with its target.
    Symlink(String),
    /// Another name for the file at this path.
    HardLink(String),
}

/// The index of an unpacked package.
#[derive(Deserialize, Serialize)]
struct Index {
    format: u32,
    manifest: Manifest,
    members: Vec<Member>,
}

impl Package {
    /// The type of a layer's entry for `member`.
    ///
    /// # Errors
    /// The target of a hard link is not a valid path.
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

    /// The path of the unpacked file `number`.
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

/// Opens a package that was unpacked into the directory `dir`; `None` if it is missing or incomplete.
pub fn reopen(dir: &Path) -> Option<Package> {
    let index: Index = serde_json::from_slice(&fs::read(dir.join(INDEX)).ok()?).ok()?;
    (index.format == FORMAT).then(|| Package {
        manifest: index.manifest,
        members: index.members,
        dir: dir.to_owned(),
    })
}

/// Unpacks `archive` into the directory `dir`, which appears complete or not at all.
///
/// # Errors
/// The archive is damaged, or its content differs from what its manifest lists.
pub fn unpack(archive: &Path, dir: &Path) -> Result<Package> {
    let parent = dir.parent().context("finding the directory of the cache")?;
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let temporary =
        tempfile::tempdir_in(parent).with_context(|| format!("writing into {}", parent.display()))?;
    let files = temporary.path().join("files");
    fs::create_dir(&files).with_context(|| format!("creating {}", files.display()))?;

    let from = File::open(archive).with_context(|| format!("reading {}", archive.display()))?;
    let (manifest, members) = read(from, &files)?;
    let index = Index { format: FORMAT, manifest, members };
    fs::write(temporary.path().join(INDEX), serde_json::to_vec(&index)?)
        .with_context(|| format!("writing {}", temporary.path().join(INDEX).display()))?;
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    fs::rename(temporary.keep(), dir).with_context(|| format!("creating {}", dir.display()))?;
    Ok(Package { manifest: index.manifest, members: index.members, dir: dir.to_owned() })
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
            manifest.as_ref().context("it is not a package: the archive does not begin with +MANIFEST")?;
        let member =
            member(&mut entry, &path, manifest, files, members.len()).with_context(|| path.clone())?;
        if let MemberKind::HardLink(target) = &member.kind {
            let same = |path: &str| path.trim_start_matches('/') == target.trim_start_matches('/');
            let is_file = |member: &Member| matches!(member.kind, MemberKind::File { .. });
            ensure!(
                members.iter().any(|earlier| is_file(earlier) && same(&earlier.path)),
                "{path}: it is a hard link to {target}, but no such file precedes it in the package"
            );
        }
        members.push(member);
    }
    let manifest = manifest.context("it is not a package: the archive contains no +MANIFEST")?;
    let present: BTreeSet<&str> = members.iter().map(|member| member.path.as_str()).collect();
    if let Some(path) = manifest.files.keys().find(|path| !present.contains(path.as_str())) {
        bail!("its manifest lists {path}, which is missing from the archive");
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
        other => bail!("it is not a file, directory or link, but of the tar type {other:?}"),
    };
    let attributes = archive::attributes(entry)?;
    if kind != MemberKind::Directory {
        let listed = manifest.files.get(path).context("its manifest does not list it")?;
        if let MemberKind::File { .. } = kind {
            let checksum = listed.checksum().map(Checksum::parse).transpose()?;
            copy(entry, &files.join(number.to_string()), checksum)?;
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

fn copy(from: &mut impl Read, to: &Path, checksum: Option<Checksum>) -> Result<()> {
    let mut file = File::create(to).with_context(|| format!("writing {}", to.display()))?;
    let mut hasher = checksum.as_ref().map(Checksum::hasher);
    archive::copy(from, &mut file, to, |bytes| {
        if let Some(hasher) = &mut hasher {
            hasher.update(bytes);
        }
    })?;
    match (checksum, hasher) {
        (Some(checksum), Some(hasher)) => checksum.require(hasher),
        _ => Ok(()),
    }
}

/// Checks that an unpacked package is the one that was locked, and that it runs on `abi`.
///
/// # Errors
/// It has another name or version, or is for another system.
pub fn require(package: &Package, name: &str, version: &str, abi: &str) -> Result<()> {
    let manifest = &package.manifest;
    ensure!(
        manifest.name == name && manifest.version == version,
        "the archive locked as {name} {version} contains {} {}\nhint: run `cargo xtask pkg lock`",
        manifest.name,
        manifest.version
    );
    ensure!(
        runs_on(manifest.built_for(), abi),
        "package `{name}` is built for {}, but packages.abi is {abi}",
        manifest.built_for()
    );
    Ok(())
}
