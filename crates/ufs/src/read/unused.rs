//! Finds the bytes of a file system that are not in use, so nobody reads them before writing them.
//!
//! The invariant: a byte that belongs to a structure or a file is never reported as unused. A
//! cylinder group with impossible numbers is an error.
//!
//! Unused are the fragments that are free in the bitmap of their group, and the inodes that no
//! kernel has initialized yet (`cg_initediblk`). The offsets are those of `struct cg` in
//! sys/ufs/ffs/fs.h.

use std::ops::Range;

use super::error::ReadError;
use super::inode;
use super::le::u32_at;
use super::reader::Reader;
use super::source::Source;
use super::superblock::Geometry;

/// CG_MAGIC.
const MAGIC: u32 = 0x0009_0255;

const MAGIC_AT: usize = 4;
const CGX: usize = 12;
const FREEOFF: usize = 96;
const INITEDIBLK: usize = 120;

impl<S: Source> Reader<S> {
    /// Returns the byte ranges of the file system that are not in use, in ascending order and
    /// relative to its start.
    ///
    /// # Errors
    ///
    /// A cylinder group that cannot be read or that contradicts the superblock.
    pub fn unused(&self) -> Result<Vec<Range<u64>>, ReadError> {
        let mut unused: Vec<Range<u64>> = Vec::new();
        for group in 0..self.geometry.groups {
            for range in self.unused_in_group(group)? {
                match unused.last_mut() {
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => unused.push(range),
                }
            }
        }
        Ok(unused)
    }

    fn unused_in_group(&self, group: u32) -> Result<Vec<Range<u64>>, ReadError> {
        let Geometry { block_size, fragment_size, size, ipg, fpg, sblkno, cblkno, iblkno, dblkno, .. } =
            self.geometry;
        let first = u64::from(group) * fpg;
        let count = (size - first).min(fpg);
        let mut header = vec![0; block_size as usize];
        self.read_bytes((first + cblkno) * fragment_size, &mut header)?;
        let corrupt = |why: String| Err(ReadError::corrupt(format!("cylinder group {group}"), why));
        if u32_at(&header, MAGIC_AT) != MAGIC || u32_at(&header, CGX) != group {
            return corrupt("its header is missing".to_owned());
        }
        let (map, initialized) = (u32_at(&header, FREEOFF) as usize, u32_at(&header, INITEDIBLK));
        if map.saturating_add(count.div_ceil(8) as usize) > header.len() || initialized > ipg {
            return corrupt(format!(
                "invalid header: a bitmap of {count} fragments at byte {map}, {initialized} inodes initialized"
            ));
        }
        let is_free = |at: u64| header[map + (at / 8) as usize] >> (at % 8) & 1 == 1;
        let metadata = sblkno..dblkno;
        if let Some(at) = metadata.clone().find(|&at| at < count && is_free(at)) {
            return corrupt(format!("fragment {at} is marked as free, but holds metadata"));
        }
        let inodes_end = iblkno + (u64::from(initialized) * inode::SIZE as u64).div_ceil(fragment_size);
        let is_unused = |at: u64| if metadata.contains(&at) { at >= inodes_end } else { is_free(at) };
        let mut runs = Vec::new();
        let mut at = 0;
        while at < count {
            let start = at;
            while at < count && is_unused(at) {
                at += 1;
            }
            if start < at {
                runs.push((first + start) * fragment_size..(first + at) * fragment_size);
            }
            at += 1;
        }
        Ok(runs)
    }
}
