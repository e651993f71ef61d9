//! The update bundle, `sluice-alix-VERSION.fw`: a slot image that can be checked while it streams in.
//!
//! One file, read from its first byte to its last, from a pipe as well as from a disk: a [`Header`], the
//! [`Manifest`], a minisign signature over exactly the manifest's bytes ([`PublicKeys`]), and the stored chunks back
//! to back. The manifest names the SHA-256 of every chunk, so the signature covers all of the image; [`Reader`] hands
//! out no byte that these two do not vouch for.
//!
//! | offset | bytes | what                                                                                  |
//! |-------:|------:|---------------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceFw`                                                                      |
//! |      8 |     2 | format version, 1                                                                     |
//! |     10 |     2 | bytes of this header, 32                                                              |
//! |     12 |     4 | `m`: bytes of the manifest, at most 1 MiB                                             |
//! |     16 |     4 | `s`: bytes of the signature, at most 4 KiB                                            |
//! |     20 |     8 | zero                                                                                  |
//! |     28 |     4 | CRC-32 (IEEE 802.3) of bytes 0 to 28                                                  |
//! |     32 |   `m` | manifest, JSON in UTF-8                                                               |
//! | 32+`m` |   `s` | signature, the text of a `.minisig` file                                              |
//! |        |       | stored chunks in the order of the manifest, each as long as it says; then the end     |
//!
//! Numbers are little-endian. The header's checksum is against accidents only; what an attacker could change in it
//! makes the signature fail. The signature is checked before the manifest is parsed, and a chunk's stored bytes are
//! checked before they are decompressed: neither the JSON parser nor the decompressor ever sees a byte that the
//! holder of a key has not signed.
//!
//! The signature is the four lines that minisign(1) writes, each ended by a newline, prehashed (`ED`), its first line
//! exactly [`SIGNATURE_COMMENT`]: that line is covered by no signature, so nothing else is let in there.
//!
//! The manifest and the chunks' sizes are described with [`Manifest`]. Writing is here as far as the format goes; where
//! the bytes come from, how they are compressed and who signs is the builder's.

mod base64;
mod chunk;
mod digest;
mod error;
mod header;
mod manifest;
mod reader;
mod signature;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, ChunkContent, ChunkList, StoredChunk};
pub use digest::{ImageDigest, is_zero, sha256};
pub use error::BundleError;
pub use header::{HEADER_BYTES, Header, MAGIC_VALUE, MANIFEST_BYTES_MAX, SIGNATURE_BYTES_MAX};
pub use manifest::{CHUNK_SECTORS, CHUNK_SECTORS_MAX, Manifest, ManifestError};
pub use reader::Reader;
pub use signature::{KeyError, KeyId, PublicKeys, SIGNATURE_COMMENT, SignatureError};
