//! A previous bundle as a cache of compressed chunks: compressing takes as long as the rest of a build, and most changes
//! touch few chunks.
//!
//! A cached chunk is what compressing again would give: the cache is used only if the same encoder made it, and each chunk
//! is checked.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use firmware::bundle::{ChunkContent, PublicKeys, Reader, StoredChunk, sha256};
use serde::Deserialize;

use super::encoder::ENCODER;

/// The chunks of a previous bundle.
#[derive(Debug)]
pub struct ChunkCache {
    file: File,
    /// By the digest of the uncompressed chunk: the offset of its stored bytes in `file`, and the chunk.
    chunks: HashMap<[u8; 32], (u64, StoredChunk)>,
}

/// The part of `manifest.json` that matters here.
#[derive(Deserialize)]
struct BuildFacts {
    compression: String,
}

impl ChunkCache {
    /// Opens the bundle in the directory `dir` of a build. `manifest` is the name of the build's manifest in it, and `suffix`
    /// the extension of a bundle. Returns `None` if this builder would compress its chunks differently, or if anything is
    /// wrong with it: all chunks are compressed again then.
    pub fn open(dir: &Path, manifest: &str, suffix: &str, keys: &PublicKeys) -> Option<Self> {
        let facts: BuildFacts = serde_json::from_slice(&fs::read(dir.join(manifest)).ok()?).ok()?;
        if facts.compression != ENCODER {
            return None;
        }
        let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
        let mut bundles = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && !path.is_symlink() && path.to_string_lossy().ends_with(suffix));
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

    /// The chunk with this digest of its uncompressed bytes, and its stored bytes.
    pub(super) fn find(&self, raw_sha256: &[u8; 32]) -> Option<(StoredChunk, Vec<u8>)> {
        let (at, chunk) = self.chunks.get(raw_sha256)?;
        let mut stored = vec![0; chunk.bytes as usize];
        self.file.read_exact_at(&mut stored, *at).ok()?;
        (sha256(&stored) == chunk.stored_sha256).then_some((*chunk, stored))
    }
}
