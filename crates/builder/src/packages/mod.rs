//! FreeBSD packages in the image: `pkglist` lists them, `pkglist.lock` pins them, a cache keeps them, and each becomes a layer
//! of the tree.
//!
//! There are three steps, so that an image never depends on what a server has today: `lock` reads a repository, verifies its
//! signature and chooses packages; `fetch` fills the cache with exactly these; images are built from lock file and cache,
//! offline. Nothing of a package runs on the engineer's machine. `docs/packages.md` describes what becomes of packages in an
//! image.

mod accounts;
mod claims;
mod context;
mod gate;
pub mod layer;
pub mod startup;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use freebsd_pkg::cache::Cache;
use freebsd_pkg::checksum::Checksum;
use freebsd_pkg::list::{self, Request};
use freebsd_pkg::lock::{Lock, Locked};
use freebsd_pkg::repository::{self, Source};
use freebsd_pkg::resolve::{self, Chosen};
use freebsd_pkg::signature::Trust;

use crate::inputs;
use crate::product::Packages;
pub use context::InstallContext;
use layer::Installation;

/// The file name of the list, in the workspace.
pub const LIST: &str = "pkglist";
/// The file name of the lock file, next to the list.
pub const LOCK: &str = "pkglist.lock";

/// The default directory of the package cache.
pub fn default_cache() -> PathBuf {
    crate::workspace::target().join("packages")
}

/// The packages of an image, which the lock file of the workspace pins.
#[derive(Debug)]
pub struct Selection {
    lock: Option<Lock>,
    cache: Cache,
}

impl Selection {
    /// Reads list and lock file of the workspace `root`.
    ///
    /// # Errors
    /// One of them is malformed, or the lock file is not for this list.
    pub fn read(root: &Path, product: &Packages, cache: Option<PathBuf>) -> Result<Self> {
        let requests = list::read(&root.join(LIST))?;
        let path = root.join(LOCK);
        ensure!(
            path.exists() || requests.is_empty(),
            "pkglist lists packages, but {LOCK} is missing\nhint: run `cargo xtask pkg lock`, and commit {LOCK}"
        );
        let lock = if path.exists() { Some(Lock::read(&path)?) } else { None };
        if let Some(lock) = &lock {
            lock.require_current(&requests, &product.abi)?;
        }
        let lock = lock.filter(|lock| !lock.packages.is_empty());
        ensure!(
            lock.is_some() || product.run_scripts.is_empty(),
            "packages.run_scripts lists packages, but pkglist is empty"
        );
        Ok(Self { lock, cache: Cache::new(cache.unwrap_or_else(default_cache)) })
    }

    /// No packages, whatever pkglist lists.
    pub fn none() -> Self {
        Self { lock: None, cache: Cache::new(default_cache()) }
    }

    /// The number of packages.
    pub fn count(&self) -> usize {
        self.lock.as_ref().map_or(0, |lock| lock.packages.len())
    }

    /// A digest that changes whenever the packages do.
    ///
    /// # Errors
    /// As [`Lock::text`].
    pub fn digest(&self) -> Result<String> {
        let text = self.lock.as_ref().map_or(Ok(String::new()), Lock::text)?;
        Ok(inputs::of_texts([text.as_str()]))
    }

    /// Turns the packages, from the cache, into layers; `None` if there are no packages.
    ///
    /// # Errors
    /// As [`Cache::packages`] and [`layer::install`].
    pub fn install(&self, product: &Packages, context: &InstallContext<'_>) -> Result<Option<Installation>> {
        let Some(lock) = &self.lock else { return Ok(None) };
        let packages = self.cache.packages(lock)?;
        layer::install(product, lock, &packages, context).map(Some)
    }
}

/// The repository of the product's packages, and whom to trust for it.
///
/// # Errors
/// The product definition has no repository, or a malformed one.
pub fn source(root: &Path, product: &Packages) -> Result<(Source, Trust)> {
    let Some(repository) = &product.repository else {
        bail!(
            "no package repository is configured\nhint: set `repository = \"...\"` in [packages] of {} to a directory or an http:// \
             address",
            crate::product::DEFINITION
        );
    };
    let source = Source::parse(repository, root, &product.abi).context("packages.repository")?;
    let trust = match &product.trust {
        Trust::Nobody => Trust::Nobody,
        Trust::Key(path) => Trust::Key(root.join(path)),
        Trust::Fingerprints(dir) => Trust::Fingerprints(root.join(dir)),
    };
    Ok((source, trust))
}

/// Chooses packages of the product's repository for `requests`.
///
/// If the repository's checksums are not SHA-256 (pkg 2.8 writes BLAKE2b), the packages are fetched into `cache` to compute it.
///
/// # Errors
/// As [`repository::read`] and [`resolve::resolve`].
pub fn lock(root: &Path, product: &Packages, requests: &[Request], cache: &Cache) -> Result<Lock> {
    let (source, trust) = source(root, product)?;
    let catalogue = repository::read(&source, &trust)?;
    let chosen = resolve::resolve(&catalogue, requests, &product.abi)
        .with_context(|| format!("resolving pkglist against the repository {source}"))?;
    let packages = chosen
        .values()
        .map(|chosen| {
            pin(chosen, &source, cache)
                .with_context(|| format!("locking {} {}", chosen.entry.name, chosen.entry.version))
        })
        .collect::<Result<_>>()?;
    let repository = product.repository.as_deref().unwrap_or_default();
    Ok(Lock::new(repository, trust.signature_type(), &product.abi, requests, packages))
}

/// The lock file's entry for a chosen package.
fn pin(chosen: &Chosen<'_>, source: &Source, cache: &Cache) -> Result<Locked> {
    let entry = chosen.entry;
    let path = entry.path.as_ref().or(entry.repopath.as_ref());
    let path = path.context("the catalogue does not give the path of its archive")?;
    repository::require_inside(path)?;
    let checksum = Checksum::parse(&entry.sum)?;
    let (size, sha256) = match checksum.sha256() {
        Some(sha256) => (entry.pkgsize, sha256.to_owned()),
        None => cache.fetch_unpinned(source, path, |file| {
            let mut hasher = checksum.hasher();
            hasher.update(&std::fs::read(file)?);
            checksum.require(hasher).with_context(|| format!("{path} does not match the catalogue"))
        })?,
    };
    Ok(Locked {
        name: entry.name.clone(),
        version: entry.version.clone(),
        origin: entry.origin.clone(),
        arch: entry.built_for().to_owned(),
        sha256,
        size,
        flatsize: entry.flatsize,
        path: path.clone(),
        deps: chosen.deps.iter().cloned().collect(),
        why: chosen.why.iter().cloned().collect(),
    })
}
