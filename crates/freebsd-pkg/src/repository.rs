//! A package repository as pkg(8) has them: `meta.conf`, the catalogue `packagesite.pkg` (or by its packing, `.txz`), and
//! the packages; in a folder, or behind http://.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rootfs::archive;
use serde::Deserialize;

use super::manifest::{Dependency, text};
use super::signature::{Members, Trust};
use super::ucl;

/// A catalogue of FreeBSD has 60 MB; pkg itself takes at most this.
const MOST_CATALOGUE: u64 = 1 << 30;
/// The most bytes of a signature or of `meta.conf`, as in pkg.
const MOST_SMALL: u64 = 1 << 20;
/// The most bytes of a package.
const MOST_PACKAGE: u64 = 8 << 30;
/// What the catalogue's archive may be called, behind `packagesite.`.
const CATALOGUE_ENDINGS: [&str; 6] = ["pkg", "tzst", "txz", "tbz", "tgz", "tar"];

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A web server, with no slash at the end.
    Http(String),
}

impl Source {
    /// Reads `packages.repository`: a folder (from `root` when it is relative) or `http://`, with `${ABI}` in it filled.
    ///
    /// # Errors
    /// Another kind of address.
    pub fn parse(text: &str, root: &Path, abi: &str) -> Result<Self> {
        let filled = text.replace("${ABI}", abi);
        let address = filled.strip_prefix("pkg+").unwrap_or(&filled);
        if address.starts_with("http://") {
            return Ok(Self::Http(address.trim_end_matches('/').to_owned()));
        }
        ensure!(
            !address.contains("://") || address.starts_with("file://"),
            "`{text}` is neither a folder nor http://; what is fetched is checked by its signature and checksums, so \
             http:// is enough, and a mirror can be a folder"
        );
        let path = address.strip_prefix("file://").unwrap_or(address);
        Ok(Self::Folder(root.join(path)))
    }

    /// A file of it; none when it has none of that name.
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

    /// Opens a file of it for streaming.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read>>> {
        let attempt = || format!("reading {name} of the repository {self}");
        match self {
            Self::Folder(dir) => match File::open(dir.join(name)) {
                Ok(file) => Ok(Some(Box::new(file))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    ensure!(dir.is_dir(), "{}: there is no such folder", attempt());
                    Ok(None)
                }
                Err(error) => Err(error).with_context(attempt),
            },
            Self::Http(address) => match ureq::get(format!("{address}/{}", percent(name))).call() {
                Ok(answer) => Ok(Some(Box::new(answer.into_body().into_reader()))),
                Err(ureq::Error::StatusCode(404)) => Ok(None),
                Err(error) => Err(error).with_context(attempt),
            },
        }
    }

    /// Copies the package at `path` of it to `to`; says how many bytes it has.
    ///
    /// # Errors
    /// It is not there, or cannot be read or written.
    pub fn copy(&self, path: &str, to: &mut impl Write) -> Result<u64> {
        require_inside(path)?;
        let from = self.open(path)?.with_context(|| {
            format!(
                "the repository {self} has no {path} any more; run `cargo xtask pkg lock` for what it has now"
            )
        })?;
        std::io::copy(&mut from.take(MOST_PACKAGE), to)
            .with_context(|| format!("fetching {path} of the repository {self}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(dir) => dir.display().fmt(out),
            Self::Http(address) => address.fmt(out),
        }
    }
}

/// Refuses a path that leads out of the repository.
pub fn require_inside(path: &str) -> Result<()> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside && !path.is_empty(), "the path `{path}` leads out of the repository");
    Ok(())
}

