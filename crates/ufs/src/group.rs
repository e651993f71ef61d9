//! A cylinder group: its header and bitmaps, and what it has left.
//!
//! The invariant: counts are never kept, they are counted from the bitmap, as pass 5 of `fsck_ffs`
//! does (sbin/fsck_ffs/pass5.c).
//!
//! `struct cg` of sys/ufs/ffs/fs.h, in bytes; what is not listed is zero:
//!
//! | offset | field             | what                                                     |
//! |--------|-------------------|----------------------------------------------------------|
//! | 4      | `cg_magic`        | 0x090255                                                 |
//! | 12     | `cg_cgx`          | number of the group                                      |
//! | 20     | `cg_ndblk`        | fragments of the group                                   |
//! | 24     | `cg_cs`           | directories, free blocks, free inodes, free fragments    |
//! | 52     | `cg_frsum`        | 8 counts: free runs in blocks, by their fragments        |
//! | 92     | `cg_iusedoff`     | bitmap of used inodes                                    |
//! | 96     | `cg_freeoff`      | bitmap of free fragments                                 |
//! | 100    | `cg_nextfreeoff`  | end of the bitmaps                                       |
//! | 104    | `cg_clustersumoff`| counts of free runs of blocks, by their length           |
//! | 108    | `cg_clusteroff`   | bitmap of free blocks                                    |
//! | 112    | `cg_nclusterblks` | whole blocks of the group                                |
//! | 116    | `cg_niblk`        | inodes of the group                                      |
//! | 120    | `cg_initediblk`   | inodes that were ever written; the kernel adds to them   |
//! | 132    | `cg_ckhash`       | check-hash of the header, with zero here                 |
//! | 136    | `cg_time`         | seconds                                                  |
//! | 168    | `cg_space`        | the bitmaps                                              |

use std::ops::Range;

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{Geometry, MAX_FRAGS, SUMMARY_SIZE};
use crate::layout::{Group, first_inode};

const MAGIC: u32 = 0x0009_0255;
const MAGIC_AT: usize = 4;
const NUMBER_AT: usize = 12;
const FRAGMENTS_AT: usize = 20;
const SUMMARY_AT: usize = 24;
const RUNS_AT: usize = 52;
const INODE_MAP_AT: usize = 92;
const FREE_MAP_AT: usize = 96;
const MAPS_END_AT: usize = 100;
const CLUSTER_SUMS_AT: usize = 104;
const CLUSTER_MAP_AT: usize = 108;
const CLUSTER_BLOCKS_AT: usize = 112;
const INODES_AT: usize = 116;
const INITIALISED_AT: usize = 120;
const HASH_AT: usize = 132;
const TIME_AT: usize = 136;
const SPACE: usize = 168;

/// `struct csum`: what a group has left, and its directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub directories: u32,
    pub blocks: u32,
    pub inodes: u32,
    /// Free fragments outside of free blocks.
    pub fragments: u32,
}

impl Summary {
    pub(crate) fn encode(&self, bytes: &mut [u8]) {
        bytes.put_u32(0, self.directories);
        bytes.put_u32(4, self.blocks);
        bytes.put_u32(8, self.inodes);
        bytes.put_u32(12, self.fragments);
    }
}

/// The bitmaps of one group.
pub(crate) struct Maps<'g> {
    shape: &'g Geometry,
    number: u32,
    used_inodes: Range<u32>,
    directories: u32,
    /// A bit a fragment, set where it is free.
    free: Vec<u8>,
}

impl<'g> Maps<'g> {
    /// `used` is sorted and covers all groups.
    pub(crate) fn new(shape: &'g Geometry, number: u32, group: &Group, used: &[Range<u64>]) -> Self {
        let mut free = vec![0; shape.fpg.div_ceil(8) as usize];
        let start = shape.group_start(number);
        let end = shape.group_end(number);
        for area in shape.data_areas(number) {
            fill(&mut free, area.start - start..area.end - start, true);
        }
        let first = used.partition_point(|run| run.end <= start);
        for run in used[first..].iter().take_while(|run| run.start < end) {
            fill(&mut free, run.start.max(start) - start..run.end.min(end) - start, false);
        }
        let first = first_inode(number);
        let used_inodes = 0..if group.nodes.is_empty() { first } else { first + group.nodes.len() as u32 };
        Self { shape, number, used_inodes, directories: group.directories, free }
    }

    pub(crate) fn summary(&self) -> Summary {
        self.count().0
    }

    /// Inodes of a group that are written: what is used, and two blocks as `newfs` does.
    fn initialised(&self) -> u32 {
        let block = self.shape.inodes_per_block();
        self.used_inodes.end.next_multiple_of(block).max(2 * block).min(self.shape.ipg)
    }

