//! What `newfs -O2` derives from the parameters: the shape of the file system.
//!
//! The invariant: a [`Geometry`] is one that `validate_sblock` (sys/ufs/ffs/ffs_subr.c) accepts,
//! and is the same as that of FreeBSD's `newfs` on amd64 with the same parameters
//! (sbin/newfs/mkfs.c). It depends on nothing but [`Params`]; trees, and which of its blocks are
//! used, do not belong here.
//!
//! A cylinder group is laid out as follows, in fragments from its first:
//!
//! | from      | what                                                                |
//! |-----------|---------------------------------------------------------------------|
//! | 0         | data (in group 0: boot blocks, and the superblock at byte 65536)    |
//! | `sblkno`  | a backup of the superblock                                          |
//! | `cblkno`  | the group's header and bitmaps, one block                           |
//! | `iblkno`  | inodes                                                              |
//! | `dblkno`  | data (in group 0 after the summary of all groups)                   |

use std::ops::Range;

use crate::error::Error;
use crate::params::{Optimization, Params};

/// MINBSIZE of sys/ufs/ffs/fs.h (bytes).
const MIN_BLOCK: u32 = 4096;
/// MAXBSIZE of sys/sys/param.h (bytes).
const MAX_BLOCK: u32 = 65536;
/// MAXFRAG of sys/ufs/ffs/fs.h.
pub(crate) const MAX_FRAGS: usize = 8;
/// DEV_BSIZE of sys/sys/param.h (bytes).
pub(crate) const SECTOR: u32 = 512;
/// SBLOCK_UFS2 of sys/ufs/ffs/fs.h (bytes).
pub(crate) const SUPERBLOCK_OFFSET: u64 = 65536;
/// SBLOCKSIZE of sys/ufs/ffs/fs.h (bytes).
const SUPERBLOCK_ROOM: u64 = 8192;
/// `sizeof(struct fs)` (bytes).
pub(crate) const SUPERBLOCK_SIZE: usize = 1376;
/// `sizeof(struct ufs2_dinode)` (bytes).
pub(crate) const INODE_SIZE: usize = 256;
/// `sizeof(ufs2_daddr_t)` (bytes).
pub(crate) const POINTER_SIZE: usize = 8;
/// UFS_NDADDR of sys/ufs/ufs/dinode.h.
pub(crate) const DIRECT: u64 = 12;
/// UFS_NIADDR of sys/ufs/ufs/dinode.h.
pub(crate) const INDIRECT_LEVELS: u32 = 3;
/// UFS_ROOTINO of sys/ufs/ufs/dinode.h. Inodes below it are never used.
pub(crate) const ROOT_INODE: u32 = 2;
/// `sizeof(struct csum)` (bytes).
pub(crate) const SUMMARY_SIZE: usize = 16;
/// `sizeof(struct cg)` on amd64; four less on i386, where `newfs` makes bigger groups (bytes).
const GROUP_HEADER: u64 = 176;
/// FS_MAXCONTIG of sys/ufs/ffs/fs.h: the longest cluster that is counted.
const MAX_CLUSTER: u32 = 16;
/// MAXPHYS of FreeBSD 13 on 64-bit machines: the longest transfer (bytes).
const MAX_TRANSFER: u32 = 1 << 20;
/// MINCYLGRPS of sys/ufs/ffs/fs.h.
const MIN_GROUPS: u64 = 4;
/// What `validate_sblock` insists on (blocks).
const MIN_BLOCKS: u64 = 8;
/// MINFREE of sys/ufs/ffs/fs.h: below it `newfs` favours space (percent).
const MIN_FREE: u8 = 8;
/// MAXVOLLEN of sys/ufs/ffs/fs.h with the NUL (bytes).
pub(crate) const MAX_LABEL: usize = 32;
/// Inode numbers are 32 bits wide.
const INODE_NUMBERS: u64 = 1 << 32;
/// The largest file system this writer makes (bytes): 16 TiB, far beyond flash.
const MAX_SIZE: u64 = 1 << 44;

/// The shape of a file system. Addresses and counts are in fragments unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of a block.
    pub block: u32,
    /// Bytes of a fragment.
    pub fragment: u32,
    /// Fragments of a block.
    pub frag: u32,
    /// Fragments of the file system.
    pub size: u64,
    /// Backup superblock in a group.
    pub sblkno: u32,
    /// Header in a group.
    pub cblkno: u32,
    /// Inodes in a group.
    pub iblkno: u32,
    /// Data in a group.
    pub dblkno: u32,
    /// Inodes of a group.
    pub ipg: u32,
    /// Fragments of a group.
    pub fpg: u32,
    /// Groups.
    pub groups: u32,
    /// Bytes of a group's header with its bitmaps.
    pub group_size: u32,
    /// Longest cluster that the groups count, in blocks; 0 without cluster maps.
    pub clusters: u32,
    /// Blocks that the kernel transfers at once.
    pub max_contig: u32,
    /// Bytes of the summary of all groups.
    pub summary_size: u32,
    /// Bytes of the superblock on disk.
    pub superblock_size: u32,
    /// Largest file (bytes).
    pub max_file: u64,
    /// Percent that only root may fill.
    pub min_free: u8,
    /// Fragments that the kernel prefers for metadata, in a group.
    pub metaspace: u32,
    /// What the kernel favours.
    pub optimization: Optimization,
}

