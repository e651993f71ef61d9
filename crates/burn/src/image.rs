//! The full image that is burnt.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// An image file, followed by zeros.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    file: File,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Image {
    /// Opens `path`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let attempt = || format!("reading the image {}", path.display());
        let file = File::open(path).with_context(attempt)?;
        let bytes = file.metadata().with_context(attempt)?.len();
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Fills `bytes` from byte `at` on.
    ///
    /// # Errors
    /// It cannot be read, or has become shorter.
    pub fn read_at(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let count = self.bytes.saturating_sub(at).min(bytes.len() as u64) as usize;
        let (there, after) = bytes.split_at_mut(count);
        after.fill(0);
        let read = self.file.read_exact_at(there, at);
        read.with_context(|| format!("reading the image {} at byte {at}", self.path.display()))
    }
}
