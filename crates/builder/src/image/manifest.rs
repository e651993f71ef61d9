//! `manifest.json`: what an image is made of, for the engineer and for programs.
//!
//! It has no path of the host, and no time but that of the commit, so two builds of one commit have the same manifest.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use firmware::layout::Layout;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::layer_size::LayerSize;
use crate::keys::{Signing, TrustedKey};
use crate::product::{FileSystem, Product, Version};
use crate::services::Edition;
use crate::{bundle, sparse};

/// The number of bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// The manifest.
#[derive(Debug, Serialize)]
pub struct Manifest<'a> {
    /// The product's name.
    pub product: &'a str,
    /// The board.
    pub board: &'a str,
    /// The version.
    pub version: &'a str,
    /// The commit.
    pub commit: &'a str,
    /// Whether there were uncommitted changes.
    pub dirty: bool,
    /// The commit's time, in seconds since 1970.
    pub time: i64,
    /// The origin of FreeBSD.
    pub world: WorldFacts<'a>,
    /// The version of the compiler of the services. Other versions give other bytes.
    pub rustc: &'a str,
    /// The layers, the largest first.
    pub layers: Vec<LayerFacts>,
    /// The file system of a slot.
    pub filesystem: FileSystemFacts,
    /// The partition table.
    pub partitions: Vec<Partition>,
    /// The keys that a slot trusts and revokes, and the key that signed the bundle.
    pub keys: KeyFacts,
    /// The compressor of the bundle. Other versions give other bytes.
    pub compression: &'a str,
    /// The images and the update bundle.
    pub images: Vec<ImageFacts>,
}

/// The origin of FreeBSD.
#[derive(Debug, Serialize)]
pub struct WorldFacts<'a> {
    /// The kind of world.
    pub source: &'a str,
    /// FreeBSD's version.
    pub version: &'a str,
    /// The name of the kernel's configuration, if it is known.
    pub kernel: Option<&'a str>,
}

/// One layer.
#[derive(Debug, Serialize)]
pub struct LayerFacts {
    name: String,
    entries: u64,
    bytes: u64,
}

impl From<LayerSize> for LayerFacts {
    fn from(size: LayerSize) -> Self {
        Self { name: size.name, entries: size.entries, bytes: size.bytes }
    }
}

/// newfs(8) parameters and usage of a file system.
#[derive(Debug, Serialize)]
pub struct FileSystemFacts {
    block: u32,
    fragment: u32,
    bytes_per_inode: u32,
    soft_updates: bool,
    bytes: u64,
    bytes_used: u64,
    inodes: u64,
    inodes_used: u64,
}

impl FileSystemFacts {
    /// The facts of a slot's file system.
    pub fn new(filesystem: &FileSystem, usage: &ufs::Usage) -> Self {
        Self {
            block: filesystem.block,
            fragment: filesystem.fragment,
            bytes_per_inode: filesystem.bytes_per_inode,
            soft_updates: filesystem.soft_updates,
            bytes: usage.size,
            bytes_used: usage.bytes_used,
            inodes: usage.inodes,
            inodes_used: usage.inodes_used,
        }
    }
}

/// One slice, in sectors.
#[derive(Debug, Serialize)]
pub struct Partition {
    slice: u8,
    role: &'static str,
    start_sector: u64,
    sectors: u64,
}

/// The partition table of `layout`.
pub fn partitions(layout: &Layout) -> Vec<Partition> {
    let role = |number: u8| match number {
        _ if layout.slot(number).is_some() => "slot",
        _ if number == layout.cfg.number => "cfg",
        _ => "data",
    };
    layout
        .slices()
        .map(|slice| Partition {
            slice: slice.number,
            role: role(slice.number),
            start_sector: slice.start.0,
            sectors: slice.size.0,
        })
        .collect()
}

/// Key ids, by the names of the keys, and the key epoch.
#[derive(Debug, Default, Serialize)]
pub struct KeyFacts {
    epoch: u32,
    trusted: BTreeMap<String, String>,
    revoked: BTreeMap<String, String>,
    signed_with: String,
}

impl KeyFacts {
    /// The facts of the keys of a build.
    pub fn new(signing: &Signing, epoch: u32) -> Self {
        let ids =
            |keys: &[TrustedKey]| keys.iter().map(|key| (key.name.clone(), key.id.to_string())).collect();
        Self {
            epoch,
            trusted: ids(signing.trusted.keys()),
            revoked: ids(signing.trusted.revoked()),
            signed_with: signing.signer.id().to_string(),
        }
    }
}

/// An image or the update bundle.
#[derive(Debug, Serialize)]
pub struct ImageFacts {
    /// The name of the file.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its digest in hexadecimal, in a release. Hashing takes longer than writing, because an image is mostly zeros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl ImageFacts {
    /// The facts of the file at `path`, built for this edition.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(path: &Path, edition: Edition) -> Result<Self> {
        let attempt = || format!("hashing {}", path.display());
        let open = File::open(path).with_context(attempt)?;
        let bytes = open.metadata().with_context(attempt)?.len();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sha256 = match edition {
            Edition::Release => Some(sha256(&open, bytes).with_context(attempt)?),
            Edition::Development => None,
        };
        Ok(Self { file, bytes, sha256 })
    }
}

/// Hashes a file of `bytes` bytes, without reading its holes.
fn sha256(file: &File, bytes: u64) -> Result<String> {
    let (mut hash, mut chunk, zeros) = (Sha256::new(), vec![0; CHUNK], vec![0; CHUNK]);
    let mut at = 0;
    for part in sparse::data(file, bytes)?.into_iter().chain(std::iter::once(bytes..bytes)) {
        for size in chunks(part.start - at) {
            hash.update(&zeros[..size]);
        }
        at = part.start;
        for size in chunks(part.end - part.start) {
            file.read_exact_at(&mut chunk[..size], at)?;
            hash.update(&chunk[..size]);
            at += size as u64;
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// Splits `length` into parts of at most [`CHUNK`].
fn chunks(length: u64) -> impl Iterator<Item = usize> {
    (0..length).step_by(CHUNK).map(move |at| (length - at).min(CHUNK as u64) as usize)
}

impl<'a> Manifest<'a> {
    /// A manifest with these facts. The caller sets layers, keys and images.
    pub fn new(
        product: &'a Product,
        version: &'a Version,
        world: WorldFacts<'a>,
        rustc: &'a str,
        filesystem: FileSystemFacts,
    ) -> Self {
        Self {
            product: &product.name,
            board: product.board.name,
            version: &version.text,
            commit: &version.commit,
            dirty: version.dirty,
            time: version.time,
            world,
            rustc,
            layers: Vec::new(),
            filesystem,
            partitions: partitions(&product.layout),
            keys: KeyFacts::default(),
            compression: bundle::ENCODER,
            images: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_hashed_as_the_zeros_that_it_reads_as() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.img");
        for (data_at, length) in [(0, 5 << 20), (3 << 20, 5 << 20), ((5 << 20) - 3, 5 << 20), (0, 3)] {
            let file = File::create(&path).unwrap();
            file.set_len(length).unwrap();
            file.write_all_at(b"abc", data_at).unwrap();
            let plain = std::fs::read(&path).unwrap();
            let facts = ImageFacts::of(&path, Edition::Release).unwrap();
            assert_eq!(facts.sha256, Some(hex::encode(Sha256::digest(plain))));
        }
    }
}