impl Geometry {
    /// Checks the parameters and derives the shape.
    pub(crate) fn new(params: &Params) -> Result<Self, Error> {
        check(params)?;
        let (block, fragment) = (params.block_size, params.fragment_size);
        let frag = block / fragment;
        let size = params.size / u64::from(fragment);
        let max_contig = (MAX_TRANSFER / block).max(1);
        let blocks_for = |bytes: u64| bytes.div_ceil(u64::from(block)) as u32 * frag;
        let sblkno = blocks_for(SUPERBLOCK_OFFSET + SUPERBLOCK_ROOM);
        let cblkno = sblkno + blocks_for(SUPERBLOCK_ROOM);
        let mut shape = Self {
            block,
            fragment,
            frag,
            size,
            sblkno,
            cblkno,
            iblkno: cblkno + frag,
            dblkno: 0,
            ipg: 0,
            fpg: 0,
            groups: 0,
            group_size: 0,
            clusters: if max_contig > 1 { max_contig.min(MAX_CLUSTER) } else { 0 },
            max_contig,
            summary_size: 0,
            superblock_size: round_up(SUPERBLOCK_SIZE as u64, fragment.into()).min(SUPERBLOCK_ROOM) as u32,
            max_file: max_file(block),
            min_free: params.min_free,
            metaspace: 0,
            optimization: params.optimization.unwrap_or(if params.min_free < MIN_FREE {
                Optimization::Space
            } else {
                Optimization::Time
            }),
        };
        shape.divide(params)?;
        shape.dblkno = shape.inodes_end();
        shape.group_size = round_up(shape.header_size(), fragment.into()) as u32;
        shape.summary_size = round_up(u64::from(shape.groups) * SUMMARY_SIZE as u64, fragment.into()) as u32;
        let reserve = u64::from(shape.fpg) * u64::from(params.min_free) / 200;
        shape.metaspace = (reserve / u64::from(frag)) as u32 * frag;
        shape.check_result(params)?;
        Ok(shape)
    }

    /// Decides how large a cylinder group is: enough for the inodes asked for, at least four
    /// groups, and then as many blocks as its bitmaps can describe.
    fn divide(&mut self, params: &Params) -> Result<(), Error> {
        let fragment = u64::from(self.fragment);
        let least_density = 1 + self.size / (INODE_NUMBERS - u64::from(self.inodes_per_block()));
        let mut density = u64::from(params.bytes_per_inode).max(least_density * fragment);
        let frags_per_inode = loop {
            let frags_per_inode = (density / fragment).max(1);
            if frags_per_inode < least_density {
                return Err(too_large(params));
            }
            let least = (frags_per_inode * u64::from(self.inodes_per_block())).min(self.size);
            self.ipg = self.inodes_per_block();
            self.fpg = to_u32(u64::from(self.inodes_end()).max(least), params)?;
            self.spread_inodes(frags_per_inode);
            self.fpg = to_u32(u64::from(self.inodes_end()).max(least), params)?;
            self.spread_inodes(frags_per_inode);
            if self.header_size() < u64::from(self.block) {
                break frags_per_inode;
            }
            density = density.checked_sub(fragment).ok_or_else(|| too_large(params))?;
        };
        loop {
            self.spread_inodes(frags_per_inode);
            if self.size / u64::from(self.fpg) < MIN_GROUPS {
                break;
            }
            let header = self.header_size();
            if header >= u64::from(self.block) {
                if header > u64::from(self.block) {
                    self.fpg -= self.frag;
                    self.spread_inodes(frags_per_inode);
                }
                break;
            }
            self.fpg += self.frag;
        }
        self.enlarge_last_group(params, frags_per_inode)
    }

    /// Makes groups smaller until what remains for the last one is worth having.
    fn enlarge_last_group(&mut self, params: &Params, frags_per_inode: u64) -> Result<(), Error> {
        loop {
            let least = u64::from(self.inodes_end());
            if self.size < least || u64::from(self.fpg) < least {
                return Err(too_small(params, least * u64::from(self.fragment)));
            }
            let last = self.size % u64::from(self.fpg);
            if last == 0 || last >= least {
                let groups = self.size.div_ceil(self.fpg.into());
                self.groups = to_u32(groups, params)?;
                return Ok(());
            }
            self.fpg -= self.frag;
            self.spread_inodes(frags_per_inode);
        }
    }

    fn check_result(&self, params: &Params) -> Result<(), Error> {
        let least = MIN_BLOCKS * u64::from(self.frag);
        if self.size < least {
            return Err(too_small(params, least * u64::from(self.fragment)));
        }
        let inodes = u64::from(self.ipg) * u64::from(self.groups);
        if inodes > INODE_NUMBERS - u64::from(self.inodes_per_block()) || self.fpg > i32::MAX as u32 {
            return Err(too_large(params));
        }
        let first = self.data_start(0);
        // The kernel wants the summary to end before its group does.
        if first >= self.group_end(0) {
            let allowed = "one that leaves the first group room for data, a little more or less";
            return Err(bad("size", params.size, allowed));
        }
        Ok(())
    }

