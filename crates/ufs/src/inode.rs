//! Encodes inodes and indirect blocks.
//!
//! The invariant: an inode has no pointer to a hole, and `di_blocks` counts everything that it
//! points to, including indirect blocks.
//!
//! `struct ufs2_dinode` of sys/ufs/ufs/dinode.h, in bytes; what is not listed is zero:
//!
//! | offset | field          | content                                                      |
//! |--------|----------------|--------------------------------------------------------------|
//! | 0      | `di_mode`      | file type and permissions                                    |
//! | 2      | `di_nlink`     | number of links                                              |
//! | 4      | `di_uid`       | user ID of the owner                                         |
//! | 8      | `di_gid`       | group ID                                                     |
//! | 16     | `di_size`      | size in bytes                                                |
//! | 24     | `di_blocks`    | allocated sectors of 512 bytes                               |
//! | 32     | `di_atime` ... | access, modification, change, birth: seconds, 8 bytes each   |
//! | 80     | `di_gen`       | generation number                                            |
//! | 88     | `di_flags`     | file flags                                                   |
//! | 112    | `di_db`        | 12 direct pointers, a device number or a short symbolic link |
//! | 208    | `di_ib`        | pointers to a single, double and triple indirect block       |
//! | 244    | `di_ckhash`    | check-hash of the inode, computed with zero here             |

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{DIRECT, Geometry, INDIRECT_LEVELS, INODE_SIZE, POINTER_SIZE, SECTOR};
use crate::layout::{Allocation, IndirectBlock};
use crate::survey::{MAX_SYMLINK_LEN, SurveyedNode};
use crate::tree::{Kind, Meta, NodeKind};

const MODE: usize = 0;
const NLINK: usize = 2;
const UID: usize = 4;
const GID: usize = 8;
const SIZE: usize = 16;
const BLOCKS: usize = 24;
const TIMES: [usize; 4] = [32, 40, 48, 56];
const GEN: usize = 80;
const FLAGS: usize = 88;
const DIRECT_AT: usize = 112;
const INDIRECT_AT: usize = 208;
const CKHASH: usize = 244;

/// Returns the file type as in the top four bits of the mode and in directory entries (`S_IFMT` of
/// sys/sys/stat.h, IFTODT of sys/ufs/ufs/dir.h).
pub(crate) fn file_type(kind: &NodeKind) -> u8 {
    match kind {
        NodeKind::Directory(_) | NodeKind::Other(Kind::Directory) => 0o04,
        NodeKind::Other(Kind::Fifo) => 0o01,
        NodeKind::Other(Kind::CharDevice(_)) => 0o02,
        NodeKind::Other(Kind::BlockDevice(_)) => 0o06,
        NodeKind::Other(Kind::File(_)) => 0o10,
        NodeKind::Other(Kind::Symlink(_)) => 0o12,
        NodeKind::Other(Kind::Socket) => 0o14,
    }
}

/// Everything that goes into an inode.
pub(crate) struct Inode<'l> {
    pub geometry: &'l Geometry,
    pub meta: &'l Meta,
    pub kind: &'l NodeKind,
    pub node: &'l SurveyedNode,
    pub allocation: &'l Allocation,
    /// The time of a node without an `mtime`.
    pub time: i64,
}

impl Inode<'_> {
    /// Encodes the inode into [`INODE_SIZE`] zero bytes.
    pub(crate) fn encode(&self, bytes: &mut [u8]) {
        let Self { meta, kind, node, .. } = self;
        bytes.put_u16(MODE, u16::from(file_type(kind)) << 12 | meta.mode);
        bytes.put_u16(NLINK, node.links as u16);
        bytes.put_u32(UID, meta.uid);
        bytes.put_u32(GID, meta.gid);
        bytes.put_u64(SIZE, node.size);
        bytes.put_u64(BLOCKS, self.sectors());
        for time in TIMES {
            bytes.put_i64(time, meta.mtime.unwrap_or(self.time));
        }
        bytes.put_u32(GEN, node.generation);
        bytes.put_u32(FLAGS, meta.flags);
        match kind {
            NodeKind::Other(Kind::CharDevice(number) | Kind::BlockDevice(number)) => {
                bytes.put_u64(DIRECT_AT, *number);
            }
            NodeKind::Other(Kind::Symlink(target)) if target.len() < MAX_SYMLINK_LEN => {
                bytes[DIRECT_AT..DIRECT_AT + target.len()].copy_from_slice(target);
            }
            _ => self.encode_pointers(bytes),
        }
        let hash = check_hash(&bytes[..INODE_SIZE]);
        bytes.put_u32(CKHASH, hash);
    }

    fn encode_pointers(&self, bytes: &mut [u8]) {
        for block in 0..DIRECT {
            let at = DIRECT_AT + POINTER_SIZE * block as usize;
            bytes.put_u64(at, address(self.allocation, self.geometry, block));
        }
        let mut first = DIRECT;
        for level in 1..=INDIRECT_LEVELS {
            let at = INDIRECT_AT + POINTER_SIZE * (level as usize - 1);
            bytes.put_u64(at, indirect_address(self.allocation, level, first));
            first += self.geometry.pointers_per_block().pow(level);
        }
    }

    fn sectors(&self) -> u64 {
        let Allocation { extents, indirect_blocks, .. } = self.allocation;
        let data: u64 = extents.iter().map(|extent| extent.fragments.end - extent.fragments.start).sum();
        let fragments = data + indirect_blocks.len() as u64 * u64::from(self.geometry.frag);
        self.geometry.bytes(fragments) / u64::from(SECTOR)
    }
}

/// Encodes an indirect block.
pub(crate) fn encode_indirect_block(
    geometry: &Geometry,
    allocation: &Allocation,
    indirect: &IndirectBlock,
    bytes: &mut [u8],
) {
    let span = geometry.pointers_per_block().pow(indirect.level - 1);
    for (index, slot) in bytes.chunks_exact_mut(POINTER_SIZE).enumerate() {
        let block = indirect.block + index as u64 * span;
        let target = match indirect.level {
            1 => address(allocation, geometry, block),
            level => indirect_address(allocation, level - 1, block),
        };
        slot.copy_from_slice(&target.to_le_bytes());
    }
}

/// Returns the address of a block of a file, in fragments; 0 for a hole.
fn address(allocation: &Allocation, geometry: &Geometry, block: u64) -> u64 {
    let after = allocation.extents.partition_point(|extent| extent.block <= block);
    let Some(extent) = after.checked_sub(1).map(|at| &allocation.extents[at]) else {
        return 0;
    };
    let fragment = extent.fragments.start + (block - extent.block) * u64::from(geometry.frag);
    if fragment < extent.fragments.end { fragment } else { 0 }
}

/// Returns the address of an indirect block, in fragments; 0 if the file does not have it.
fn indirect_address(allocation: &Allocation, level: u32, block: u64) -> u64 {
    let key = IndirectBlock::key(level, block);
    match allocation.indirect_blocks.binary_search_by_key(&key, IndirectBlock::sort_key) {
        Ok(found) => allocation.indirect_blocks[found].fragment,
        Err(_) => 0,
    }
}
