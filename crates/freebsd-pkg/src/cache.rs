//! Where packages are kept on the engineer's machine: archives by their SHA-256, and beside them what they unpack to.
//! Images are built from here, offline. It can be removed at any time: `cargo xtask pkg fetch` fills it again.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::lock::{Lock, Locked};
use super::package::{self, Package};
use super::repository::Source;

/// A folder of packages.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

/// A file on its way into the cache; removed again unless it is kept.
struct Incoming(tempfile::NamedTempFile);

impl Cache {
    /// The cache in `dir`, which is made when it is needed.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where the archive with this SHA-256 is, or would be.
    pub fn archive(&self, sha256: &str) -> PathBuf {
        self.dir.join(format!("{sha256}.pkg"))
    }

    /// The packages of `lock` that are not here.
    pub fn lacks<'a>(&self, lock: &'a Lock) -> Vec<&'a Locked> {
        lock.packages.iter().filter(|package| !self.archive(&package.sha256).is_file()).collect()
    }

    /// Fetches what `lock` pins and is not here; says how many packages and bytes that were.
    ///
    /// # Errors
    /// The repository does not have a package any more, or another one in its place.
    pub fn fetch(&self, lock: &Lock, source: &Source, progress: impl Fn(&Locked)) -> Result<(usize, u64)> {
        let lacks = self.lacks(lock);
        let mut bytes = 0;
        for package in &lacks {
            progress(package);
            let (incoming, size, sha256) = self.receive(source, &package.path)?;
            ensure!(
                sha256 == package.sha256,
                "fetching {} {}: {} of the repository {source} has the SHA-256 {sha256}, and pkglist.lock pins {}; it was \
                 damaged on its way, or the repository has another package of that version now (`cargo xtask pkg lock`)",
                package.name,
                package.version,
                package.path,
                package.sha256
            );
            self.keep(incoming, &sha256)?;
            bytes += size;
        }
        Ok((lacks.len(), bytes))
    }

    /// Fetches the package at `path` of the repository, whatever it is, and keeps it when `accept` agrees: its size and
    /// SHA-256.
    ///
    /// # Errors
    /// It cannot be had, or is not accepted.
    pub fn fetch_unpinned(
        &self,
        source: &Source,
        path: &str,
        accept: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<(u64, String)> {
        let (incoming, size, sha256) = self.receive(source, path)?;
        accept(incoming.0.path())?;
        self.keep(incoming, &sha256)?;
        Ok((size, sha256))
    }

    fn receive(&self, source: &Source, path: &str) -> Result<(Incoming, u64, String)> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("making the package cache {}", self.dir.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)
            .with_context(|| format!("writing into the package cache {}", self.dir.display()))?;
        let size = source.copy(path, file.as_file_mut())?;
        let sha256 = sha256_of(file.path())?;
        Ok((Incoming(file), size, sha256))
    }

    fn keep(&self, incoming: Incoming, sha256: &str) -> Result<()> {
        let place = self.archive(sha256);
        incoming.0.persist(&place).with_context(|| format!("writing {}", place.display()))?;
        Ok(())
    }

    /// All packages of `lock`, unpacked now or before.
    ///
    /// # Errors
    /// One is not here, was changed, or is not the one that was locked.
    pub fn packages(&self, lock: &Lock) -> Result<Vec<Package>> {
        let lacks = self.lacks(lock);
        if let Some(first) = lacks.first() {
            let more = if lacks.len() > 1 { format!(" and {} more", lacks.len() - 1) } else { String::new() };
            anyhow::bail!(
                "the package cache {} lacks {} {}{more}; run `cargo xtask pkg fetch`",
                self.dir.display(),
                first.name,
                first.version
            );
        }
        lock.packages.par_iter().map(|locked| self.package(locked)).collect()
    }

    fn package(&self, locked: &Locked) -> Result<Package> {
        let attempt = || format!("unpacking the package {} {}", locked.name, locked.version);
        let place = self.dir.join("unpacked").join(&locked.sha256);
        if let Some(package) = package::reopen(&place) {
            return Ok(package);
        }
        let archive = self.archive(&locked.sha256);
        let found = sha256_of(&archive)?;
        ensure!(
            found == locked.sha256,
            "{}: {} has the SHA-256 {found}, it was changed; remove it and run `cargo xtask pkg fetch`",
            attempt(),
            archive.display()
        );
        package::unpack(&archive, &place).with_context(attempt)
    }
}

fn sha256_of(path: &Path) -> Result<String> {
    let attempt = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(attempt)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).with_context(attempt)? {
            0 => return Ok(hex::encode(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
