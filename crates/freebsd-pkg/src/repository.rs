//! Package repositories of pkg(8): `meta.conf`, the catalogue `packagesite.pkg` (or named by its compression, as `.txz`), and
//! the packages, in a directory or on a web server.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rootfs::archive;
use serde::Deserialize;

use crate::manifest::{Dependency, text};
use crate::signature::{Members, Trust};
use crate::ucl;

/// The most bytes of a catalogue, as in pkg; FreeBSD's has 60 MB.
const MOST_CATALOGUE: u64 = 1 << 30;
/// The most bytes of a signature or of `meta.conf`, as in pkg.
const MOST_SMALL: u64 = 1 << 20;
/// The most bytes of a package.
const MOST_PACKAGE: u64 = 8 << 30;
/// File name extensions of the catalogue's archive.
const CATALOGUE_EXTENSIONS: [&str; 6] = ["pkg", "tzst", "txz", "tbz", "tgz", "tar"];

/// The location of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An address on a web server, without a slash at the end.
    Http(String),
}

impl Source {
    /// Parses a directory (relative to `root`) or an `http://` address, and expands `${ABI}` in it.
    ///
    /// # Errors
    /// It is another kind of address.
    pub fn parse(text: &str, root: &Path, abi: &str) -> Result<Self> {
        let expanded = text.replace("${ABI}", abi);
        let address = expanded.strip_prefix("pkg+").unwrap_or(&expanded);
        if address.starts_with("http://") {
            return Ok(Self::Http(address.trim_end_matches('/').to_owned()));
        }
        ensure!(
            !address.contains("://") || address.starts_with("file://"),
            "`{text}` is neither a directory nor an http:// address\nhint: http:// is as safe as https://, because signature and \
             checksums are verified; a mirror can also be a directory"
        );
        let path = address.strip_prefix("file://").unwrap_or(address);
        Ok(Self::Directory(root.join(path)))
    }

    /// The content of a file, which may have at most `most` bytes; `None` if it is missing.
    fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let Some(mut from) = self.open(name)? else { return Ok(None) };
        from.by_ref()
            .take(most + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("reading {name} of the repository {self}"))?;
        ensure!(
            bytes.len() as u64 <= most,
            "reading {name} of the repository {self}: it is larger than {most} bytes"
        );
        Ok(Some(bytes))
    }

    /// Opens a file for streaming; `None` if it is missing.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read>>> {
        let attempt = || format!("reading {name} of the repository {self}");
        match self {
            Self::Directory(dir) => match File::open(dir.join(name)) {
                Ok(file) => Ok(Some(Box::new(file))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    ensure!(dir.is_dir(), "{}: no such directory", attempt());
                    Ok(None)
                }
                Err(error) => Err(error).with_context(attempt),
            },
            Self::Http(address) => match ureq::get(format!("{address}/{}", percent_encode(name))).call() {
                Ok(answer) => Ok(Some(Box::new(answer.into_body().into_reader()))),
                Err(ureq::Error::StatusCode(404)) => Ok(None),
                Err(error) => Err(error).with_context(attempt),
            },
        }
    }

    /// Copies the package at `path` to `to`; returns its size in bytes.
    ///
    /// # Errors
    /// The package is missing, or cannot be read or written.
    pub fn copy(&self, path: &str, to: &mut impl Write) -> Result<u64> {
        require_inside(path)?;
        let from = self.open(path)?.with_context(|| {
            format!(
                "the repository {self} no longer has {path}\nhint: run `cargo xtask pkg lock` to choose from what it has now"
            )
        })?;
        std::io::copy(&mut from.take(MOST_PACKAGE), to)
            .with_context(|| format!("fetching {path} of the repository {self}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => dir.display().fmt(out),
            Self::Http(address) => address.fmt(out),
        }
    }
}

/// Checks that a path is inside the repository.
///
/// # Errors
/// It is absolute, empty, or contains `..`.
pub fn require_inside(path: &str) -> Result<()> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside && !path.is_empty(), "the path `{path}` is outside the repository");
    Ok(())
}

