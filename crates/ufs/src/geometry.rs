//! The geometry of a file system: what `newfs -O2` derives from its options.
//!
//! The invariant: `validate_sblock` (sys/ufs/ffs/ffs_subr.c) accepts every [`Geometry`], and it is
//! the same that FreeBSD's `newfs` on amd64 chooses for the same parameters (sbin/newfs/mkfs.c). It
//! depends only on [`Params`]; trees and allocated blocks do not belong here.
//!
//! Layout of a cylinder group, in fragments from its start:
//!
//! | from      | content                                                             |
//! |-----------|---------------------------------------------------------------------|
//! | 0         | data (in group 0: boot blocks, and the superblock at byte 65536)    |
//! | `sblkno`  | a backup of the superblock                                          |
//! | `cblkno`  | the header of the group with its bitmaps, one block                 |
//! | `iblkno`  | inodes                                                              |
//! | `dblkno`  | data (in group 0: the summary of all groups, then data)             |

use std::ops::Range;

use crate::error::Error;
use crate::params::{Optimization, Params};

/// MINBSIZE of sys/ufs/ffs/fs.h (bytes).
const MIN_BLOCK: u32 = 4096;
/// MAXBSIZE of sys/sys/param.h (bytes).
const MAX_BLOCK: u32 = 65536;
/// MAXFRAG of sys/ufs/ffs/fs.h: fragments per block.
pub(crate) const MAX_FRAG: usize = 8;
/// DEV_BSIZE of sys/sys/param.h (bytes).
pub(crate) const SECTOR: u32 = 512;
/// SBLOCK_UFS2 of sys/ufs/ffs/fs.h (bytes).
pub(crate) const SUPERBLOCK_OFFSET: u64 = 65536;
/// SBLOCKSIZE of sys/ufs/ffs/fs.h: space reserved for a superblock (bytes).
const SUPERBLOCK_AREA: u64 = 8192;
/// `sizeof(struct fs)` (bytes).
pub(crate) const SUPERBLOCK_SIZE: usize = 1376;
/// `sizeof(struct ufs2_dinode)` (bytes).
pub(crate) const INODE_SIZE: usize = 256;
/// `sizeof(ufs2_daddr_t)` (bytes).
pub(crate) const POINTER_SIZE: usize = 8;
/// UFS_NDADDR of sys/ufs/ufs/dinode.h: direct pointers in an inode.
pub(crate) const DIRECT: u64 = 12;
/// UFS_NIADDR of sys/ufs/ufs/dinode.h: levels of indirect blocks.
pub(crate) const INDIRECT_LEVELS: u32 = 3;
/// UFS_ROOTINO of sys/ufs/ufs/dinode.h. Lower inode numbers are never used.
pub(crate) const ROOT_INODE: u32 = 2;
/// `sizeof(struct csum)` (bytes).
pub(crate) const CSUM_SIZE: usize = 16;
/// `sizeof(struct cg)` on amd64 (bytes). On i386 it is 4 bytes less, and `newfs` makes larger
/// groups.
const CG_SIZE: u64 = 176;
/// FS_MAXCONTIG of sys/ufs/ffs/fs.h: the longest cluster that groups count (blocks).
const MAX_CLUSTER: u32 = 16;
/// MAXPHYS of FreeBSD 13 on 64-bit machines: the longest transfer (bytes).
const MAX_TRANSFER: u32 = 1 << 20;
/// MINCYLGRPS of sys/ufs/ffs/fs.h: cylinder groups that a file system should have.
const MIN_GROUPS: u64 = 4;
/// The minimum size that `validate_sblock` accepts (blocks).
const MIN_BLOCKS: u64 = 8;
/// MINFREE of sys/ufs/ffs/fs.h: below it, `newfs` optimizes for space (percent).
const MIN_FREE: u8 = 8;
/// MAXVOLLEN of sys/ufs/ffs/fs.h, including the NUL (bytes).
pub(crate) const MAX_VOLUME_NAME: usize = 32;
/// Inode numbers have 32 bits.
const INODE_NUMBERS: u64 = 1 << 32;
/// The largest file system that this crate writes: 16 TiB (bytes).
const MAX_SIZE: u64 = 1 << 44;