    /// Inodes for the fragments of a group, in whole blocks.
    fn spread_inodes(&mut self, frags_per_inode: u64) {
        let inodes = u64::from(self.fpg).div_ceil(frags_per_inode);
        self.ipg = round_up(inodes, self.inodes_per_block().into()) as u32;
    }

    /// Where the inodes of a group end.
    fn inodes_end(&self) -> u32 {
        self.iblkno + self.ipg / self.inodes_per_block() * self.frag
    }

    /// CGSIZE of sys/ufs/ffs/fs.h (bytes).
    fn header_size(&self) -> u64 {
        let maps = u64::from(self.ipg.div_ceil(8)) + u64::from(self.fpg.div_ceil(8));
        let clusters = match self.clusters {
            0 => 0,
            longest => u64::from(longest) * 4 + u64::from((self.fpg / self.frag).div_ceil(8)),
        };
        GROUP_HEADER + 4 + maps + clusters
    }

    /// INOPB: inodes of a block.
    pub(crate) fn inodes_per_block(&self) -> u32 {
        self.block / INODE_SIZE as u32
    }

    /// NINDIR: pointers of a block.
    pub(crate) fn pointers_per_block(&self) -> u64 {
        u64::from(self.block) / POINTER_SIZE as u64
    }

    /// First fragment of a group.
    pub(crate) fn group_start(&self, group: u32) -> u64 {
        u64::from(group) * u64::from(self.fpg)
    }

    /// First fragment after a group.
    pub(crate) fn group_end(&self, group: u32) -> u64 {
        (self.group_start(group) + u64::from(self.fpg)).min(self.size)
    }

    /// Where the data after the inodes begins.
    pub(crate) fn data_start(&self, group: u32) -> u64 {
        let summary = if group == 0 { u64::from(self.summary_size / self.fragment) } else { 0 };
        self.group_start(group) + u64::from(self.dblkno) + summary
    }

    /// Where a group holds data: before the superblock (not in group 0) and after the inodes.
    pub(crate) fn data_areas(&self, group: u32) -> [Range<u64>; 2] {
        let start = self.group_start(group);
        let head = if group == 0 { 0 } else { u64::from(self.sblkno) };
        [start..start + head, self.data_start(group)..self.group_end(group)]
    }

    /// Fragments that can hold data.
    pub(crate) fn data_fragments(&self) -> u64 {
        let metadata = u64::from(self.groups) * u64::from(self.dblkno - self.sblkno);
        self.size - u64::from(self.sblkno) - metadata - u64::from(self.summary_size / self.fragment)
    }

    /// Byte offset of a fragment.
    pub(crate) fn bytes(&self, fragments: u64) -> u64 {
        fragments * u64::from(self.fragment)
    }
}

fn max_file(block: u32) -> u64 {
    let pointers = u64::from(block) / POINTER_SIZE as u64;
    let blocks: u64 = DIRECT + (1..=INDIRECT_LEVELS).map(|level| pointers.pow(level)).sum::<u64>();
    blocks * u64::from(block) - 1
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

fn too_small(params: &Params, least: u64) -> Error {
    bad("size", params.size, format!("at least {least} bytes with these block and inode sizes"))
}

fn too_large(params: &Params) -> Error {
    bad("size", params.size, "too large for these block and fragment sizes, use larger ones")
}

fn check(params: &Params) -> Result<(), Error> {
    let Params { size, block_size, fragment_size, bytes_per_inode, min_free, .. } = *params;
    if !block_size.is_power_of_two() || !(MIN_BLOCK..=MAX_BLOCK).contains(&block_size) {
        return Err(bad("block size", block_size, "a power of two from 4096 to 65536"));
    }
    let least = (block_size / MAX_FRAGS as u32).max(SECTOR);
    if !fragment_size.is_power_of_two() || !(least..=block_size).contains(&fragment_size) {
        let allowed = format!("a power of two from {least} to {block_size}, the block size");
        return Err(bad("fragment size", fragment_size, allowed));
    }
    if size % u64::from(fragment_size) != 0 {
        return Err(bad("size", size, format!("a multiple of {fragment_size}, the fragment size")));
    }
    if size > MAX_SIZE {
        return Err(bad("size", size, format!("at most {MAX_SIZE} bytes")));
    }
    if bytes_per_inode == 0 || bytes_per_inode > i32::MAX as u32 {
        return Err(bad("bytes per inode", bytes_per_inode, "from 1 to 2147483647"));
    }
    if min_free > 99 {
        return Err(bad("min free", min_free, "from 0 to 99 percent"));
    }
    if let Some(label) = &params.label {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() || label.len() >= MAX_LABEL || !label.bytes().all(plain) {
            return Err(bad("label", label, "1 to 31 letters, digits, dashes and underscores"));
        }
    }
    Ok(())
}
