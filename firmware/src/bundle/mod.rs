//! The update bundle, `sluice-alix-VERSION.fw`: a slot image that can be verified while it is streamed.
//!
//! A bundle is one file that is read once from start to end, from a pipe as well as from a disk. It consists of a [`Header`],
//! the [`Manifest`], a minisign signature over exactly the manifest's bytes ([`PublicKeys`]), and the stored chunks one after
//! the other. The manifest contains the SHA-256 of every chunk, so the signature covers the whole image; [`Reader`] returns
//! only bytes that these two vouch for.
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
//! |        |       | stored chunks in the order and with the lengths of the manifest; then the file ends   |
//!
//! Numbers are little-endian. The header's checksum protects against accidents only; any change an attacker could make there
//! invalidates the signature. The signature is checked before the manifest is parsed, and a chunk's stored bytes are checked
//! before they are decompressed: neither the JSON parser nor the decompressor ever sees a byte that the holder of a key has
//! not signed.
//!
//! The signature consists of the four lines that minisign(1) writes, each terminated by a newline, prehashed (`ED`). Its first
//! line must be exactly [`SIGNATURE_COMMENT`]: no signature covers that line, so no other text is allowed there.
//!
//! The manifest and the sizes of chunks are documented with [`Manifest`]. Writing is here only as far as the format goes;
//! where the bytes come from, how they are compressed and who signs them belongs to the builder.

mod base64;
mod chunk;
mod digest;
mod error;
mod header;
mod limits;
mod list;
mod manifest;
mod reader;
mod signature;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, ChunkContent, ChunkList, StoredChunk};
pub use digest::{ImageDigest, is_zero, sha256};
pub use error::{BundleError, ManifestError};
pub use header::{HEADER_BYTES, Header, MAGIC_VALUE};
pub use limits::{
    CHUNK_SECTORS, CHUNK_SECTORS_MAX, CHUNK_SECTORS_MIN, LOWERED_FLOORS_MAX, MANIFEST_BYTES_MAX,
    SIGNATURE_BYTES_MAX,
};
pub use manifest::Manifest;
pub use reader::Reader;
pub use signature::{KeyError, PublicKeys, SIGNATURE_COMMENT, SignatureError};

pub use crate::key_id::KeyId;