/// The geometry of a file system. Addresses and sizes are in fragments unless stated otherwise.
/// Abbreviated names are those of `struct fs`, without `fs_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Block size in bytes.
    pub block_size: u32,
    /// Fragment size in bytes.
    pub fragment_size: u32,
    /// Fragments per block.
    pub frag: u32,
    /// Size of the file system.
    pub size: u64,
    /// Offset of the backup superblock in a group.
    pub sblkno: u32,
    /// Offset of the header in a group.
    pub cblkno: u32,
    /// Offset of the inodes in a group.
    pub iblkno: u32,
    /// Offset of the data after the inodes in a group.
    pub dblkno: u32,
    /// Inodes per group.
    pub ipg: u32,
    /// Size of a group.
    pub fpg: u32,
    /// Number of cylinder groups.
    pub groups: u32,
    /// Size of the header of a group with its bitmaps, in bytes.
    pub cgsize: u32,
    /// Longest cluster that the groups count, in blocks; 0 if there are no cluster maps.
    pub contigsumsize: u32,
    /// Largest transfer of the kernel, in blocks.
    pub maxcontig: u32,
    /// Size of the summary of all groups, in bytes.
    pub summary_size: u32,
    /// Size of the superblock on disk, in bytes.
    pub superblock_size: u32,
    /// Size of the largest possible file, in bytes.
    pub max_file_size: u64,
    /// Percentage that only root may fill.
    pub min_free: u8,
    /// Space in a group that the kernel prefers for metadata.
    pub metaspace: u32,
    pub optimization: Optimization,
}

impl Geometry {
    /// Checks the parameters and derives the geometry.
    pub(crate) fn new(params: &Params) -> Result<Self, Error> {
        check(params)?;
        let Params { block_size, fragment_size, .. } = *params;
        let frag = block_size / fragment_size;
        let size = params.size / u64::from(fragment_size);
        let maxcontig = (MAX_TRANSFER / block_size).max(1);
        let blocks_for = |bytes: u64| bytes.div_ceil(u64::from(block_size)) as u32 * frag;
        let sblkno = blocks_for(SUPERBLOCK_OFFSET + SUPERBLOCK_AREA);
        let cblkno = sblkno + blocks_for(SUPERBLOCK_AREA);
        let mut geometry = Self {
            block_size,
            fragment_size,
            frag,
            size,
            sblkno,
            cblkno,
            iblkno: cblkno + frag,
            dblkno: 0,
            ipg: 0,
            fpg: 0,
            groups: 0,
            cgsize: 0,
            contigsumsize: if maxcontig > 1 { maxcontig.min(MAX_CLUSTER) } else { 0 },
            maxcontig,
            summary_size: 0,
            superblock_size: round_up(SUPERBLOCK_SIZE as u64, fragment_size.into()).min(SUPERBLOCK_AREA)
                as u32,
            max_file_size: max_file_size(block_size),
            min_free: params.min_free,
            metaspace: 0,
            optimization: params.optimization.unwrap_or(if params.min_free < MIN_FREE {
                Optimization::Space
            } else {
                Optimization::Time
            }),
        };
        geometry.divide_into_groups(params)?;
        geometry.dblkno = geometry.inodes_end();
        geometry.cgsize = round_up(geometry.header_size(), fragment_size.into()) as u32;
        geometry.summary_size =
            round_up(u64::from(geometry.groups) * CSUM_SIZE as u64, fragment_size.into()) as u32;
        let reserve = u64::from(geometry.fpg) * u64::from(params.min_free) / 200;
        geometry.metaspace = (reserve / u64::from(frag)) as u32 * frag;
        geometry.check_result(params)?;
        Ok(geometry)
    }

