//! What a reader believes of a superblock (`struct fs` of sys/ufs/ffs/fs.h).
//!
//! The invariant: no number leaves this module that could divide by zero, overflow or lead outside
//! of the file system in the arithmetic of the modules beside it. The offsets are this module's
//! own, so that a mistake of the writer does not cancel out.

use super::error::ReadError;
use super::inode;
use super::le::{u32_at, u64_at};
use crate::checkhash::check_hash;

/// SBLOCKSEARCH (bytes).
pub(super) const PLACES: [u64; 4] = [65536, 8192, 0, 262_144];
/// SBLOCKSIZE (bytes).
pub(super) const ROOM: usize = 8192;
const STRUCT: usize = 1376;
/// More than any disk has, and little enough for sums of offsets (bytes).
const MAX_BYTES: u64 = 1 << 60;
const UFS2: u32 = 0x1954_0119;

/// Facts of a superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes of the file system.
    pub size: u64,
    /// Bytes of a block.
    pub block_size: u32,
    /// Bytes of a fragment.
    pub fragment_size: u32,
    /// Cylinder groups.
    pub groups: u32,
    /// Inodes in all.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Directories.
    pub directories: u64,
    /// Fragments for data in all.
    pub fragments: u64,
    /// Free fragments, those of free blocks included.
    pub fragments_free: u64,
    /// Volume name; empty where there is none.
    pub label: String,
    /// Seconds since 1970 of the last write.
    pub time: i64,
    /// Two numbers that identify the file system (`/dev/ufsid/`).
    pub id: [u32; 2],
    /// Whether it was unmounted cleanly.
    pub clean: bool,
    /// Whether it asks for soft updates.
    pub soft_updates: bool,
    /// Percent that only root may fill.
    pub min_free: u8,
    /// Whether the check-hash is right; `None` when it has none.
    pub hash_good: Option<bool>,
}

/// The numbers by which inodes and blocks are found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub block: u64,
    pub fragment: u64,
    /// Fragments of the file system.
    pub size: u64,
    pub inodes_per_group: u32,
    pub fragments_per_group: u64,
    /// Where in a group its copy of the superblock is, its header, its inodes, and its data after them (fragments).
    pub superblock_fragment: u64,
    pub group_fragment: u64,
    pub inode_fragment: u64,
    pub data_fragment: u64,
    pub groups: u32,
}

/// Believes, or not, the [`ROOM`] bytes at one of the [`PLACES`]; `None` where there is no UFS2.
pub(super) fn decode(bytes: &[u8], place: u64) -> Result<Option<(Superblock, Shape)>, ReadError> {
    if u32_at(bytes, 1372) != UFS2 || u64_at(bytes, 1000) != place {
        return Ok(None);
    }
    let wrong = |why: String| Err(ReadError::corrupt(format!("the superblock at {place}"), why));
    let (block, fragment, frag) = (u32_at(bytes, 48), u32_at(bytes, 52), u32_at(bytes, 56));
    if !block.is_power_of_two() || !(4096..=65536).contains(&block) {
        return wrong(format!("blocks of {block} bytes"));
    }
    let least = (block / 8).max(512);
    if !fragment.is_power_of_two() || !(least..=block).contains(&fragment) || frag != block / fragment {
        return wrong(format!("fragments of {fragment} bytes, {frag} in a block of {block}"));
    }
    let (groups, inodes, fragments) = (u32_at(bytes, 44), u32_at(bytes, 184), u32_at(bytes, 188));
    if groups == 0 || inodes == 0 || fragments == 0 {
        return wrong(format!("{groups} groups of {inodes} inodes and {fragments} fragments"));
    }
    if u64::from(groups) * u64::from(inodes) > u64::from(u32::MAX) {
        return wrong(format!("{groups} groups of {inodes} inodes are more than can be numbered"));
    }
    let size = u64_at(bytes, 1080);
    let reach = u64::from(groups) * u64::from(fragments);
    if size > reach || size <= reach - u64::from(fragments) || size > MAX_BYTES / u64::from(fragment) {
        return wrong(format!("{size} fragments in {groups} groups of {fragments}"));
    }
    let places @ [superblock, header, inode_fragment, data] = [8, 12, 16, 20].map(|at| u32_at(bytes, at));
    let table = (u64::from(inodes) * inode::SIZE as u64).div_ceil(fragment.into());
    if !places.is_sorted() || data > fragments || u64::from(data - inode_fragment) < table {
        return wrong(format!("{places:?} as the fragments of the tables in a group of {fragments}"));
    }
    let volume = &bytes[680..712];
    let label = volume.split(|&byte| byte == 0).next().unwrap_or_default();
    let free_blocks = u64_at(bytes, 1016).saturating_mul(frag.into());
    let flags = u32_at(bytes, 1312);
    let facts = Superblock {
        size: size * u64::from(fragment),
        block_size: block,
        fragment_size: fragment,
        groups,
        inodes: u64::from(groups) * u64::from(inodes),
        inodes_free: u64_at(bytes, 1024),
        directories: u64_at(bytes, 1008),
        fragments: u64_at(bytes, 1088),
        fragments_free: free_blocks.saturating_add(u64_at(bytes, 1032)),
        label: String::from_utf8_lossy(label).into_owned(),
        time: i64::from_le_bytes(u64_at(bytes, 1072).to_le_bytes()),
        id: [u32_at(bytes, 144), u32_at(bytes, 148)],
        clean: bytes[209] == 1,
        soft_updates: flags & 2 != 0,
        min_free: u32_at(bytes, 60).min(100) as u8,
        hash_good: hash_good(bytes, flags),
    };
    let shape = Shape {
        block: block.into(),
        fragment: fragment.into(),
        size,
        inodes_per_group: inodes,
        fragments_per_group: fragments.into(),
        superblock_fragment: superblock.into(),
        group_fragment: header.into(),
        inode_fragment: inode_fragment.into(),
        data_fragment: data.into(),
        groups,
    };
    Ok(Some((facts, shape)))
}

fn hash_good(bytes: &[u8], flags: u32) -> Option<bool> {
    let size = u32_at(bytes, 104) as usize;
    if flags & 0x200 == 0 || u32_at(bytes, 1308) & 1 == 0 || !(STRUCT..=ROOM).contains(&size) {
        return None;
    }
    let mut hashed = bytes[..size].to_vec();
    hashed[1304..1308].fill(0);
    Some(check_hash(&hashed) == u32_at(bytes, 1304))
}
