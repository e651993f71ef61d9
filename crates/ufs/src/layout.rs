//! Gives every node an inode and its fragments.
//!
//! The invariant: a [`Layout`] depends on the survey and the geometry alone. Nodes are placed in
//! the order of the survey, from the front: the inode in the group where the data goes, the
//! content of a directory before the files in it, and of a file the pointer blocks, the blocks
//! and the tail, without a gap where there is room. Small files fill the gaps that tails leave.
//!
//! The bytes of inodes, groups and pointer blocks do not belong here.

use std::ops::Range;

use crate::geometry::{DIRECT, Geometry, INDIRECT_LEVELS, ROOT_INODE};
use crate::space::Space;
use crate::survey::{Survey, Surveyed};

/// Consecutive blocks of a file in consecutive fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First block of the file.
    pub block: u64,
    /// Where it is.
    pub fragments: Range<u64>,
}

/// A block of pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointers {
    /// 1: points to data; 2 and 3: points to blocks of the level below.
    pub level: u32,
    /// First block of the file that is reached through it.
    pub block: u64,
    /// Its first fragment.
    pub fragment: u64,
}

/// Where a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    pub inode: u32,
    /// In the order of the file.
    pub extents: Vec<Extent>,
    /// By `block`, then from the highest level.
    pub pointers: Vec<Pointers>,
}

/// What is used of a cylinder group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// The nodes of its inodes, as indices of the survey. In group 0 they begin at [`ROOT_INODE`].
    pub nodes: Vec<usize>,
    pub directories: u32,
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// As in the survey.
    pub placed: Vec<Placed>,
    pub groups: Vec<Group>,
    /// Fragments in use for data, sorted and joined.
    pub used: Vec<Range<u64>>,
}

/// Why there is no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Blocks,
    Inodes,
}

/// Where the tail of a file goes that has whole blocks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tails {
    /// Behind its blocks.
    Adjacent,
    /// Wherever a gap is left, which packs more.
    Anywhere,
}

impl Layout {
    /// Lays out a tree, in gaps only where it does not fit otherwise.
    pub(crate) fn new(survey: &Survey, shape: &Geometry) -> Result<Self, Full> {
        if survey.nodes.len() as u64 > usable_inodes(shape) {
            return Err(Full::Inodes);
        }
        match Placer::new(shape, Tails::Adjacent).run(survey) {
            Err(Full::Blocks) => Placer::new(shape, Tails::Anywhere).run(survey),
            done => done,
        }
    }
}

/// Inodes that a tree can have.
pub(crate) fn usable_inodes(shape: &Geometry) -> u64 {
    u64::from(shape.ipg) * u64::from(shape.groups) - u64::from(ROOT_INODE)
}

struct Placer<'g> {
    shape: &'g Geometry,
    tails: Tails,
    space: Space<'g>,
    groups: Vec<Group>,
}

impl<'g> Placer<'g> {
    fn new(shape: &'g Geometry, tails: Tails) -> Self {
        let groups = vec![Group::default(); shape.groups as usize];
        Self { shape, tails, space: Space::new(shape), groups }
    }

    fn run(mut self, survey: &Survey) -> Result<Layout, Full> {
        let mut placed = Vec::with_capacity(survey.nodes.len());
        for (index, node) in survey.nodes.iter().enumerate() {
            let inode = self.inode(index, node.directory)?;
            let (pointers, extents) = self.content(node).ok_or(Full::Blocks)?;
            placed.push(Placed { inode, extents, pointers });
        }
        Ok(Layout { placed, groups: self.groups, used: self.space.into_used() })
    }

    /// An inode in the group of the next block, or in the next group that has one.
    fn inode(&mut self, index: usize, directory: bool) -> Result<u32, Full> {
        let here = self.space.group();
        let group = (here..self.shape.groups)
            .chain(0..here)
            .find(|&group| self.next_inode(group) < self.shape.ipg)
            .ok_or(Full::Inodes)?;
        let inode = group * self.shape.ipg + self.next_inode(group);
        let group = &mut self.groups[group as usize];
        group.nodes.push(index);
        group.directories += u32::from(directory);
        Ok(inode)
    }

    fn next_inode(&self, group: u32) -> u32 {
        first_inode(group) + self.groups[group as usize].nodes.len() as u32
    }

    fn content(&mut self, node: &Surveyed) -> Option<(Vec<Pointers>, Vec<Extent>)> {
        let frag = u64::from(self.shape.frag);
        let tail = tail_fragments(self.shape, node);
        let mut pointers = pointers(self.shape, node);
        let mut at = 0;
        while at < pointers.len() {
            let run = self.space.blocks((pointers.len() - at) as u64)?;
            for fragment in run.step_by(frag as usize) {
                pointers[at].fragment = fragment;
                at += 1;
            }
        }
        let mut extents = Vec::with_capacity(node.blocks.data.len());
        let last = node.blocks.data.len().saturating_sub(1);
        for (index, range) in node.blocks.data.iter().enumerate() {
            let tail = if index == last { tail } else { 0 };
            let end = if tail > 0 { range.end - 1 } else { range.end };
            let mut block = range.start;
            while block < end {
                let run = self.space.blocks(end - block)?;
                block += (run.end - run.start) / frag;
                push(&mut extents, frag, block - (run.end - run.start) / frag, run);
            }
            if tail > 0 {
                let alone = extents.is_empty() || self.tails == Tails::Anywhere;
                let run = if alone { self.space.fragments(tail) } else { self.space.adjacent(tail) };
                push(&mut extents, frag, end, run?);
            }
        }
        Some((pointers, extents))
    }
}

