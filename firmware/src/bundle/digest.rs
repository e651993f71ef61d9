//! The digest of a whole slot image, which is almost free for zeros.

use sha2::{Digest, Sha256};

/// Bytes that are tested together for being zero.
const BLOCK: usize = 64;

/// Bytes of the words in which they are tested.
const WORD: usize = 4;

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether every byte is zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    // Word by word and without a branch in the inner loop. A compiler that optimizes for size does not make words of bytes, and
    // the unit's processor has no vectors.
    let any = |block: &[u8; BLOCK]| {
        block.as_chunks::<WORD>().0.iter().fold(0, |any, word| any | u32::from_ne_bytes(*word)) != 0
    };
    rest.iter().all(|&byte| byte == 0) && !blocks.iter().any(any)
}

/// The digest of a slot image: SHA-256 over the SHA-256 of each of its chunks, in order. A bundle's manifest has the same
/// digest ([`super::Manifest::image_digest`]), so a unit can check whether a slot contains the image of a bundle.
#[derive(Clone, Debug)]
pub struct ImageDigest {
    all: Sha256,
    /// The length and digest of the last zeros: nearly all zeros are whole chunks.
    zeros: Option<(usize, [u8; 32])>,
}

impl Default for ImageDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageDigest {
    /// The digest of no chunks.
    pub fn new() -> Self {
        Self { all: Sha256::new(), zeros: None }
    }

    /// Adds the next chunk, given its bytes in the slot, and returns its digest. The last chunk of a slot may be shorter
    /// than the others.
    pub fn add(&mut self, raw: &[u8]) -> [u8; 32] {
        if is_zero(raw) {
            return self.add_zeros(raw.len());
        }
        let digest = sha256(raw);
        self.add_hash(&digest);
        digest
    }

    /// Adds the next chunk, given its digest.
    pub fn add_hash(&mut self, raw_sha256: &[u8; 32]) {
        self.all.update(raw_sha256);
    }

    /// Adds the next chunk, consisting of `bytes` zeros, and returns its digest.
    pub fn add_zeros(&mut self, bytes: usize) -> [u8; 32] {
        let digest = match self.zeros {
            Some((known, digest)) if known == bytes => digest,
            _ => zeros_sha256(bytes),
        };
        self.zeros = Some((bytes, digest));
        self.add_hash(&digest);
        digest
    }

    /// The digest of all chunks added.
    pub fn finish(self) -> [u8; 32] {
        self.all.finalize().into()
    }
}

fn zeros_sha256(bytes: usize) -> [u8; 32] {
    let block = [0; 4096];
    let mut hash = Sha256::new();
    for _ in 0..bytes / block.len() {
        hash.update(block);
    }
    hash.update(&block[..bytes % block.len()]);
    hash.finalize().into()
}
