//! The limits of format 1: the largest parts of a bundle that a unit accepts.

/// The most bytes of a manifest: enough for a slot of 900 MB without a single chunk of zeros.
pub const MANIFEST_BYTES_MAX: u32 = 1 << 20;

/// The most bytes of a signature; minisign writes about 300.
pub const SIGNATURE_BYTES_MAX: u32 = 4 << 10;

/// Sectors per chunk as the builder makes them: 128 KiB, the largest block of zstd.
pub const CHUNK_SECTORS: u32 = 256;

/// The most sectors per chunk that a unit accepts, because it keeps a few chunks in memory.
pub const CHUNK_SECTORS_MAX: u32 = 256;

/// The least sectors per chunk: a flash page.
pub const CHUNK_SECTORS_MIN: u32 = 8;

/// The most version floors that a release may lower.
pub const LOWERED_FLOORS_MAX: usize = 8;

/// The most disk layouts that a bundle may name.
pub(super) const LAYOUTS_MAX: usize = 32;