    /// Chooses the size of a cylinder group: large enough for the requested number of inodes, small
    /// enough for [`MIN_GROUPS`] groups, and otherwise as large as its bitmaps can describe.
    fn divide_into_groups(&mut self, params: &Params) -> Result<(), Error> {
        let fragment = u64::from(self.fragment_size);
        let min_density = 1 + self.size / (INODE_NUMBERS - u64::from(self.inodes_per_block()));
        let mut density = u64::from(params.bytes_per_inode).max(min_density * fragment);
        let frags_per_inode = loop {
            let frags_per_inode = (density / fragment).max(1);
            if frags_per_inode < min_density {
                return Err(too_large(params));
            }
            let min = (frags_per_inode * u64::from(self.inodes_per_block())).min(self.size);
            self.ipg = self.inodes_per_block();
            self.fpg = to_u32(u64::from(self.inodes_end()).max(min), params)?;
            self.set_ipg(frags_per_inode);
            self.fpg = to_u32(u64::from(self.inodes_end()).max(min), params)?;
            self.set_ipg(frags_per_inode);
            if self.header_size() < u64::from(self.block_size) {
                break frags_per_inode;
            }
            density = density.checked_sub(fragment).ok_or_else(|| too_large(params))?;
        };
        loop {
            self.set_ipg(frags_per_inode);
            if self.size / u64::from(self.fpg) < MIN_GROUPS {
                break;
            }
            let header = self.header_size();
            if header >= u64::from(self.block_size) {
                if header > u64::from(self.block_size) {
                    self.fpg -= self.frag;
                    self.set_ipg(frags_per_inode);
                }
                break;
            }
            self.fpg += self.frag;
        }
        self.enlarge_last_group(params, frags_per_inode)
    }

    /// Makes the groups smaller until the last one has space for at least its metadata.
    fn enlarge_last_group(&mut self, params: &Params, frags_per_inode: u64) -> Result<(), Error> {
        loop {
            let min = u64::from(self.inodes_end());
            if self.size < min || u64::from(self.fpg) < min {
                return Err(too_small(params, min * u64::from(self.fragment_size)));
            }
            let last = self.size % u64::from(self.fpg);
            if last == 0 || last >= min {
                let groups = self.size.div_ceil(self.fpg.into());
                self.groups = to_u32(groups, params)?;
                return Ok(());
            }
            self.fpg -= self.frag;
            self.set_ipg(frags_per_inode);
        }
    }

    fn check_result(&self, params: &Params) -> Result<(), Error> {
        let min = MIN_BLOCKS * u64::from(self.frag);
        if self.size < min {
            return Err(too_small(params, min * u64::from(self.fragment_size)));
        }
        let inodes = u64::from(self.ipg) * u64::from(self.groups);
        if inodes > INODE_NUMBERS - u64::from(self.inodes_per_block()) || self.fpg > i32::MAX as u32 {
            return Err(too_large(params));
        }
        let first = self.data_start(0);
        // The kernel requires the summary to end before its group does.
        if first >= self.group_end(0) {
            let allowed = "a slightly different size, which leaves space for data in the first group";
            return Err(bad("size", params.size, allowed));
        }
        Ok(())
    }

    /// Sets the inodes per group to what its fragments require, in whole blocks.
    fn set_ipg(&mut self, frags_per_inode: u64) {
        let inodes = u64::from(self.fpg).div_ceil(frags_per_inode);
        self.ipg = round_up(inodes, self.inodes_per_block().into()) as u32;
    }

    /// Offset of the end of the inodes in a group.
    fn inodes_end(&self) -> u32 {
        self.iblkno + self.ipg / self.inodes_per_block() * self.frag
    }

    /// CGSIZE of sys/ufs/ffs/fs.h (bytes).
    fn header_size(&self) -> u64 {
        let maps = u64::from(self.ipg.div_ceil(8)) + u64::from(self.fpg.div_ceil(8));
        let clusters = match self.contigsumsize {
            0 => 0,
            longest => u64::from(longest) * 4 + u64::from((self.fpg / self.frag).div_ceil(8)),
        };
        CG_SIZE + 4 + maps + clusters
    }

    /// INOPB: inodes per block.
    pub(crate) fn inodes_per_block(&self) -> u32 {
        self.block_size / INODE_SIZE as u32
    }

    /// NINDIR: pointers per block.
    pub(crate) fn pointers_per_block(&self) -> u64 {
        u64::from(self.block_size) / POINTER_SIZE as u64
    }

