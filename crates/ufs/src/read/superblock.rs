//! Decodes and checks a superblock (`struct fs` of sys/ufs/ffs/fs.h).
//!
//! The invariant: with the numbers of a [`Geometry`], the arithmetic of the other modules cannot
//! divide by zero, overflow or lead outside the file system. The byte offsets are not shared with
//! the writer, so a mistake in one does not go unnoticed.

use super::error::ReadError;
use super::inode;
use super::le::{i64_at, u32_at, u64_at};
use crate::checkhash::check_hash;

/// SBLOCKSEARCH: byte offsets at which a superblock may be.
pub(super) const LOCATIONS: [u64; 4] = [65536, 8192, 0, 262_144];
/// SBLOCKSIZE: space reserved for a superblock (bytes).
pub(super) const AREA_SIZE: usize = 8192;
/// `sizeof(struct fs)` (bytes).
const STRUCT_SIZE: usize = 1376;
/// The maximum size that is accepted: larger than any disk, but small enough that sums of offsets
/// do not overflow (bytes).
const MAX_BYTES: u64 = 1 << 60;
/// FS_UFS2_MAGIC.
const MAGIC: u32 = 0x1954_0119;

/// FS_DOSOFTDEP.
const SOFT_UPDATES: u32 = 0x0002;
/// FS_METACKHASH: `fs_metackhash` is valid.
const CHECK_HASHES: u32 = 0x0200;
/// CK_SUPERBLOCK: the superblock has a check-hash.
const HASHED_SUPERBLOCK: u32 = 0x0001;

const SBLKNO: usize = 8;
const CBLKNO: usize = 12;
const IBLKNO: usize = 16;
const DBLKNO: usize = 20;
const NCG: usize = 44;
const BSIZE: usize = 48;
const FSIZE: usize = 52;
const FRAG: usize = 56;
const MINFREE: usize = 60;
const SBSIZE: usize = 104;
const ID: usize = 144;
const IPG: usize = 184;
const FPG: usize = 188;
const CLEAN: usize = 209;
const VOLNAME: usize = 680;
const VOLNAME_END: usize = 712;
const SBLOCKLOC: usize = 1000;
const CSTOTAL_NDIR: usize = 1008;
const CSTOTAL_NBFREE: usize = 1016;
const CSTOTAL_NIFREE: usize = 1024;
const CSTOTAL_NFFREE: usize = 1032;
const TIME: usize = 1072;
const SIZE: usize = 1080;
const DSIZE: usize = 1088;
const CKHASH: usize = 1304;
const METACKHASH: usize = 1308;
const FLAGS: usize = 1312;
const MAGIC_AT: usize = 1372;

/// The contents of a superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Size of the file system in bytes.
    pub size: u64,
    /// Block size in bytes.
    pub block_size: u32,
    /// Fragment size in bytes.
    pub fragment_size: u32,
    /// Number of cylinder groups.
    pub groups: u32,
    /// Total number of inodes.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Number of directories.
    pub directories: u64,
    /// Total number of fragments for data.
    pub fragments: u64,
    /// Free fragments, including those of free blocks.
    pub fragments_free: u64,
    /// Volume name; empty if there is none.
    pub label: String,
    /// Time of the last write, in seconds since 1970.
    pub time: i64,
    /// File system ID (`/dev/ufsid/`).
    pub id: [u32; 2],
    /// Whether the file system was unmounted cleanly.
    pub clean: bool,
    /// Whether soft updates are enabled.
    pub soft_updates: bool,
    /// Percentage that only root may fill.
    pub min_free: u8,
    /// Whether the check-hash is correct; `None` if there is none.
    pub hash_good: Option<bool>,
}

/// The numbers that locate inodes and blocks. Addresses and sizes are in fragments unless stated
/// otherwise; abbreviated names are those of `struct fs`, without `fs_`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Block size in bytes.
    pub block_size: u64,
    /// Fragment size in bytes.
    pub fragment_size: u64,
    /// Size of the file system.
    pub size: u64,
    /// Number of cylinder groups.
    pub groups: u32,
    /// Inodes per group.
    pub ipg: u32,
    /// Size of a group.
    pub fpg: u64,
    /// Offset of the backup superblock in a group.
    pub sblkno: u64,
    /// Offset of the header in a group.
    pub cblkno: u64,
    /// Offset of the inodes in a group.
    pub iblkno: u64,
    /// Offset of the data after the inodes in a group.
    pub dblkno: u64,
}

