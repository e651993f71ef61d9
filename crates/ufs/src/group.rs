//! Encodes the header of a cylinder group with its bitmaps, and counts its free space.
//!
//! The invariant: all counts are computed from the bitmaps, as in pass 5 of `fsck_ffs`
//! (sbin/fsck_ffs/pass5.c).
//!
//! `struct cg` of sys/ufs/ffs/fs.h, in bytes; what is not listed is zero:
//!
//! | offset | field             | content                                                  |
//! |--------|-------------------|----------------------------------------------------------|
//! | 4      | `cg_magic`        | 0x090255                                                 |
//! | 12     | `cg_cgx`          | number of the group                                      |
//! | 20     | `cg_ndblk`        | size of the group in fragments                           |
//! | 24     | `cg_cs`           | directories, free blocks, free inodes, free fragments    |
//! | 52     | `cg_frsum`        | 8 counts: runs of free fragments, by their length        |
//! | 92     | `cg_iusedoff`     | offset of the bitmap of used inodes                      |
//! | 96     | `cg_freeoff`      | offset of the bitmap of free fragments                   |
//! | 100    | `cg_nextfreeoff`  | offset of the end of the bitmaps                         |
//! | 104    | `cg_clustersumoff`| offset of the counts of free clusters, by their length   |
//! | 108    | `cg_clusteroff`   | offset of the bitmap of free blocks                      |
//! | 112    | `cg_nclusterblks` | whole blocks of the group                                |
//! | 116    | `cg_niblk`        | inodes of the group                                      |
//! | 120    | `cg_initediblk`   | number of initialized inodes; the kernel adds to them    |
//! | 132    | `cg_ckhash`       | check-hash of the header, computed with zero here        |
//! | 136    | `cg_time`         | seconds                                                  |
//! | 168    | `cg_space`        | the bitmaps                                              |

use std::ops::Range;

use crate::checkhash::check_hash;
use crate::field::Fields;
use crate::geometry::{CSUM_SIZE, Geometry, MAX_FRAG};
use crate::layout::{Group, first_inode};

const MAGIC: u32 = 0x0009_0255;
const MAGIC_AT: usize = 4;
const NUMBER_AT: usize = 12;
const FRAGMENTS_AT: usize = 20;
const SUMMARY_AT: usize = 24;
const FRSUM_AT: usize = 52;
const INODE_MAP_AT: usize = 92;
const FREE_MAP_AT: usize = 96;
const MAPS_END_AT: usize = 100;
const CLUSTER_SUMS_AT: usize = 104;
const CLUSTER_MAP_AT: usize = 108;
const CLUSTER_BLOCKS_AT: usize = 112;
const INODES_AT: usize = 116;
const INITIALIZED_AT: usize = 120;
const HASH_AT: usize = 132;
const TIME_AT: usize = 136;
const SPACE: usize = 168;

/// The summary of a group, `struct csum`: its directories and what is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub directories: u32,
    pub blocks: u32,
    pub inodes: u32,
    /// Free fragments that are not part of free blocks.
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

/// A cylinder group.
pub(crate) struct CylinderGroup<'g> {
    geometry: &'g Geometry,
    number: u32,
    used_inodes: Range<u32>,
    directories: u32,
    /// One bit per fragment, set if it is free.
    free: Vec<u8>,
}

impl<'g> CylinderGroup<'g> {
    /// `used` has the used fragments of all groups in ascending order.
    pub(crate) fn new(geometry: &'g Geometry, number: u32, group: &Group, used: &[Range<u64>]) -> Self {
        let mut free = vec![0; geometry.fpg.div_ceil(8) as usize];
        let start = geometry.group_start(number);
        let end = geometry.group_end(number);
        for area in geometry.data_areas(number) {
            set_bits(&mut free, area.start - start..area.end - start, true);
        }
        let first = used.partition_point(|run| run.end <= start);
        for run in used[first..].iter().take_while(|run| run.start < end) {
            set_bits(&mut free, run.start.max(start) - start..run.end.min(end) - start, false);
        }
        let first = first_inode(number);
        let used_inodes = 0..if group.nodes.is_empty() { first } else { first + group.nodes.len() as u32 };
        Self { geometry, number, used_inodes, directories: group.directories, free }
    }

