//! Stamps: for each step that is done, a digest of what it was done with.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// How a stamp's name begins.
const PREFIX: &str = "_.done.";

/// The stamps of a build.
#[derive(Clone, Debug)]
pub struct Stamps {
    /// The directory that they are in.
    pub dir: PathBuf,
}

impl Stamps {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{PREFIX}{name}"))
    }

    /// What `name` was done with; `None` when it is not done.
    pub fn get(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Writes down that `name` was done with `digest`.
    ///
    /// # Errors
    /// The stamp cannot be written.
    pub fn mark(&self, name: &str, digest: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, digest).with_context(|| format!("writing {}", path.display()))
    }

    /// Forgets that `name` was done.
    ///
    /// # Errors
    /// The stamp cannot be removed.
    pub fn unmark(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }
}
