//! Allocates an inode and fragments for every node.
//!
//! The invariant: a [`Layout`] depends only on the survey and the geometry. Nodes are laid out in
//! the order of the survey, from the start of the file system. The inode of a node is in the group
//! of its data. The content of a directory comes before the files in it. The indirect blocks, the
//! blocks and the tail of a file follow each other, without gaps if possible. Small files fill the
//! gaps behind tails.
//!
//! How inodes, groups and indirect blocks are encoded does not belong here.

use std::ops::Range;

use crate::geometry::{DIRECT, Geometry, INDIRECT_LEVELS, ROOT_INODE};
use crate::space::Space;
use crate::survey::{Survey, SurveyedNode};

/// Consecutive blocks of a file in consecutive fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First block, numbered from the start of the file.
    pub block: u64,
    /// Location in the file system.
    pub fragments: Range<u64>,
}

/// An indirect block: a block of pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndirectBlock {
    /// 1 for a single, 2 for a double, 3 for a triple indirect block.
    pub level: u32,
    /// First block of the file that it covers.
    pub block: u64,
    /// Location in the file system.
    pub fragment: u64,
}

impl IndirectBlock {
    /// The key by which [`Allocation::indirect_blocks`] is sorted.
    pub(crate) fn sort_key(&self) -> (u64, u32) {
        Self::key(self.level, self.block)
    }

    pub(crate) fn key(level: u32, block: u64) -> (u64, u32) {
        (block, u32::MAX - level)
    }
}

/// The inode and the fragments of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub inode: u32,
    /// In file order.
    pub extents: Vec<Extent>,
    /// Sorted by `block`, then from the highest level to the lowest.
    pub indirect_blocks: Vec<IndirectBlock>,
}

/// The inodes in use in a cylinder group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// The nodes of its inodes as indices of the survey, starting at [`first_inode`].
    pub nodes: Vec<usize>,
    pub directories: u32,
}

/// The location of every node.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// In the order of the survey.
    pub allocations: Vec<Allocation>,
    pub groups: Vec<Group>,
    /// Fragments in use for data: sorted, with adjacent runs merged.
    pub used: Vec<Range<u64>>,
}

/// The resource that a tree exhausts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Blocks,
    Inodes,
}

/// Where to put the tail of a file that also has whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tails {
    /// Directly after its blocks.
    Adjacent,
    /// In any gap, which uses less space.
    Anywhere,
}

impl Layout {
    /// Lays out a tree. Tails are separated from their files only if the tree does not fit otherwise.
    pub(crate) fn new(survey: &Survey, geometry: &Geometry) -> Result<Self, Full> {
        if survey.nodes.len() as u64 > usable_inodes(geometry) {
            return Err(Full::Inodes);
        }
        match Allocator::new(geometry, Tails::Adjacent).run(survey) {
            Err(Full::Blocks) => Allocator::new(geometry, Tails::Anywhere).run(survey),
            done => done,
        }
    }
}

/// Returns how many inodes a tree can use.
pub(crate) fn usable_inodes(geometry: &Geometry) -> u64 {
    u64::from(geometry.ipg) * u64::from(geometry.groups) - u64::from(ROOT_INODE)
}

struct Allocator<'g> {
    geometry: &'g Geometry,
    tails: Tails,
    space: Space<'g>,
    groups: Vec<Group>,
}

impl<'g> Allocator<'g> {
    fn new(geometry: &'g Geometry, tails: Tails) -> Self {
        let groups = vec![Group::default(); geometry.groups as usize];
        Self { geometry, tails, space: Space::new(geometry), groups }
    }

    fn run(mut self, survey: &Survey) -> Result<Layout, Full> {
        let mut allocations = Vec::with_capacity(survey.nodes.len());
        for (index, node) in survey.nodes.iter().enumerate() {
            let inode = self.allocate_inode(index, node.directory)?;
            let (indirect_blocks, extents) = self.allocate_content(node).ok_or(Full::Blocks)?;
            allocations.push(Allocation { inode, extents, indirect_blocks });
        }
        Ok(Layout { allocations, groups: self.groups, used: self.space.into_used() })
    }

    /// Allocates an inode in the group of the next block, or in the next group that has a free one.
    fn allocate_inode(&mut self, index: usize, directory: bool) -> Result<u32, Full> {
        let here = self.space.group();
        let group = (here..self.geometry.groups)
            .chain(0..here)
            .find(|&group| self.next_inode(group) < self.geometry.ipg)
            .ok_or(Full::Inodes)?;
        let inode = group * self.geometry.ipg + self.next_inode(group);
        let group = &mut self.groups[group as usize];
        group.nodes.push(index);
        group.directories += u32::from(directory);
        Ok(inode)
    }

    fn next_inode(&self, group: u32) -> u32 {
        first_inode(group) + self.groups[group as usize].nodes.len() as u32
    }

    fn allocate_content(&mut self, node: &SurveyedNode) -> Option<(Vec<IndirectBlock>, Vec<Extent>)> {
        let frag = u64::from(self.geometry.frag);
        let tail = tail_fragments(self.geometry, node);
        let mut indirect = indirect_blocks(self.geometry, node);
        let mut at = 0;
        while at < indirect.len() {
            let run = self.space.blocks((indirect.len() - at) as u64)?;
            for fragment in run.step_by(frag as usize) {
                indirect[at].fragment = fragment;
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
                push_extent(&mut extents, frag, block - (run.end - run.start) / frag, run);
            }
            if tail > 0 {
                let alone = extents.is_empty() || self.tails == Tails::Anywhere;
                let run =
                    if alone { self.space.fragments(tail) } else { self.space.fragments_of_next_block(tail) };
                push_extent(&mut extents, frag, end, run?);
            }
        }
        Some((indirect, extents))
    }
}

