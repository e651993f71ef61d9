//! A digest of several pieces.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// SHA-256 of pieces, each with its length, so that none runs into the next.
#[derive(Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds a piece.
    pub fn add(&mut self, piece: impl AsRef<[u8]>) {
        let piece = piece.as_ref();
        self.0.update((piece.len() as u64).to_le_bytes());
        self.0.update(piece);
    }

    /// A digest of names and content of `files` below `root`. A missing file counts as missing.
    pub fn of_files<'a>(root: &Path, files: impl IntoIterator<Item = &'a str>) -> String {
        let mut digest = Self::default();
        for file in files {
            digest.add(file);
            match fs::read(root.join(file)) {
                Ok(content) => digest.add(content),
                Err(_) => digest.add("missing"),
            }
        }
        digest.text()
    }

    /// The digest in hexadecimal.
    pub fn text(self) -> String {
        hex::encode(self.0.finalize())
    }
}
