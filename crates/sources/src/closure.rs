//! A package with all that it is compiled from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::files;
use super::lock::Lock;
use super::manifest::{self, Package};

/// The manifest of the workspace.
const MANIFEST: &str = "Cargo.toml";
/// The lock file of the workspace.
const LOCK: &str = "Cargo.lock";

/// A package of the workspace with the packages that it is compiled from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Closure {
    /// The packages of the workspace, in the order of their names.
    packages: Vec<Package>,
    /// Crates from elsewhere, each as `name version checksum`.
    external: BTreeSet<String>,
    /// The profile of the compilation, and those that it inherits from.
    profile: String,
}

/// A closure with the digests of the files that it was read from.
#[derive(Serialize, Deserialize)]
struct Cached {
    read: BTreeMap<String, String>,
    closure: Closure,
}

impl Closure {
    /// What the package `name` of the workspace at `root` is compiled from with the cargo profile `profile`.
    ///
    /// # Errors
    /// There is no such package, or manifests or lock file cannot be read.
    pub fn read(root: &Path, name: &str, profile: &str) -> Result<Self> {
        let mut known = manifest::packages(root)?;
        let mut wanted = vec![name.to_owned()];
        let mut packages: BTreeMap<String, Package> = BTreeMap::new();
        while let Some(name) = wanted.pop() {
            if let Some(package) = known.remove(&name) {
                wanted.extend(package.dependencies.iter().cloned());
                packages.insert(name, package);
            }
        }
        anyhow::ensure!(
            packages.contains_key(name),
            "reading the workspace {}: no package `{name}`",
            root.display()
        );
        let roots = packages.values().map(|package| (&*package.name, &*package.dependencies)).collect();
        let text = |file: &str| {
            fs::read_to_string(root.join(file))
                .with_context(|| format!("reading {}", root.join(file).display()))
        };
        Ok(Self {
            external: Lock::parse(&text(LOCK)?)?.external(&roots)?,
            profile: manifest::profile(&text(MANIFEST)?, profile)?,
            packages: packages.into_values().collect(),
        })
    }

    /// The same, from the file `cache` if no manifest and no lock file has changed since it was written. A cache that cannot be
    /// written is done without.
    ///
    /// # Errors
    /// As [`Closure::read`].
    pub fn cached(root: &Path, name: &str, profile: &str, cache: &Path) -> Result<Self> {
        let cached = fs::read(cache).ok().and_then(|text| serde_json::from_slice::<Cached>(&text).ok());
        let is_current = |cached: &Cached| {
            cached.closure.package(name).is_some()
                && cached
                    .read
                    .iter()
                    .all(|(file, digest)| of_file(root, file).is_some_and(|now| now == *digest))
        };
        if let Some(cached) = cached.filter(is_current) {
            return Ok(cached.closure);
        }
        let closure = Self::read(root, name, profile)?;
        let read =
            closure.manifests().into_iter().filter_map(|file| Some((file.clone(), of_file(root, &file)?)));
        let cached = Cached { read: read.collect(), closure };
        if let (Some(dir), Ok(text)) = (cache.parent(), serde_json::to_vec(&cached)) {
            let _ = fs::create_dir_all(dir).and_then(|()| write(cache, &text));
        }
        Ok(cached.closure)
    }

    /// The package `name` of the workspace.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The source files, from the root of the workspace.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn files(&self, root: &Path) -> Result<BTreeSet<String>> {
        let of_package = |package: &Package| files::sources(root, &package.directory);
        let files: Vec<_> = self.packages.iter().map(of_package).collect::<Result<_>>()?;
        Ok(files.into_iter().flatten().collect())
    }

    /// The files that versions, features and profiles come from, from the root of the workspace.
    pub fn manifests(&self) -> Vec<String> {
        let of_packages = self.packages.iter().map(|package| format!("{}/{MANIFEST}", package.directory));
        of_packages.chain([MANIFEST.to_owned(), LOCK.to_owned()]).collect()
    }

    /// Changes whenever the compiled package would, as far as sources decide on it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn digest(&self, root: &Path) -> Result<String> {
        let mut digest = Digest::default();
        digest.add(&self.profile);
        for package in &self.packages {
            digest.add(package.description.to_string());
        }
        self.external.iter().for_each(|external| digest.add(external));
        for file in self.files(root)? {
            let path = root.join(&file);
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            digest.add(&file);
            match std::str::from_utf8(&bytes).ok().filter(|_| file.ends_with(".rs")) {
                Some(text) => digest.add(files::without_tests(text)),
                None => digest.add(&bytes),
            }
        }
        Ok(digest.text())
    }
}

fn of_file(root: &Path, file: &str) -> Option<String> {
    let mut digest = Digest::default();
    digest.add(fs::read(root.join(file)).ok()?);
    Some(digest.text())
}

/// Writes `path` in one step: another process may read it meanwhile.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let part = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    fs::write(&part, text)?;
    fs::rename(&part, path)
}
