//! A bundle that was made before, as a store of chunks that need not be compressed again: level 19 takes as long as all
//! the rest of a build, and most changes touch few chunks.
//!
//! What is taken from it is what compressing would give, for it is used only when the same encoder made it, and each
//! chunk is checked.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use firmware::bundle::{ChunkContent, PublicKeys, Reader, StoredChunk, sha256};
use serde::Deserialize;

use super::{ENCODER, SUFFIX};

/// A former bundle.
#[derive(Debug)]
pub struct Former {
    file: File,
    /// By the digest in the slot: where the stored bytes are, and what they must be.
    chunks: HashMap<[u8; 32], (u64, StoredChunk)>,
}

/// What counts of the manifest beside the images.
#[derive(Deserialize)]
struct Made {
    compression: String,
}

impl Former {
    /// The bundle in the folder of a build, if there is one whose chunks are as this builder would make them. Whatever
    /// is wrong with it is no error: everything is compressed again then.
    pub fn open(folder: &Path, manifest: &str, keys: &PublicKeys) -> Option<Self> {
        let made: Made = serde_json::from_slice(&fs::read(folder.join(manifest)).ok()?).ok()?;
        if made.compression != ENCODER {
            return None;
        }
        let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
        let mut bundles = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && !path.is_symlink() && path.to_string_lossy().ends_with(SUFFIX));
        let file = File::open(bundles.next()?).ok()?;
        let reader = Reader::open(&file, keys).ok()?;
        let mut at = reader.position();
        let mut chunks = HashMap::new();
        for chunk in reader.manifest().chunks() {
            if let ChunkContent::Stored { bytes, stored_sha256, raw_sha256 } = chunk.content {
                chunks.insert(raw_sha256, (at, StoredChunk { bytes, stored_sha256, raw_sha256 }));
                at += u64::from(bytes);
            }
        }
        Some(Self { file, chunks })
    }

    /// The chunk with this digest in the slot, and its stored bytes.
    pub(super) fn find(&self, raw_sha256: &[u8; 32]) -> Option<(StoredChunk, Vec<u8>)> {
        let (at, chunk) = self.chunks.get(raw_sha256)?;
        let mut stored = vec![0; chunk.bytes as usize];
        self.file.read_exact_at(&mut stored, *at).ok()?;
        (sha256(&stored) == chunk.stored_sha256).then_some((*chunk, stored))
    }
}