    pub(crate) fn summary(&self) -> Summary {
        self.count().0
    }

    /// Number of initialized inodes: the used ones, and at least two blocks, as in `newfs`.
    fn initialized(&self) -> u32 {
        let block = self.geometry.inodes_per_block();
        self.used_inodes.end.next_multiple_of(block).max(2 * block).min(self.geometry.ipg)
    }

    /// The free fragments of each block, one bit per fragment.
    fn blocks(&self) -> impl Iterator<Item = u8> {
        let fragments = self.geometry.group_end(self.number) - self.geometry.group_start(self.number);
        let frag = self.geometry.frag as usize;
        let mask = u8::MAX >> (8 - frag);
        (0..fragments as usize).step_by(frag).map(move |at| self.free[at / 8] >> (at % 8) & mask)
    }

    /// Returns the summary, and the numbers of runs of free fragments in partly used blocks, by their
    /// length.
    fn count(&self) -> (Summary, [u32; MAX_FRAG]) {
        let whole = u8::MAX >> (8 - self.geometry.frag);
        let mut summary = Summary {
            directories: self.directories,
            inodes: self.geometry.ipg - self.used_inodes.end,
            ..Summary::default()
        };
        let mut runs = [0; MAX_FRAG];
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

    /// Returns the bitmap of free blocks, and the numbers of free clusters, by their length.
    fn clusters(&self, longest: u32) -> (Vec<u8>, Vec<u32>) {
        let whole = u8::MAX >> (8 - self.geometry.frag);
        let mut map = vec![0; (self.geometry.fpg / self.geometry.frag).div_ceil(8) as usize];
        let mut sums = vec![0; longest as usize + 1];
        let mut run = 0;
        // The additional block, which is not free, ends the last run.
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

    /// Encodes the header with the bitmaps, in [`Geometry::cgsize`] bytes.
    pub(crate) fn encode(&self, time: i64) -> Vec<u8> {
        let geometry = self.geometry;
        let fragments = (geometry.group_end(self.number) - geometry.group_start(self.number)) as u32;
        let (summary, runs) = self.count();
        let mut bytes = vec![0; geometry.cgsize as usize];
        bytes.put_u32(MAGIC_AT, MAGIC);
        bytes.put_u32(NUMBER_AT, self.number);
        bytes.put_u32(FRAGMENTS_AT, fragments);
        summary.encode(&mut bytes[SUMMARY_AT..SUMMARY_AT + CSUM_SIZE]);
        for (length, count) in runs.into_iter().enumerate() {
            bytes.put_u32(FRSUM_AT + 4 * length, count);
        }
        let free_map = SPACE + geometry.ipg.div_ceil(8) as usize;
        let mut end = free_map + self.free.len();
        bytes.put_u32(INODE_MAP_AT, SPACE as u32);
        set_bits(&mut bytes[SPACE..free_map], 0..self.used_inodes.end.into(), true);
        bytes.put_u32(FREE_MAP_AT, free_map as u32);
        bytes[free_map..end].copy_from_slice(&self.free);
        if geometry.contigsumsize > 0 {
            let (map, counts) = self.clusters(geometry.contigsumsize);
            // There is no count for length 0; its slot may overlap the preceding bitmap.
            let sums = end.next_multiple_of(4) - 4;
            let cluster_map = sums + 4 * counts.len();
            for (length, count) in counts.into_iter().enumerate().skip(1) {
                bytes.put_u32(sums + 4 * length, count);
            }
            end = cluster_map + map.len();
            bytes[cluster_map..end].copy_from_slice(&map);
            bytes.put_u32(CLUSTER_SUMS_AT, sums as u32);
            bytes.put_u32(CLUSTER_MAP_AT, cluster_map as u32);
            bytes.put_u32(CLUSTER_BLOCKS_AT, fragments / geometry.frag);
        }
        bytes.put_u32(MAPS_END_AT, end as u32);
        bytes.put_u32(INODES_AT, geometry.ipg);
        bytes.put_u32(INITIALIZED_AT, self.initialized());
        bytes.put_i64(TIME_AT, time);
        let hash = check_hash(&bytes);
        bytes.put_u32(HASH_AT, hash);
        bytes
    }
}

/// Sets or clears a range of bits.
fn set_bits(map: &mut [u8], bits: Range<u64>, value: bool) {
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
