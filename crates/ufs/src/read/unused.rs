//! What a file system does not use: bytes that nobody reads before they are written.
//!
//! The invariant: a byte that a structure or a file may have is never told of as unused; where a
//! group says something impossible the answer is an error.
//!
//! Free are the fragments that the map of their group has as free, and those of its inodes that no
//! kernel has written yet (`cg_initediblk`): both get their first content by whoever takes them.
//! The offsets are those of `struct cg` in sys/ufs/ffs/fs.h.

use std::ops::Range;

use super::error::ReadError;
use super::inode;
use super::le::u32_at;
use super::source::Source;
use super::{Reader, Shape};

const MAGIC: u32 = 0x0009_0255;

impl<S: Source> Reader<S> {
    /// The byte ranges of the file system that nothing uses, in order, from its first byte.
    ///
    /// # Errors
    ///
    /// A cylinder group that cannot be read or contradicts the superblock.
    pub fn unused(&self) -> Result<Vec<Range<u64>>, ReadError> {
        let mut unused: Vec<Range<u64>> = Vec::new();
        for group in 0..self.shape.groups {
            for range in self.unused_of(group)? {
                match unused.last_mut() {
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => unused.push(range),
                }
            }
        }
        Ok(unused)
    }

    fn unused_of(&self, group: u32) -> Result<Vec<Range<u64>>, ReadError> {
        let Shape { fragment, inode_fragment, data_fragment, inodes_per_group, .. } = self.shape;
        let first = u64::from(group) * self.shape.fragments_per_group;
        let count = (self.shape.size - first).min(self.shape.fragments_per_group);
        let mut header = vec![0; self.shape.block as usize];
        self.bytes((first + self.shape.group_fragment) * fragment, &mut header)?;
        let wrong = |why: String| Err(ReadError::corrupt(format!("cylinder group {group}"), why));
        if u32_at(&header, 4) != MAGIC || u32_at(&header, 12) != group {
            return wrong("its header is not there".to_owned());
        }
        let (map, written) = (u32_at(&header, 96) as usize, u32_at(&header, 120));
        if map.saturating_add(count.div_ceil(8) as usize) > header.len() || written > inodes_per_group {
            return wrong(format!("a map at {map} for {count} fragments, {written} inodes written"));
        }
        let is_free = |at: u64| header[map + (at / 8) as usize] >> (at % 8) & 1 == 1;
        let tables = self.shape.superblock_fragment..data_fragment;
        if let Some(at) = tables.clone().find(|&at| at < count && is_free(at)) {
            return wrong(format!("fragment {at}, of its own tables, is free"));
        }
        let inodes = inode_fragment + (u64::from(written) * inode::SIZE as u64).div_ceil(fragment);
        let is_unused = |at: u64| if tables.contains(&at) { at >= inodes } else { is_free(at) };
        let mut runs = Vec::new();
        let mut at = 0;
        while at < count {
            let start = at;
            while at < count && is_unused(at) {
                at += 1;
            }
            if start < at {
                runs.push((first + start) * fragment..(first + at) * fragment);
            }
            at += 1;
        }
        Ok(runs)
    }
}
