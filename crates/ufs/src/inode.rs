//! An inode on disk, and the pointer blocks that continue it.
//!
//! The invariant: an inode has no pointer where there is no data, and `di_blocks` counts what it
//! points to, pointer blocks included.
//!
//! `struct ufs2_dinode` of sys/ufs/ufs/dinode.h, in bytes; what is not listed is zero:
//!
//! | offset | field          | what                                                         |
//! |--------|----------------|--------------------------------------------------------------|
//! | 0      | `di_mode`      | type and permissions                                         |
//! | 2      | `di_nlink`     | links                                                        |
//! | 4      | `di_uid`       | owner                                                        |
//! | 8      | `di_gid`       | group                                                        |
//! | 16     | `di_size`      | bytes                                                        |
//! | 24     | `di_blocks`    | sectors of 512 bytes                                         |
//! | 32     | `di_atime` ... | access, modification, change, birth: seconds, 8 bytes each   |
//! | 80     | `di_gen`       | generation                                                   |
//! | 88     | `di_flags`     | file flags                                                   |
//! | 112    | `di_db`        | 12 pointers to data; or the device; or a short symbolic link |
//! | 208    | `di_ib`        | pointers to pointer blocks of level 1, 2 and 3               |
//! | 244    | `di_ckhash`    | check-hash of the inode, with zero here                      |

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{DIRECT, Geometry, INDIRECT_LEVELS, INODE_SIZE, POINTER_SIZE, SECTOR};
use crate::layout::{Placed, Pointers};
use crate::survey::{MAX_INLINE_SYMLINK, Surveyed};
use crate::tree::{Kind, Meta, Stored};

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

/// The type of a node as in the top four bits of the mode, which is also the type in a directory
/// (`S_IFMT` of sys/sys/stat.h, IFTODT of sys/ufs/ufs/dir.h).
pub(crate) fn file_type(stored: &Stored) -> u8 {
    match stored {
        Stored::Directory(_) | Stored::Other(Kind::Directory) => 0o04,
        Stored::Other(Kind::Fifo) => 0o01,
        Stored::Other(Kind::CharDevice(_)) => 0o02,
        Stored::Other(Kind::BlockDevice(_)) => 0o06,
        Stored::Other(Kind::File(_)) => 0o10,
        Stored::Other(Kind::Symlink(_)) => 0o12,
        Stored::Other(Kind::Socket) => 0o14,
    }
}

/// What becomes one inode.
pub(crate) struct Inode<'l> {
    pub shape: &'l Geometry,
    pub meta: &'l Meta,
    pub stored: &'l Stored,
    pub node: &'l Surveyed,
    pub placed: &'l Placed,
    /// The time where the node has none.
    pub time: i64,
}

impl Inode<'_> {
    /// Fills the [`INODE_SIZE`] bytes of the inode, which are zero before.
    pub(crate) fn encode(&self, bytes: &mut [u8]) {
        let Self { meta, stored, node, .. } = self;
        bytes.put_u16(MODE, u16::from(file_type(stored)) << 12 | meta.mode);
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
        match stored {
            Stored::Other(Kind::CharDevice(number) | Kind::BlockDevice(number)) => {
                bytes.put_u64(DIRECT_AT, *number);
            }
            Stored::Other(Kind::Symlink(target)) if target.len() < MAX_INLINE_SYMLINK => {
                bytes[DIRECT_AT..DIRECT_AT + target.len()].copy_from_slice(target);
            }
            _ => self.pointers(bytes),
        }
        let hash = check_hash(&bytes[..INODE_SIZE]);
        bytes.put_u32(CKHASH, hash);
    }

    fn pointers(&self, bytes: &mut [u8]) {
        for block in 0..DIRECT {
            let at = DIRECT_AT + POINTER_SIZE * block as usize;
            bytes.put_u64(at, address(self.placed, self.shape, block));
        }
        let mut first = DIRECT;
        for level in 1..=INDIRECT_LEVELS {
            let at = INDIRECT_AT + POINTER_SIZE * (level as usize - 1);
            bytes.put_u64(at, pointers_at(self.placed, level, first));
            first += self.shape.pointers_per_block().pow(level);
        }
    }

    fn sectors(&self) -> u64 {
        let Placed { extents, pointers, .. } = self.placed;
        let data: u64 = extents.iter().map(|extent| extent.fragments.end - extent.fragments.start).sum();
        let fragments = data + pointers.len() as u64 * u64::from(self.shape.frag);
        self.shape.bytes(fragments) / u64::from(SECTOR)
    }
}

/// Fills a pointer block, which is zero before.
pub(crate) fn encode_pointers(shape: &Geometry, placed: &Placed, own: &Pointers, bytes: &mut [u8]) {
    let span = shape.pointers_per_block().pow(own.level - 1);
    for (index, slot) in bytes.chunks_exact_mut(POINTER_SIZE).enumerate() {
        let block = own.block + index as u64 * span;
        let target = match own.level {
            1 => address(placed, shape, block),
            level => pointers_at(placed, level - 1, block),
        };
        slot.copy_from_slice(&target.to_le_bytes());
    }
}

/// The fragment of a block of the file, 0 for a hole.
fn address(placed: &Placed, shape: &Geometry, block: u64) -> u64 {
    let after = placed.extents.partition_point(|extent| extent.block <= block);
    let Some(extent) = after.checked_sub(1).map(|at| &placed.extents[at]) else {
        return 0;
    };
    let fragment = extent.fragments.start + (block - extent.block) * u64::from(shape.frag);
    if fragment < extent.fragments.end { fragment } else { 0 }
}

/// The fragment of a pointer block, 0 where there is none.
fn pointers_at(placed: &Placed, level: u32, block: u64) -> u64 {
    let key = |pointers: &Pointers| (pointers.block, u32::MAX - pointers.level);
    match placed.pointers.binary_search_by_key(&(block, u32::MAX - level), key) {
        Ok(found) => placed.pointers[found].fragment,
        Err(_) => 0,
    }
}
