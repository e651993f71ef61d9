//! Writing a bundle.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{CHUNK_SECTORS, ChunkList, Header, Manifest, StoredChunk, is_zero, sha256};
use firmware::revocations::Revocations;
use firmware::state::Digest;
use rayon::prelude::*;

use super::chunk_cache::ChunkCache;
use super::encoder;
use crate::keys::Signer;
use crate::product::{Product, Version};
use crate::sparse;

/// The extension of a bundle.
pub const SUFFIX: &str = ".fw";

/// The size of a chunk in bytes.
pub(super) const CHUNK_BYTES: u64 = CHUNK_SECTORS as u64 * SECTOR_BYTES;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of chunks of the slot.
    pub chunks: u32,
    /// The number of chunks that are stored. The others are zero.
    pub stored: u32,
    /// The number of stored chunks that come from the cache.
    pub reused: u32,
    /// The size of the stored chunks before compression, in bytes.
    pub raw_bytes: u64,
    /// The size of the bundle, in bytes.
    pub bytes: u64,
    /// The digest of the slot image.
    pub digest: Digest,
}

/// The manifest of a bundle for a slot of `size` whose release withdraws `revocations`, with an empty list of chunks.
///
/// # Errors
/// The number of sectors does not fit in 32 bits.
pub fn manifest(
    product: &Product,
    version: &Version,
    world: &str,
    size: Sectors,
    revocations: &Revocations,
) -> Result<Manifest> {
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
        key_epoch: revocations.epoch,
        revoked_keys: revocations.keys.clone(),
        lowers_floors: product.update.lowers_floors.clone(),
        slot_sectors: size.to_u32().context("a slot has more sectors than a bundle can record")?,
        chunk_sectors: CHUNK_SECTORS,
        built: u64::try_from(version.time).unwrap_or_default(),
        chunks: ChunkList::new(),
    })
}

/// Writes the bundle of the slot image `slot` to the new file `out`. Takes compressed chunks from `cache` where it has
/// them.
///
/// # Errors
/// The image cannot be read, or its length is not the one in the manifest, or the bundle cannot be written.
pub fn write(
    slot: &Path,
    out: &Path,
    mut manifest: Manifest,
    signer: &Signer,
    cache: Option<&ChunkCache>,
) -> Result<Summary> {
    let chunks = compress(slot, Sectors(manifest.slot_sectors.into()).bytes(), cache)
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

    let json = manifest.encode().context("encoding the manifest of the bundle")?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let signature = signer.sign(&json, &format!("timestamp:{}\tfile:{name}\thashed", manifest.built))?;
    let header = Header::of(&json, &signature).context("encoding the header of the bundle")?.encode();
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

/// A chunk in its stored form.
struct Packed {
    index: u32,
    chunk: StoredChunk,
    stored: Vec<u8>,
    raw_bytes: u64,
    reused: bool,
}

/// The chunks of `slot` that are not zero, in order.
fn compress(slot: &Path, bytes: u64, cache: Option<&ChunkCache>) -> Result<Vec<Packed>> {
    let file = File::open(slot)?;
    let found = file.metadata()?.len();
    ensure!(found == bytes, "it has {found} bytes, but should have {bytes}");
    let mut touched: Vec<u64> = Vec::new();
    for part in sparse::data(&file, bytes)? {
        touched.extend(part.start / CHUNK_BYTES..part.end.div_ceil(CHUNK_BYTES));
    }
    touched.dedup();
    let packed = touched.into_par_iter().map(|index| {
        let at = index * CHUNK_BYTES;
        let mut raw = vec![0; CHUNK_BYTES.min(bytes - at) as usize];
        file.read_exact_at(&mut raw, at).with_context(|| format!("reading at byte {at}"))?;
        if is_zero(&raw) { Ok(None) } else { pack(u32::try_from(index)?, &raw, cache).map(Some) }
    });
    packed.filter_map(Result::transpose).collect()
}

fn pack(index: u32, raw: &[u8], cache: Option<&ChunkCache>) -> Result<Packed> {
    let raw_bytes = raw.len() as u64;
    if let Some((chunk, stored)) = cache.and_then(|cache| cache.find(&sha256(raw))) {
        return Ok(Packed { index, chunk, stored, raw_bytes, reused: true });
    }
    let compressed = encoder::compress(raw).with_context(|| format!("compressing chunk {index}"))?;
    let stored = if compressed.len() < raw.len() { compressed } else { raw.to_vec() };
    Ok(Packed { index, chunk: StoredChunk::of(raw, &stored), stored, raw_bytes, reused: false })
}
