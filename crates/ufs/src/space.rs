//! Allocates fragments, from the start of the file system to its end.
//!
//! The invariant: no fragment is allocated twice, a block starts at a multiple of the block size,
//! and a run of fragments never crosses a block boundary. Everything before the cursor is either
//! allocated or listed in `gaps`.
//!
//! Inodes, and what the fragments are used for, do not belong here.

use std::ops::Range;

use crate::geometry::{Geometry, MAX_FRAG};

/// The free space of a file system.
#[derive(Debug)]
pub(crate) struct Space<'g> {
    geometry: &'g Geometry,
    /// The group of the cursor.
    group: u32,
    /// Whether the cursor is in the data area before the superblock of the group.
    head: bool,
    /// From the cursor to the end of its data area.
    area: Range<u64>,
    /// Starts of the free runs before the cursor, by their length.
    gaps: [Vec<u64>; MAX_FRAG],
    used: Vec<Range<u64>>,
}

impl<'g> Space<'g> {
    pub(crate) fn new(geometry: &'g Geometry) -> Self {
        let [head, _] = geometry.data_areas(0);
        Self { geometry, group: 0, head: true, area: head, gaps: Default::default(), used: Vec::new() }
    }

    /// The group that the next block is allocated from.
    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    /// Allocates 1 to `max` consecutive blocks and returns their fragments; `None` if no block is
    /// left.
    pub(crate) fn blocks(&mut self, max: u64) -> Option<Range<u64>> {
        let frag = u64::from(self.geometry.frag);
        loop {
            self.align();
            let available = (self.area.end - self.area.start) / frag;
            if available > 0 {
                let run = self.area.start..self.area.start + max.min(available) * frag;
                self.area.start = run.end;
                self.take(run.clone());
                return Some(run);
            }
            if !self.next_area() {
                return None;
            }
        }
    }

    /// Allocates `count` fragments, fewer than a block: directly after the last allocation, or else
    /// in the smallest gap, or else at the start of the next block.
    pub(crate) fn fragments(&mut self, count: u64) -> Option<Range<u64>> {
        let rest = self.rest_of_block();
        if rest >= count {
            let run = self.area.start..self.area.start + count;
            self.area.start = run.end;
            self.take(run.clone());
            return Some(run);
        }
        for length in count as usize..MAX_FRAG {
            if let Some(start) = self.gaps[length].pop() {
                let run = start..start + count;
                self.add_gap(run.end..start + length as u64);
                self.take(run.clone());
                return Some(run);
            }
        }
        self.fragments_of_next_block(count)
    }

    /// Allocates `count` fragments, fewer than a block, at the start of the next block.
    pub(crate) fn fragments_of_next_block(&mut self, count: u64) -> Option<Range<u64>> {
        loop {
            self.align();
            if self.area.end - self.area.start >= count {
                let run = self.area.start..self.area.start + count;
                self.area.start = run.end;
                self.take(run.clone());
                return Some(run);
            }
            if !self.next_area() {
                return None;
            }
        }
    }

    /// Returns the allocated fragments: sorted, with adjacent runs merged.
    pub(crate) fn into_used(self) -> Vec<Range<u64>> {
        let mut used = self.used;
        used.sort_unstable_by_key(|run| run.start);
        used.dedup_by(|next, run| {
            let adjacent = run.end == next.start;
            if adjacent {
                run.end = next.end;
            }
            adjacent
        });
        used
    }

    fn take(&mut self, run: Range<u64>) {
        match self.used.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => self.used.push(run),
        }
    }

    /// Fragments from the cursor to the next block boundary.
    fn rest_of_block(&self) -> u64 {
        let frag = u64::from(self.geometry.frag);
        let rest = (frag - self.area.start % frag) % frag;
        rest.min(self.area.end - self.area.start)
    }

    /// Moves the cursor to the next block boundary, or to the end of the area.
    fn align(&mut self) {
        let gap = self.area.start..self.area.start + self.rest_of_block();
        self.area.start = gap.end;
        self.add_gap(gap);
    }

    fn add_gap(&mut self, gap: Range<u64>) {
        if !gap.is_empty() {
            self.gaps[(gap.end - gap.start) as usize].push(gap.start);
        }
    }

    fn next_area(&mut self) -> bool {
        // At the end of the file system, less than a block may be left.
        let rest = self.area.clone();
        self.area.start = rest.end;
        self.add_gap(rest);
        if !self.head {
            if self.group + 1 == self.geometry.groups {
                return false;
            }
            self.group += 1;
        }
        self.head = !self.head;
        let [head, body] = self.geometry.data_areas(self.group);
        self.area = if self.head { head } else { body };
        true
    }
}
