//! The FreeBSD source tree: is it one, which version, and has it changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::board::Processor;

/// A checked source tree.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, as `13.2-RELEASE`.
    pub version: String,
}

impl SourceTree {
    /// Opens the tree in `path`.
    ///
    /// # Errors
    /// It is no FreeBSD source tree, or one of a version that the product is not built from.
    pub fn open(path: &Path, processor: &Processor) -> Result<Self> {
        let path =
            fs::canonicalize(path).with_context(|| format!("opening the source tree {}", path.display()))?;
        let newvers = path.join("sys/conf/newvers.sh");
        let Ok(text) = fs::read_to_string(&newvers) else {
            bail!(
                "opening the source tree {}: sys/conf/newvers.sh is missing, so it is no FreeBSD source tree\nhint: give the \
                 directory that holds `sys`, `bin` and `Makefile.inc1`",
                path.display()
            );
        };
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(|value| value.trim_matches('"').to_owned())
                .with_context(|| format!("reading {}: no {name}", newvers.display()))
        };
        let (revision, branch) = (value("REVISION")?, value("BRANCH")?);
        let major = revision.split('.').next().unwrap_or_default();
        ensure!(
            processor.freebsd.contains(&major),
            "opening the source tree {}: it is FreeBSD {revision}; the product is built from {}, the last that have \
             an {} kernel",
            path.display(),
            processor.freebsd.join(" or "),
            processor.target
        );
        let branch = branch.split("${").next().unwrap_or_default();
        Ok(Self { path, version: format!("{revision}-{branch}") })
    }

    /// Changes when any file of the tree does: computed from names, sizes and times alone.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        let sums = fold(&self.path)?;
        Ok(hex::encode(sums))
    }
}

/// A digest of all below `dir`; directories are walked in parallel, in whatever order they come.
fn fold(dir: &Path) -> Result<[u8; 32]> {
    let entries: Vec<fs::DirEntry> = fs::read_dir(dir)
        .and_then(Iterator::collect)
        .with_context(|| format!("reading the source tree {}", dir.display()))?;
    entries
        .into_par_iter()
        .filter(|entry| entry.file_name() != ".git")
        .map(|entry| {
            let metadata = entry.metadata().with_context(|| format!("reading {}", entry.path().display()))?;
            let mut hash = Sha256::new();
            hash.update(entry.file_name().as_encoded_bytes());
            hash.update(metadata.mode().to_le_bytes());
            if metadata.is_dir() {
                hash.update(fold(&entry.path())?);
            } else {
                hash.update(metadata.len().to_le_bytes());
                hash.update(metadata.mtime().to_le_bytes());
                hash.update(metadata.mtime_nsec().to_le_bytes());
            }
            Ok(<[u8; 32]>::from(hash.finalize()))
        })
        // Addition does not care for the order of a directory's entries, which differs from host to host.
        .try_reduce(
            || [0; 32],
            |mut sum, part| {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
                Ok(sum)
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<SourceTree> {
        SourceTree::open(path, &crate::board::DEFAULT.processor)
    }

    fn sample(revision: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sys/conf")).unwrap();
        let text =
            format!("REVISION=\"{revision}\"\nBRANCH=\"RELEASE\"\nif [ -n x ]; then\n\tBRANCH=y\nfi\n");
        fs::write(dir.path().join("sys/conf/newvers.sh"), text).unwrap();
        dir
    }

    #[test]
    fn the_version_is_the_trees_own() {
        assert_eq!(open(sample("13.2").path()).unwrap().version, "13.2-RELEASE");
        let error = open(sample("15.0").path()).unwrap_err().to_string();
        assert!(error.contains("FreeBSD 15.0") && error.contains("13 or 14"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = open(empty.path()).unwrap_err().to_string();
        assert!(error.contains("no FreeBSD source tree"), "{error}");
    }

    #[test]
    fn a_changed_file_deep_down_changes_the_fingerprint() {
        let dir = sample("13.2");
        let tree = open(dir.path()).unwrap();
        let before = tree.fingerprint().unwrap();
        assert_eq!(before, tree.fingerprint().unwrap());
        fs::write(dir.path().join("sys/conf/files"), "new").unwrap();
        assert_ne!(before, tree.fingerprint().unwrap());
    }
}