/// First inode of a group that a tree may use.
pub(crate) fn first_inode(group: u32) -> u32 {
    if group == 0 { ROOT_INODE } else { 0 }
}

fn push(extents: &mut Vec<Extent>, frag: u64, block: u64, fragments: Range<u64>) {
    if let Some(last) = extents.last_mut() {
        let blocks = (last.fragments.end - last.fragments.start).div_ceil(frag);
        if last.fragments.end == fragments.start && last.block + blocks == block {
            last.fragments.end = fragments.end;
            return;
        }
    }
    extents.push(Extent { block, fragments });
}

/// Fragments of the last block where it is not a whole one: only in the direct blocks.
fn tail_fragments(shape: &Geometry, node: &Surveyed) -> u64 {
    let block = u64::from(shape.block);
    if node.size == 0 || node.size > DIRECT * block {
        return 0;
    }
    (node.size % block).div_ceil(shape.fragment.into()) % u64::from(shape.frag)
}

/// The pointer blocks that the data of a node needs, without their places.
fn pointers(shape: &Geometry, node: &Surveyed) -> Vec<Pointers> {
    let fan = shape.pointers_per_block();
    let mut found = Vec::new();
    let mut first = DIRECT;
    for root in 1..=INDIRECT_LEVELS {
        let end = first + fan.pow(root);
        for level in 1..=root {
            let span = fan.pow(level);
            let mut next = first;
            for range in &node.blocks.data {
                let (from, to) = (range.start.max(next), range.end.min(end));
                if from >= to {
                    continue;
                }
                let mut block = first + (from - first) / span * span;
                while block < to {
                    found.push(Pointers { level, block, fragment: 0 });
                    block += span;
                }
                next = block;
            }
        }
        first = end;
    }
    found.sort_unstable_by_key(|pointers| (pointers.block, u32::MAX - pointers.level));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Kind, Meta, Params, Tree};

    fn layout(sizes: &[usize]) -> (Geometry, Layout) {
        let mut tree = Tree::new(Meta::new(0o755));
        for (index, &size) in sizes.iter().enumerate() {
            let content = Content::Bytes(vec![1; size].into());
            let name = format!("{index:04}");
            tree.add(tree.root(), name.as_bytes(), Meta::new(0o644), Kind::File(content)).unwrap();
        }
        let params = Params::new(32 << 20);
        let shape = Geometry::new(&params).unwrap();
        let survey = Survey::new(&tree, &params, &shape).unwrap();
        let layout = Layout::new(&survey, &shape).unwrap();
        (shape, layout)
    }

    #[test]
    fn small_files_fill_the_gaps_behind_tails() {
        let (_, layout) = layout(&[4096 + 512, 4096, 700, 1500]);
        let start = |index: usize| layout.placed[index].extents[0].fragments.clone();
        // The root directory takes one fragment, the first file begins at the next block.
        let root = start(0).start;
        assert_eq!(start(1), root + 8 - root % 8..root + 17 - root % 8);
        assert_eq!(start(2).start, start(1).start + 16);
        assert_eq!(
            start(3),
            start(1).end..start(1).end + 2,
            "the gap of 7 behind the first tail is the smallest"
        );
        assert_eq!(start(4), start(3).end..start(3).end + 3);
    }

    #[test]
    fn a_file_past_the_direct_blocks_has_no_tail_and_its_pointers_come_first() {
        let (_, layout) = layout(&[12 * 4096 + 1, 12 * 4096]);
        let file = &layout.placed[1];
        assert_eq!(file.pointers.len(), 1);
        assert_eq!(file.extents[0].fragments.start, file.pointers[0].fragment + 8);
        assert_eq!(file.extents[0].fragments.clone().count(), 13 * 8);
        assert_eq!(layout.placed[2].pointers, []);
    }

    #[test]
    fn only_the_pointers_that_lead_to_data_are_there() {
        let shape = Geometry::new(&Params::new(32 << 20)).unwrap();
        let last = 12 + 512 + 512 * 512 + 5;
        let node = Surveyed {
            node: crate::NodeId(1),
            parent: crate::NodeId(0),
            directory: false,
            size: (last + 1) * 4096,
            blocks: crate::holes::Blocks { data: vec![0..13, 600..601, last..last + 1], modified: None },
            links: 1,
            generation: 1,
        };
        let found: Vec<_> = pointers(&shape, &node).iter().map(|found| (found.level, found.block)).collect();
        let (double, triple) = (12 + 512, 12 + 512 + 512 * 512);
        assert_eq!(found, [(1, 12), (2, double), (1, double), (3, triple), (2, triple), (1, triple)]);
    }
}