    fn blocks(&self) -> impl Iterator<Item = u8> {
        let fragments = self.shape.group_end(self.number) - self.shape.group_start(self.number);
        let frag = self.shape.frag as usize;
        let mask = u8::MAX >> (8 - frag);
        (0..fragments as usize).step_by(frag).map(move |at| self.free[at / 8] >> (at % 8) & mask)
    }

    /// The summary, and the free runs of 1 to 7 fragments in the blocks that are used in part.
    fn count(&self) -> (Summary, [u32; MAX_FRAGS]) {
        let whole = u8::MAX >> (8 - self.shape.frag);
        let mut summary = Summary {
            directories: self.directories,
            inodes: self.shape.ipg - self.used_inodes.end,
            ..Summary::default()
        };
        let mut runs = [0; MAX_FRAGS];
        for block in self.blocks() {
            if block == whole {
                summary.blocks += 1;
                continue;
            }
            summary.fragments += block.count_ones();
            let mut rest = block;
            while rest != 0 {
                rest >>= rest.trailing_zeros();
                let run = rest.trailing_ones();
                runs[run as usize] += 1;
                rest = rest.checked_shr(run).unwrap_or(0);
            }
        }
        (summary, runs)
    }

    /// The bitmap of free blocks, and how many runs of them there are, by their length.
    fn clusters(&self, longest: u32) -> (Vec<u8>, Vec<u32>) {
        let whole = u8::MAX >> (8 - self.shape.frag);
        let mut map = vec![0; (self.shape.fpg / self.shape.frag).div_ceil(8) as usize];
        let mut sums = vec![0; longest as usize + 1];
        let mut run = 0;
        // A block that is not whole ends a run, so one more ends the last.
        for (number, block) in self.blocks().chain([0]).enumerate() {
            if block == whole {
                map[number / 8] |= 1 << (number % 8);
                run += 1;
            } else if run > 0 {
                sums[run.min(longest as usize)] += 1;
                run = 0;
            }
        }
        (map, sums)
    }

    /// The header with the bitmaps: [`Geometry::group_size`] bytes.
    pub(crate) fn encode(&self, time: i64) -> Vec<u8> {
        let shape = self.shape;
        let fragments = (shape.group_end(self.number) - shape.group_start(self.number)) as u32;
        let (summary, runs) = self.count();
        let mut bytes = vec![0; shape.group_size as usize];
        bytes.put_u32(MAGIC_AT, MAGIC);
        bytes.put_u32(NUMBER_AT, self.number);
        bytes.put_u32(FRAGMENTS_AT, fragments);
        summary.encode(&mut bytes[SUMMARY_AT..SUMMARY_AT + SUMMARY_SIZE]);
        for (length, count) in runs.into_iter().enumerate() {
            bytes.put_u32(RUNS_AT + 4 * length, count);
        }
        let free_map = SPACE + shape.ipg.div_ceil(8) as usize;
        let mut end = free_map + self.free.len();
        bytes.put_u32(INODE_MAP_AT, SPACE as u32);
        fill(&mut bytes[SPACE..free_map], 0..self.used_inodes.end.into(), true);
        bytes.put_u32(FREE_MAP_AT, free_map as u32);
        bytes[free_map..end].copy_from_slice(&self.free);
        if shape.clusters > 0 {
            let (map, counts) = self.clusters(shape.clusters);
            // The count for a length of 0 does not exist: its place may overlap the bitmap before.
            let sums = end.next_multiple_of(4) - 4;
            let cluster_map = sums + 4 * counts.len();
            for (length, count) in counts.into_iter().enumerate().skip(1) {
                bytes.put_u32(sums + 4 * length, count);
            }
            end = cluster_map + map.len();
            bytes[cluster_map..end].copy_from_slice(&map);
            bytes.put_u32(CLUSTER_SUMS_AT, sums as u32);
            bytes.put_u32(CLUSTER_MAP_AT, cluster_map as u32);
            bytes.put_u32(CLUSTER_BLOCKS_AT, fragments / shape.frag);
        }
        bytes.put_u32(MAPS_END_AT, end as u32);
        bytes.put_u32(INODES_AT, shape.ipg);
        bytes.put_u32(INITIALISED_AT, self.initialised());
        bytes.put_i64(TIME_AT, time);
        let hash = check_hash(&bytes);
        bytes.put_u32(HASH_AT, hash);
        bytes
    }
}

/// Sets or clears a range of bits.
fn fill(map: &mut [u8], bits: Range<u64>, value: bool) {
    let mut at = bits.start;
    while at < bits.end {
        let (byte, bit) = ((at / 8) as usize, at % 8);
        let count = (8 - bit).min(bits.end - at);
        let mask = (u8::MAX >> (8 - count)) << bit;
        if value {
            map[byte] |= mask;
        } else {
            map[byte] &= !mask;
        }
        at += count;
    }
}
