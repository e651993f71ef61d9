//! FreeBSD packages in the image: `pkglist` says which, `pkglist.lock` pins them, a cache keeps them, and each becomes a
//! layer of the tree.
//!
//! Three steps, so that an image never depends on what a server has today: `lock` reads a repository, checks who signed it
//! and chooses; `fetch` fills the cache with exactly that; images are built from lock and cache, offline. Nothing of a
//! package runs on the engineer's machine. The formats are pkg(8)'s, and its source is the authority for them; what
//! becomes of packages in an image is told in `docs/packages.md`.

pub mod layer;
pub mod startup;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use freebsd_pkg::cache::Cache;
use freebsd_pkg::list::{self, Request};
use freebsd_pkg::lock::{Lock, Locked};
use freebsd_pkg::repository::{self, Source};
use freebsd_pkg::resolve;
use freebsd_pkg::signature::Trust;
use freebsd_pkg::sum::Sum;

use crate::inputs;
use crate::product::Packages;
use layer::{Installation, Surroundings};

/// The list, in the repository.
pub const LIST: &str = "pkglist";
/// The lock, beside it.
pub const LOCK: &str = "pkglist.lock";

/// Where packages are kept when nobody says otherwise.
pub fn default_cache() -> PathBuf {
    crate::workspace::target().join("packages")
}

/// The packages of an image: what the lock of the repository at hand pins.
#[derive(Debug)]
pub struct Selection {
    lock: Option<Lock>,
    cache: Cache,
}

impl Selection {
    /// Reads list and lock of the repository at `root`.
    ///
    /// # Errors
    /// One of them is bad, or the lock is not for this list.
    pub fn read(root: &Path, product: &Packages, cache: Option<PathBuf>) -> Result<Self> {
        let requests = list::read(&root.join(LIST))?;
        let path = root.join(LOCK);
        ensure!(
            path.exists() || requests.is_empty(),
            "pkglist asks for packages and there is no {LOCK}; run `cargo xtask pkg lock`, and commit it"
        );
        let lock = if path.exists() { Some(Lock::read(&path)?) } else { None };
        if let Some(lock) = &lock {
            lock.require_current(&requests, &product.abi)?;
        }
        let lock = lock.filter(|lock| !lock.packages.is_empty());
        ensure!(
            lock.is_some() || product.run_scripts.is_empty(),
            "packages.run_scripts names packages, and pkglist is empty"
        );
        Ok(Self { lock, cache: Cache::new(cache.unwrap_or_else(default_cache)) })
    }

    /// No packages, whatever pkglist asks for.
    pub fn none() -> Self {
        Self { lock: None, cache: Cache::new(default_cache()) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock.as_ref().map_or(0, |lock| lock.packages.len())
    }

    /// Changes whenever the packages do.
    ///
    /// # Errors
    /// None, as far as is known.
    pub fn digest(&self) -> Result<String> {
        let pinned = self.lock.as_ref().map_or(Ok(String::new()), Lock::text)?;
        Ok(inputs::of_texts([pinned.as_str()]))
    }

    /// Makes layers of them, from the cache; none when there are none.
    ///
    /// # Errors
    /// As [`Cache::packages`] and [`layer::install`].
    pub fn install(&self, product: &Packages, around: &Surroundings<'_>) -> Result<Option<Installation>> {
        let Some(lock) = &self.lock else { return Ok(None) };
        let packages = self.cache.packages(lock)?;
        layer::install(product, lock, &packages, around).map(Some)
    }
}

/// The repository that the product takes its packages from, and whom it trusts.
///
/// # Errors
/// The product definition names none.
pub fn source(root: &Path, product: &Packages) -> Result<(Source, Trust)> {
    let Some(repository) = &product.repository else {
        bail!(
            "no repository to take packages from: say `repository = \"...\"` under [packages] in {}, a folder or http://",
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
/// Where the repository's checksums are not SHA-256 (pkg 2.8 writes BLAKE2b), packages are fetched into `cache`, to pin
/// what they are.
///
/// # Errors
/// As [`repository::read`] and [`resolve::resolve`].
pub fn lock(root: &Path, product: &Packages, requests: &[Request], cache: &Cache) -> Result<Lock> {
    let (source, trust) = source(root, product)?;
    let catalogue = repository::read(&source, &trust)?;
    let chosen = resolve::resolve(&catalogue, requests, &product.abi)
        .with_context(|| format!("resolving pkglist against the repository {source}"))?;
    let mut packages = Vec::new();
    for chosen in chosen.values() {
        let offer = chosen.offer;
        let pin = || -> Result<Locked> {
            let path = offer.path.as_ref().or(offer.repopath.as_ref());
            let path = path.context("the catalogue does not say where its archive is")?;
            repository::require_inside(path)?;
            let sum = Sum::parse(&offer.sum)?;
            let (size, sha256) = match sum.sha256() {
                Some(sha256) => (offer.pkgsize, sha256.to_owned()),
                None => cache.fetch_unpinned(&source, path, |file| {
                    let mut hasher = sum.hasher();
                    hasher.update(&std::fs::read(file)?);
                    sum.require(hasher).with_context(|| format!("{path} is not what the catalogue tells of"))
                })?,
            };
            Ok(Locked {
                name: offer.name.clone(),
                version: offer.version.clone(),
                origin: offer.origin.clone(),
                arch: offer.built_for().to_owned(),
                sha256,
                size,
                flatsize: offer.flatsize,
                path: path.clone(),
                deps: chosen.deps.iter().cloned().collect(),
                why: chosen.why.iter().cloned().collect(),
            })
        };
        packages.push(pin().with_context(|| format!("locking {} {}", offer.name, offer.version))?);
    }
    let repository = product.repository.as_deref().unwrap_or_default();
    Ok(Lock::new(repository, trust.word(), &product.abi, requests, packages))
}