/// Returns the index of the first inode in a group that a tree can use.
pub(crate) fn first_inode(group: u32) -> u32 {
    if group == 0 { ROOT_INODE } else { 0 }
}

/// Appends a run of fragments, merging it with the last extent if they are consecutive.
fn push_extent(extents: &mut Vec<Extent>, frag: u64, block: u64, fragments: Range<u64>) {
    if let Some(last) = extents.last_mut() {
        let blocks = (last.fragments.end - last.fragments.start).div_ceil(frag);
        if last.fragments.end == fragments.start && last.block + blocks == block {
            last.fragments.end = fragments.end;
            return;
        }
    }
    extents.push(Extent { block, fragments });
}

/// Returns the number of fragments in the last block, or 0 if it is a whole block. Only files
/// without indirect blocks have a partial last block.
fn tail_fragments(geometry: &Geometry, node: &SurveyedNode) -> u64 {
    let block_size = u64::from(geometry.block_size);
    if node.size == 0 || node.size > DIRECT * block_size {
        return 0;
    }
    (node.size % block_size).div_ceil(geometry.fragment_size.into()) % u64::from(geometry.frag)
}

/// Lists the indirect blocks that the data of a node needs, not yet allocated.
fn indirect_blocks(geometry: &Geometry, node: &SurveyedNode) -> Vec<IndirectBlock> {
    let fanout = geometry.pointers_per_block();
    let mut found = Vec::new();
    let mut first = DIRECT;
    for root in 1..=INDIRECT_LEVELS {
        let end = first + fanout.pow(root);
        for level in 1..=root {
            let span = fanout.pow(level);
            let mut next = first;
            for range in &node.blocks.data {
                let (from, to) = (range.start.max(next), range.end.min(end));
                if from >= to {
                    continue;
                }
                let mut block = first + (from - first) / span * span;
                while block < to {
                    found.push(IndirectBlock { level, block, fragment: 0 });
                    block += span;
                }
                next = block;
            }
        }
        first = end;
    }
    found.sort_unstable_by_key(IndirectBlock::sort_key);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holes::Blocks;
    use crate::params::Params;
    use crate::tree::{Content, Kind, Meta, NodeId, Tree};

    fn layout(sizes: &[usize]) -> (Geometry, Layout) {
        let mut tree = Tree::new(Meta::new(0o755));
        for (index, &size) in sizes.iter().enumerate() {
            let content = Content::Bytes(vec![1; size].into());
            let name = format!("{index:04}");
            tree.add(tree.root(), name.as_bytes(), Meta::new(0o644), Kind::File(content)).unwrap();
        }
        let params = Params::new(32 << 20);
        let geometry = Geometry::new(&params).unwrap();
        let survey = Survey::new(&tree, &params, &geometry).unwrap();
        let layout = Layout::new(&survey, &geometry).unwrap();
        (geometry, layout)
    }

    #[test]
    fn small_files_fill_the_gaps_behind_tails() {
        let (_, layout) = layout(&[4096 + 512, 4096, 700, 1500]);
        let start = |index: usize| layout.allocations[index].extents[0].fragments.clone();
        // The root directory takes one fragment; the first file begins at the next block.
        let root = start(0).start;
        assert_eq!(start(1), root + 8 - root % 8..root + 17 - root % 8);
        assert_eq!(start(2).start, start(1).start + 16);
        assert_eq!(
            start(3),
            start(1).end..start(1).end + 2,
            "the gap of 7 fragments behind the first tail is the smallest"
        );
        assert_eq!(start(4), start(3).end..start(3).end + 3);
    }

    #[test]
    fn a_file_with_indirect_blocks_has_no_tail_and_they_come_first() {
        let (_, layout) = layout(&[12 * 4096 + 1, 12 * 4096]);
        let file = &layout.allocations[1];
        assert_eq!(file.indirect_blocks.len(), 1);
        assert_eq!(file.extents[0].fragments.start, file.indirect_blocks[0].fragment + 8);
        assert_eq!(file.extents[0].fragments.clone().count(), 13 * 8);
        assert_eq!(layout.allocations[2].indirect_blocks, []);
    }

    #[test]
    fn only_indirect_blocks_that_lead_to_data_exist() {
        let geometry = Geometry::new(&Params::new(32 << 20)).unwrap();
        let last = 12 + 512 + 512 * 512 + 5;
        let node = SurveyedNode {
            node: NodeId(1),
            parent: NodeId(0),
            directory: false,
            size: (last + 1) * 4096,
            blocks: Blocks { data: vec![0..13, 600..601, last..last + 1], modified: None },
            links: 1,
            generation: 1,
        };
        let found: Vec<_> =
            indirect_blocks(&geometry, &node).iter().map(|found| (found.level, found.block)).collect();
        let (double, triple) = (12 + 512, 12 + 512 + 512 * 512);
        assert_eq!(found, [(1, 12), (2, double), (1, double), (3, triple), (2, triple), (1, triple)]);
    }
}