    /// Start of a group.
    pub(crate) fn group_start(&self, group: u32) -> u64 {
        u64::from(group) * u64::from(self.fpg)
    }

    /// End of a group.
    pub(crate) fn group_end(&self, group: u32) -> u64 {
        (self.group_start(group) + u64::from(self.fpg)).min(self.size)
    }

    /// Start of the data after the inodes of a group.
    pub(crate) fn data_start(&self, group: u32) -> u64 {
        let summary = if group == 0 { u64::from(self.summary_size / self.fragment_size) } else { 0 };
        self.group_start(group) + u64::from(self.dblkno) + summary
    }

    /// The data areas of a group: before the superblock (not in group 0) and after the inodes.
    pub(crate) fn data_areas(&self, group: u32) -> [Range<u64>; 2] {
        let start = self.group_start(group);
        let head = if group == 0 { 0 } else { u64::from(self.sblkno) };
        [start..start + head, self.data_start(group)..self.group_end(group)]
    }

    /// Fragments that can hold data (`fs_dsize`).
    pub(crate) fn data_fragments(&self) -> u64 {
        let metadata = u64::from(self.groups) * u64::from(self.dblkno - self.sblkno);
        self.size - u64::from(self.sblkno) - metadata - u64::from(self.summary_size / self.fragment_size)
    }

    /// Converts fragments to bytes.
    pub(crate) fn bytes(&self, fragments: u64) -> u64 {
        fragments * u64::from(self.fragment_size)
    }
}

fn max_file_size(block_size: u32) -> u64 {
    let pointers = u64::from(block_size) / POINTER_SIZE as u64;
    let blocks: u64 = DIRECT + (1..=INDIRECT_LEVELS).map(|level| pointers.pow(level)).sum::<u64>();
    blocks * u64::from(block_size) - 1
}

fn round_up(value: u64, unit: u64) -> u64 {
    value.div_ceil(unit) * unit
}

fn to_u32(value: u64, params: &Params) -> Result<u32, Error> {
    u32::try_from(value).map_err(|_| too_large(params))
}

fn bad(what: &'static str, value: impl ToString, allowed: impl Into<String>) -> Error {
    Error::Params { what, value: value.to_string(), allowed: allowed.into() }
}

fn too_small(params: &Params, min: u64) -> Error {
    bad("size", params.size, format!("at least {min} bytes with these block sizes and this inode density"))
}

fn too_large(params: &Params) -> Error {
    bad("size", params.size, "a smaller size, or larger blocks and fragments")
}

fn check(params: &Params) -> Result<(), Error> {
    let Params { size, block_size, fragment_size, bytes_per_inode, min_free, .. } = *params;
    if !block_size.is_power_of_two() || !(MIN_BLOCK..=MAX_BLOCK).contains(&block_size) {
        return Err(bad("block size", block_size, "a power of two from 4096 to 65536"));
    }
    let min = (block_size / MAX_FRAG as u32).max(SECTOR);
    if !fragment_size.is_power_of_two() || !(min..=block_size).contains(&fragment_size) {
        let allowed = format!("a power of two from {min} to the block size of {block_size}");
        return Err(bad("fragment size", fragment_size, allowed));
    }
    if size % u64::from(fragment_size) != 0 {
        return Err(bad("size", size, format!("a multiple of the fragment size of {fragment_size}")));
    }
    if size > MAX_SIZE {
        return Err(bad("size", size, format!("at most {MAX_SIZE} bytes")));
    }
    if bytes_per_inode == 0 || bytes_per_inode > i32::MAX as u32 {
        return Err(bad("bytes per inode", bytes_per_inode, "1 to 2147483647"));
    }
    if min_free > 99 {
        return Err(bad("min free", min_free, "0 to 99 percent"));
    }
    if let Some(label) = &params.label {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() || label.len() >= MAX_VOLUME_NAME || !label.bytes().all(plain) {
            return Err(bad("label", label, "1 to 31 letters, digits, dashes and underscores"));
        }
    }
    Ok(())
}
