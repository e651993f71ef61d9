//! Hands out fragments, from the front of the file system to its end.
//!
//! The invariant: no fragment is handed out twice, a block starts at a multiple of the block size,
//! and a run of fragments never crosses the boundary of a block. What was handed out lies before
//! the cursor; what is free before the cursor is in `left`.
//!
//! Inodes, and what the fragments are for, do not belong here.

use std::ops::Range;

use crate::geometry::{Geometry, MAX_FRAGS};

/// The free fragments of a file system.
#[derive(Debug)]
pub(crate) struct Space<'g> {
    shape: &'g Geometry,
    /// The group which the cursor is in.
    group: u32,
    /// Whether the cursor is in the area before the group's superblock.
    head: bool,
    /// From the cursor to the end of its area.
    area: Range<u64>,
    /// Starts of the free runs that were passed over, by their length.
    left: [Vec<u64>; MAX_FRAGS],
    used: Vec<Range<u64>>,
}

impl<'g> Space<'g> {
    pub(crate) fn new(shape: &'g Geometry) -> Self {
        let [head, _] = shape.data_areas(0);
        Self { shape, group: 0, head: true, area: head, left: Default::default(), used: Vec::new() }
    }

    /// The group that the next block comes from.
    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    /// Up to `most` blocks that follow each other, `most` being at least 1: fragments of whole
    /// blocks, or `None` when there is not one block left.
    pub(crate) fn blocks(&mut self, most: u64) -> Option<Range<u64>> {
        let frag = u64::from(self.shape.frag);
        loop {
            self.align();
            let available = (self.area.end - self.area.start) / frag;
            if available > 0 {
                let run = self.area.start..self.area.start + most.min(available) * frag;
                self.area.start = run.end;
                self.take(run.clone());
                return Some(run);
            }
            if !self.next_area() {
                return None;
            }
        }
    }

    /// A run of `count` fragments, fewer than a block, in one block: next to what was handed out
    /// last, or else in the smallest gap, or else in a new block.
    pub(crate) fn fragments(&mut self, count: u64) -> Option<Range<u64>> {
        let open = self.open();
        if open >= count {
            let run = self.area.start..self.area.start + count;
            self.area.start = run.end;
            self.take(run.clone());
            return Some(run);
        }
        for length in count as usize..MAX_FRAGS {
            if let Some(start) = self.left[length].pop() {
                let run = start..start + count;
                self.leave(run.end..start + length as u64);
                self.take(run.clone());
                return Some(run);
            }
        }
        self.adjacent(count)
    }

    /// A run of `count` fragments, fewer than a block, at the start of the next block.
    pub(crate) fn adjacent(&mut self, count: u64) -> Option<Range<u64>> {
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

    /// What was handed out, sorted, neighbours joined.
    pub(crate) fn into_used(self) -> Vec<Range<u64>> {
        let mut used = self.used;
        used.sort_unstable_by_key(|run| run.start);
        used.dedup_by(|next, run| {
            let joined = run.end == next.start;
            if joined {
                run.end = next.end;
            }
            joined
        });
        used
    }

    fn take(&mut self, run: Range<u64>) {
        match self.used.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => self.used.push(run),
        }
    }

    /// Fragments from the cursor to the end of a block that was begun.
    fn open(&self) -> u64 {
        let frag = u64::from(self.shape.frag);
        let rest = (frag - self.area.start % frag) % frag;
        rest.min(self.area.end - self.area.start)
    }

    /// Moves the cursor to the start of a block, or to the end of the area.
    fn align(&mut self) {
        let open = self.open();
        let gap = self.area.start..self.area.start + open;
        self.area.start = gap.end;
        self.leave(gap);
    }

    fn leave(&mut self, gap: Range<u64>) {
        if !gap.is_empty() {
            self.left[(gap.end - gap.start) as usize].push(gap.start);
        }
    }

    fn next_area(&mut self) -> bool {
        // At the end of the file system less than a block may be left.
        let rest = self.area.clone();
        self.area.start = rest.end;
        self.leave(rest);
        if !self.head {
            if self.group + 1 == self.shape.groups {
                return false;
            }
            self.group += 1;
        }
        self.head = !self.head;
        let [head, body] = self.shape.data_areas(self.group);
        self.area = if self.head { head } else { body };
        true
    }
}
