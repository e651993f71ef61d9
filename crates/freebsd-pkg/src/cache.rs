//! The package cache: archives by their SHA-256, and next to them the unpacked packages. Images are built from it, offline. It
//! can be removed at any time: `cargo xtask pkg fetch` fills it again.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::lock::{Lock, Locked};
use crate::package::{self, Package};
use crate::repository::Source;

/// A directory of packages.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// A file that was fetched into the cache, and is removed unless it is kept.
struct Download {
    file: tempfile::NamedTempFile,
    size: u64,
    sha256: String,
}

impl Cache {
    /// The cache in `dir`, which is created when it is first used.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The path of the archive with this SHA-256, whether it exists or not.
    pub fn archive(&self, sha256: &str) -> PathBuf {
        self.dir.join(format!("{sha256}.pkg"))
    }

    /// The packages of `lock` that are not in the cache.
    pub fn missing<'a>(&self, lock: &'a Lock) -> Vec<&'a Locked> {
        lock.packages.iter().filter(|package| !self.archive(&package.sha256).is_file()).collect()
    }

    /// Fetches the packages of `lock` that are missing; returns their number and their size in bytes.
    ///
    /// # Errors
    /// The repository no longer has a package, or has another one in its place.
    pub fn fetch(&self, lock: &Lock, source: &Source, progress: impl Fn(&Locked)) -> Result<(usize, u64)> {
        let missing = self.missing(lock);
        let mut bytes = 0;
        for package in &missing {
            progress(package);
            let download = self.download(source, &package.path)?;
            ensure!(
                download.sha256 == package.sha256,
                "fetching {} {}: {} of the repository {source} has the SHA-256 {}, but pkglist.lock pins {}\nhint: if the \
                 repository has another package of this version now, run `cargo xtask pkg lock`; otherwise it was damaged in \
                 transit",
                package.name,
                package.version,
                package.path,
                download.sha256,
                package.sha256
            );
            bytes += download.size;
            self.keep(download)?;
        }
        Ok((missing.len(), bytes))
    }

    /// Fetches the package at `path` of the repository and keeps it if `accept` allows it; returns its size in bytes and its
    /// SHA-256.
    ///
    /// # Errors
    /// The package cannot be fetched, or is not accepted.
    pub fn fetch_unpinned(
        &self,
        source: &Source,
        path: &str,
        accept: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<(u64, String)> {
        let download = self.download(source, path)?;
        accept(download.file.path())?;
        let (size, sha256) = (download.size, download.sha256.clone());
        self.keep(download)?;
        Ok((size, sha256))
    }

    fn download(&self, source: &Source, path: &str) -> Result<Download> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("creating the package cache {}", self.dir.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)
            .with_context(|| format!("writing into the package cache {}", self.dir.display()))?;
        let size = source.copy(path, file.as_file_mut())?;
        let sha256 = sha256_of(file.path())?;
        Ok(Download { file, size, sha256 })
    }

    fn keep(&self, download: Download) -> Result<()> {
        let path = self.archive(&download.sha256);
        download.file.persist(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(())
    }

    /// All packages of `lock`, unpacked now or earlier.
    ///
    /// # Errors
    /// A package is missing, was changed, or is damaged.
    pub fn packages(&self, lock: &Lock) -> Result<Vec<Package>> {
        if let [first, others @ ..] = self.missing(lock).as_slice() {
            let missing = match others.len() {
                0 => "is".to_owned(),
                count => format!("and {count} more are"),
            };
            bail!(
                "{} {} {missing} missing from the package cache {}\nhint: run `cargo xtask pkg fetch`",
                first.name,
                first.version,
                self.dir.display()
            );
        }
        lock.packages.par_iter().map(|locked| self.package(locked)).collect()
    }

    fn package(&self, locked: &Locked) -> Result<Package> {
        let attempt = || format!("unpacking the package {} {}", locked.name, locked.version);
        let unpacked = self.dir.join("unpacked").join(&locked.sha256);
        if let Some(package) = package::reopen(&unpacked) {
            return Ok(package);
        }
        let archive = self.archive(&locked.sha256);
        let found = sha256_of(&archive)?;
        ensure!(
            found == locked.sha256,
            "{}: {} has been changed: its SHA-256 is {found}\nhint: remove it and run `cargo xtask pkg fetch`",
            attempt(),
            archive.display()
        );
        package::unpack(&archive, &unpacked).with_context(attempt)
    }
}

fn sha256_of(path: &Path) -> Result<String> {
    let attempt = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(attempt)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).with_context(attempt)? {
            0 => return Ok(hex::encode(hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
