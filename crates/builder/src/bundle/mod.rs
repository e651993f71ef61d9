//! The update bundle: from a slot image to `sluice-alix-VERSION.fw`, in the format of [`firmware::bundle`].
//!
//! Invariant: the same slot image, facts and key give the same bytes, on any number of processors. Chunks are compressed
//! independently, so that a unit can check and write one after another, and so that a chunk without changes keeps its
//! bytes.

mod chunk_cache;
mod encoder;
#[cfg(test)]
mod tests;
mod write;

pub use chunk_cache::ChunkCache;
pub use encoder::ENCODER;
pub use write::{SUFFIX, Summary, manifest, write};