/// Decodes the [`AREA_SIZE`] bytes at one of the [`LOCATIONS`]; `None` if they are not a UFS2
/// superblock.
pub(super) fn decode(bytes: &[u8], location: u64) -> Result<Option<(Superblock, Geometry)>, ReadError> {
    if u32_at(bytes, MAGIC_AT) != MAGIC || u64_at(bytes, SBLOCKLOC) != location {
        return Ok(None);
    }
    let geometry =
        geometry(bytes).map_err(|why| ReadError::corrupt(format!("the superblock at {location}"), why))?;
    Ok(Some((superblock(bytes, &geometry), geometry)))
}

/// Decodes and checks the geometry; an error says what is wrong.
fn geometry(bytes: &[u8]) -> Result<Geometry, String> {
    let [bsize, fsize, frag] = [BSIZE, FSIZE, FRAG].map(|at| u32_at(bytes, at));
    if !bsize.is_power_of_two() || !(4096..=65536).contains(&bsize) {
        return Err(format!("invalid block size of {bsize} bytes"));
    }
    let min = (bsize / 8).max(512);
    if !fsize.is_power_of_two() || !(min..=bsize).contains(&fsize) || frag != bsize / fsize {
        return Err(format!(
            "invalid fragment size: {frag} fragments of {fsize} bytes in a block of {bsize}"
        ));
    }
    let [groups, ipg, fpg] = [NCG, IPG, FPG].map(|at| u32_at(bytes, at));
    if groups == 0 || ipg == 0 || fpg == 0 {
        return Err(format!("{groups} groups of {ipg} inodes and {fpg} fragments"));
    }
    if u64::from(groups) * u64::from(ipg) > u64::from(u32::MAX) {
        return Err(format!("{groups} groups of {ipg} inodes exceed the range of inode numbers"));
    }
    let size = u64_at(bytes, SIZE);
    let end = u64::from(groups) * u64::from(fpg);
    if size > end || size <= end - u64::from(fpg) || size > MAX_BYTES / u64::from(fsize) {
        return Err(format!("{size} fragments in {groups} groups of {fpg}"));
    }
    let offsets @ [sblkno, cblkno, iblkno, dblkno] =
        [SBLKNO, CBLKNO, IBLKNO, DBLKNO].map(|at| u32_at(bytes, at));
    let table = (u64::from(ipg) * inode::SIZE as u64).div_ceil(fsize.into());
    if !offsets.is_sorted() || dblkno > fpg || u64::from(dblkno - iblkno) < table {
        return Err(format!("invalid offsets {offsets:?} in a group of {fpg} fragments and {ipg} inodes"));
    }
    Ok(Geometry {
        block_size: bsize.into(),
        fragment_size: fsize.into(),
        size,
        groups,
        ipg,
        fpg: fpg.into(),
        sblkno: sblkno.into(),
        cblkno: cblkno.into(),
        iblkno: iblkno.into(),
        dblkno: dblkno.into(),
    })
}

fn superblock(bytes: &[u8], geometry: &Geometry) -> Superblock {
    let label = bytes[VOLNAME..VOLNAME_END].split(|&byte| byte == 0).next().unwrap_or_default();
    let free_blocks = u64_at(bytes, CSTOTAL_NBFREE).saturating_mul(u32_at(bytes, FRAG).into());
    let flags = u32_at(bytes, FLAGS);
    Superblock {
        size: geometry.size * geometry.fragment_size,
        block_size: u32_at(bytes, BSIZE),
        fragment_size: u32_at(bytes, FSIZE),
        groups: geometry.groups,
        inodes: u64::from(geometry.groups) * u64::from(geometry.ipg),
        inodes_free: u64_at(bytes, CSTOTAL_NIFREE),
        directories: u64_at(bytes, CSTOTAL_NDIR),
        fragments: u64_at(bytes, DSIZE),
        fragments_free: free_blocks.saturating_add(u64_at(bytes, CSTOTAL_NFFREE)),
        label: String::from_utf8_lossy(label).into_owned(),
        time: i64_at(bytes, TIME),
        id: [u32_at(bytes, ID), u32_at(bytes, ID + 4)],
        clean: bytes[CLEAN] == 1,
        soft_updates: flags & SOFT_UPDATES != 0,
        min_free: u32_at(bytes, MINFREE).min(100) as u8,
        hash_good: hash_good(bytes, flags),
    }
}

fn hash_good(bytes: &[u8], flags: u32) -> Option<bool> {
    let size = u32_at(bytes, SBSIZE) as usize;
    let hashed = flags & CHECK_HASHES != 0 && u32_at(bytes, METACKHASH) & HASHED_SUPERBLOCK != 0;
    if !hashed || !(STRUCT_SIZE..=AREA_SIZE).contains(&size) {
        return None;
    }
    let mut bytes = bytes[..size].to_vec();
    let expected = u32_at(&bytes, CKHASH);
    bytes[CKHASH..CKHASH + 4].fill(0);
    Some(check_hash(&bytes) == expected)
}