/// `name` with what has a meaning in addresses encoded.
fn percent(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~+,".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A package that a repository has: a line of its catalogue.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Offer {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Where it is in the ports tree.
    pub origin: String,
    /// Its version.
    #[serde(deserialize_with = "text")]
    pub version: String,
    /// For which system it was built.
    pub abi: Option<String>,
    /// The same in an older notation.
    pub arch: Option<String>,
    /// The checksum of its archive, in one of pkg's notations.
    pub sum: String,
    /// Where its archive is in the repository.
    pub path: Option<String>,
    /// The same, as versions of pkg before 1.2 wrote it.
    pub repopath: Option<String>,
    /// Bytes of its archive.
    #[serde(default)]
    pub pkgsize: u64,
    /// Bytes of its files.
    #[serde(default)]
    pub flatsize: u64,
    /// What it needs, by name.
    #[serde(default)]
    pub deps: BTreeMap<String, Dependency>,
    /// What it cannot live beside.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// Capabilities that it brings.
    #[serde(default)]
    pub provides: Vec<String>,
    /// Capabilities that it needs.
    #[serde(default)]
    pub requires: Vec<String>,
}

impl Offer {
    /// For which system it was built.
    pub fn built_for(&self) -> &str {
        self.abi.as_deref().or(self.arch.as_deref()).unwrap_or("unknown")
    }
}

/// All that a repository has.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// In the order of the catalogue.
    pub offers: Vec<Offer>,
}

/// Reads the catalogue of `source` and checks who signed it.
///
/// # Errors
/// There is no catalogue, it is damaged, or nobody who is trusted has signed it.
pub fn read(source: &Source, trust: &Trust) -> Result<Catalogue> {
    let name = catalogue_name(source)?;
    let stem = name.split('.').next().unwrap_or(&name);
    let mut packed = None;
    for ending in CATALOGUE_ENDINGS {
        packed = source.get(&format!("{stem}.{ending}"), MOST_CATALOGUE)?;
        if packed.is_some() {
            break;
        }
    }
    let packed = packed.with_context(|| {
        let tried = CATALOGUE_ENDINGS.map(|ending| format!("{stem}.{ending}"));
        format!(
            "reading the repository {source}: it has no catalogue ({}); is it the folder with `meta.conf`?",
            tried.join(", ")
        )
    })?;
    let (catalogue, members) = unpack(&packed, &name)
        .with_context(|| format!("reading the catalogue of the repository {source}"))?;
    trust
        .require(&catalogue, &members)
        .with_context(|| format!("checking who signed the repository {source}"))?;
    let offers =
        parse(&catalogue).with_context(|| format!("reading the catalogue of the repository {source}"))?;
    Ok(Catalogue { offers })
}

/// What `meta.conf` calls the catalogue. It is not signed, and decides on nothing else.
fn catalogue_name(source: &Source) -> Result<String> {
    let default = "packagesite.yaml".to_owned();
    let Some(meta) = source.get("meta.conf", MOST_SMALL)? else { return Ok(default) };
    let attempt = || format!("reading meta.conf of the repository {source}");
    let pairs = ucl::pairs(&String::from_utf8_lossy(&meta)).with_context(attempt)?;
    let version = pairs.get("version").map_or("none", String::as_str);
    ensure!(
        matches!(version, "1" | "2"),
        "{}: its version is {version}, and only 1 and 2 are known",
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
            ensure!(catalogue.is_none(), "its archive holds {name} twice");
            catalogue = Some(archive::member(&mut entry, name, MOST_CATALOGUE)?);
        } else if member == "signature" || member.ends_with(".sig") || member.ends_with(".pub") {
            let bytes = archive::member(&mut entry, &member, MOST_SMALL)?;
            ensure!(members.insert(member.clone(), bytes).is_none(), "its archive holds {member} twice");
        }
    }
    match catalogue {
        Some(catalogue) => Ok((catalogue, members)),
        None => bail!("its archive does not hold {name}"),
    }
}

fn parse(catalogue: &[u8]) -> Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for (index, line) in catalogue.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let offer: Offer = serde_json::from_str(&line).with_context(|| format!("line {}", index + 1))?;
        offers.push(offer);
    }
    Ok(offers)
}
