//! The update bundle: from a slot image to `sluice-alix-VERSION.fw`, whose format is [`firmware::bundle`]'s.
//!
//! Invariant: the same slot image, facts and key give the same bytes, however many processors compress it. Each chunk
//! is compressed by itself, so that a unit can check and write one after another, and the chunks that a change did
//! not touch stay as they were.

mod former;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{CHUNK_SECTORS, ChunkList, Header, Manifest, StoredChunk, is_zero, sha256};
use firmware::state::Digest;
use rayon::prelude::*;

use crate::keys::Signer;
use crate::product::{Product, Version};
use crate::sparse;
pub use former::Former;

/// How the file of a bundle ends.
pub const SUFFIX: &str = ".fw";
/// What compresses the chunks. The crate is pinned by `Cargo.lock` and brings its own zstd; a test compares.
pub const ENCODER: &str = "zstd 1.5.7, level 19";

const LEVEL: i32 = 19;
/// Bytes of a chunk.
const CHUNK_BYTES: u64 = CHUNK_SECTORS as u64 * SECTOR_BYTES;

/// What a bundle came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Chunks of the slot.
    pub chunks: u32,
    /// Those that are stored: the others are zero.
    pub stored: u32,
    /// Those of them that a former bundle had compressed already.
    pub reused: u32,
    /// Bytes of the stored chunks in the slot.
    pub raw_bytes: u64,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// What identifies the slot image.
    pub digest: Digest,
}

/// The manifest of a slot of `size`, without its chunks.
///
/// # Errors
/// The slot is larger than 32 bits of sectors.
pub fn manifest(product: &Product, version: &Version, world: &str, size: Sectors) -> Result<Manifest> {
    Ok(Manifest {
        format: 1,
        product: product.name.clone(),
        board: product.board.name.to_owned(),
        version: version.text.clone(),
        commit: version.commit.clone(),
        world: world.to_owned(),
        layouts: vec![product.layout.version()],
        config_version: product.update.config_version,
        minimum: product.update.minimum.clone(),
        slot_sectors: size.to_u32().context("a slot has more sectors than a bundle can count")?,
        chunk_sectors: CHUNK_SECTORS,
        built: u64::try_from(version.time).unwrap_or_default(),
        chunks: ChunkList::new(),
    })
}

/// Writes the bundle of the slot image `slot` to `out`, which must not be there. What `former` has compressed already
/// is taken from there.
///
/// # Errors
/// The image cannot be read or is not as long as the manifest says, or the bundle cannot be written.
pub fn write(
    slot: &Path,
    out: &Path,
    mut manifest: Manifest,
    signer: &Signer,
    former: Option<&Former>,
) -> Result<Summary> {
    let chunks = compress(slot, Sectors(manifest.slot_sectors.into()).bytes(), former)
        .with_context(|| format!("compressing {}", slot.display()))?;
    let mut summary = Summary { chunks: manifest.chunk_count(), ..Summary::default() };
    let mut next = 0;
    for Packed { index, chunk, raw_bytes, reused, .. } in &chunks {
        manifest.chunks.push_zeros(index - next);
        manifest.chunks.push(*chunk);
        next = index + 1;
        summary.stored += 1;
        summary.reused += u32::from(*reused);
        summary.raw_bytes += raw_bytes;
    }
    manifest.chunks.push_zeros(summary.chunks - next);
    summary.digest = manifest.image_digest();

    let json = manifest.encode().context("writing the manifest of the bundle")?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let signature = signer.sign(&json, &format!("timestamp:{}\tfile:{name}\thashed", manifest.built))?;
    let header = Header::of(&json, &signature).context("writing the header of the bundle")?.encode();
    let write = || -> std::io::Result<u64> {
        let mut file = BufWriter::new(File::create_new(out)?);
        let head = [&header[..], &json, signature.as_bytes()];
        let mut bytes = 0;
        for part in head.into_iter().chain(chunks.iter().map(|chunk| &*chunk.stored)) {
            file.write_all(part)?;
            bytes += part.len() as u64;
        }
        file.into_inner()?;
        Ok(bytes)
    };
    summary.bytes = write().with_context(|| format!("writing the bundle {}", out.display()))?;
    Ok(summary)
}

/// A chunk as it goes into the bundle.
struct Packed {
    index: u32,
    chunk: StoredChunk,
    stored: Vec<u8>,
    raw_bytes: u64,
    reused: bool,
}

/// The chunks of `slot` that are not zero, in order.
fn compress(slot: &Path, bytes: u64, former: Option<&Former>) -> Result<Vec<Packed>> {
    let file = File::open(slot)?;
    let found = file.metadata()?.len();
    ensure!(found == bytes, "it has {found} bytes and should have {bytes}");
    let mut touched: Vec<u64> = Vec::new();
    for part in sparse::data(&file, bytes)? {
        touched.extend(part.start / CHUNK_BYTES..part.end.div_ceil(CHUNK_BYTES));
    }
    touched.dedup();
    let packed = touched.into_par_iter().map(|index| {
        let at = index * CHUNK_BYTES;
        let mut raw = vec![0; CHUNK_BYTES.min(bytes - at) as usize];
        file.read_exact_at(&mut raw, at).with_context(|| format!("reading at byte {at}"))?;
        if is_zero(&raw) { Ok(None) } else { pack(u32::try_from(index)?, &raw, former).map(Some) }
    });
    packed.filter_map(Result::transpose).collect()
}

fn pack(index: u32, raw: &[u8], former: Option<&Former>) -> Result<Packed> {
    let raw_bytes = raw.len() as u64;
    if let Some((chunk, stored)) = former.and_then(|former| former.find(&sha256(raw))) {
        return Ok(Packed { index, chunk, stored, raw_bytes, reused: true });
    }
    // A fresh context each time: what a chunk becomes must not depend on what the thread did before.
    let compressed =
        zstd::bulk::compress(raw, LEVEL).with_context(|| format!("compressing chunk {index}"))?;
    let stored = if compressed.len() < raw.len() { compressed } else { raw.to_vec() };
    Ok(Packed { index, chunk: StoredChunk::of(raw, &stored), stored, raw_bytes, reused: false })
}

#[cfg(test)]
mod tests;
