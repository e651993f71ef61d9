//! What compresses the chunks of a bundle.

use std::io;

/// The compressor and its level. The crate is pinned by `Cargo.lock` and includes its own zstd; a test compares the two.
pub const ENCODER: &str = "zstd 1.5.7, level 19";

pub(super) const LEVEL: i32 = 19;

/// Compresses one chunk. Each chunk gets a new context: the result must not depend on what the thread did before.
pub(super) fn compress(raw: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(raw, LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_the_encoder_that_is_built_in() {
        let version = zstd::zstd_safe::version_string();
        assert_eq!(ENCODER, format!("zstd {version}, level {LEVEL}"));
    }
}