/// `name` with characters that are special in addresses encoded.
fn percent_encode(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~+,".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A package of a repository: a line of its catalogue.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CatalogueEntry {
    /// The name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// The path in the ports tree.
    pub origin: String,
    /// The version.
    #[serde(deserialize_with = "text")]
    pub version: String,
    /// The system that it was built for.
    pub abi: Option<String>,
    /// The same in an older notation.
    pub arch: Option<String>,
    /// The checksum of its archive, in one of pkg's notations.
    pub sum: String,
    /// The path of its archive in the repository.
    pub path: Option<String>,
    /// The same, from versions of pkg before 1.2.
    pub repopath: Option<String>,
    /// The size of its archive in bytes.
    #[serde(default)]
    pub pkgsize: u64,
    /// The size of its files in bytes.
    #[serde(default)]
    pub flatsize: u64,
    /// The packages that it needs, by name.
    #[serde(default)]
    pub deps: BTreeMap<String, Dependency>,
    /// Patterns of packages that it conflicts with.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// Capabilities that it provides.
    #[serde(default)]
    pub provides: Vec<String>,
    /// Capabilities that it needs.
    #[serde(default)]
    pub requires: Vec<String>,
}

impl CatalogueEntry {
    /// The system that it was built for.
    pub fn built_for(&self) -> &str {
        self.abi.as_deref().or(self.arch.as_deref()).unwrap_or("unknown")
    }
}

/// All packages of a repository.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The packages, in the order of the catalogue.
    pub entries: Vec<CatalogueEntry>,
}

/// Reads the catalogue of `source` and verifies its signature.
///
/// # Errors
/// There is no catalogue, it is damaged, or it has no signature of someone trusted.
pub fn read(source: &Source, trust: &Trust) -> Result<Catalogue> {
    let name = catalogue_name(source)?;
    let stem = name.split('.').next().unwrap_or(&name);
    let mut packed = None;
    for extension in CATALOGUE_EXTENSIONS {
        packed = source.get(&format!("{stem}.{extension}"), MOST_CATALOGUE)?;
        if packed.is_some() {
            break;
        }
    }
    let packed = packed.with_context(|| {
        let tried = CATALOGUE_EXTENSIONS.map(|extension| format!("{stem}.{extension}"));
        format!(
            "reading the repository {source}: it has no catalogue ({})\nhint: set packages.repository to the directory that contains \
             `meta.conf`",
            tried.join(", ")
        )
    })?;
    let (catalogue, members) = unpack(&packed, &name)
        .with_context(|| format!("reading the catalogue of the repository {source}"))?;
    trust
        .require(&catalogue, &members)
        .with_context(|| format!("verifying the signature of the repository {source}"))?;
    let entries =
        parse(&catalogue).with_context(|| format!("reading the catalogue of the repository {source}"))?;
    Ok(Catalogue { entries })
}

/// The name of the catalogue in `meta.conf`. That file is not signed, and nothing else depends on it.
fn catalogue_name(source: &Source) -> Result<String> {
    let default = "packagesite.yaml".to_owned();
    let Some(meta) = source.get("meta.conf", MOST_SMALL)? else { return Ok(default) };
    let attempt = || format!("reading meta.conf of the repository {source}");
    let pairs = ucl::pairs(&String::from_utf8_lossy(&meta)).with_context(attempt)?;
    let version = pairs.get("version").map_or("none", String::as_str);
    ensure!(
        matches!(version, "1" | "2"),
        "{}: its version is {version}; only 1 and 2 are supported",
        attempt()
    );
    let name = pairs.get("manifests").cloned().unwrap_or(default);
    require_inside(&name).with_context(attempt)?;
    Ok(name)
}

fn unpack(packed: &[u8], name: &str) -> Result<(Vec<u8>, Members)> {
    let (mut catalogue, mut members) = (None, Members::new());
    let mut archive = archive::open(packed)?;
    for entry in archive.entries().context("reading its archive")? {
        let mut entry = entry.context("reading its archive: it is damaged")?;
        let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if member == name {
            ensure!(catalogue.is_none(), "its archive contains {name} twice");
            catalogue = Some(archive::member(&mut entry, name, MOST_CATALOGUE)?);
        } else if member == "signature" || member.ends_with(".sig") || member.ends_with(".pub") {
            let bytes = archive::member(&mut entry, &member, MOST_SMALL)?;
            ensure!(members.insert(member.clone(), bytes).is_none(), "its archive contains {member} twice");
        }
    }
    match catalogue {
        Some(catalogue) => Ok((catalogue, members)),
        None => bail!("its archive does not contain {name}"),
    }
}

fn parse(catalogue: &[u8]) -> Result<Vec<CatalogueEntry>> {
    let mut entries = Vec::new();
    for (index, line) in catalogue.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let entry: CatalogueEntry =
            serde_json::from_str(&line).with_context(|| format!("line {}", index + 1))?;
        entries.push(entry);
    }
    Ok(entries)
}
