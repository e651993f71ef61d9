//! Writes a plan: pieces sorted by their place, gathered into large writes, in parallel.
//!
//! The invariant: every piece is written once, pieces never overlap, and offsets and lengths of
//! writes are multiples of 512 bytes. A thread has one buffer, so memory does not grow with the
//! file system.
//!
//! What pieces say belongs to the module of their structure.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::directory::{self, Entry};
use crate::error::Error;
use crate::geometry::{INODE_SIZE, SECTOR, SUMMARY_SIZE, SUPERBLOCK_OFFSET};
use crate::group::Maps;
use crate::hostfile;
use crate::inode::{Inode, encode_pointers, file_type};
use crate::layout::first_inode;
use crate::plan::Plan;
use crate::sink::Sink;
use crate::superblock::{Facts, RECOVERY_SIZE, recovery};
use crate::tree::{Kind, NodeId, Stored};

/// Bytes of a write, where the layout has so many in a row.
const WRITE: u64 = 1024 << 10;
/// Free bytes between two pieces that are rather written as zeros than skipped.
const BRIDGE: u64 = 16 << 10;

/// What a piece consists of.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The hint where backups of the superblock are, at the end of the sector.
    Recovery,
    /// A superblock, the first or a backup.
    Superblock,
    /// The header of a group.
    Group(u32),
    /// The summary of all groups.
    Summary,
    /// Inodes of a group from the first on.
    Inodes(u32),
    /// A pointer block of a node.
    Pointers { node: usize, index: usize },
    /// Content of a node from this byte on.
    Content { node: usize, from: u64 },
}

impl Source {
    /// The source of what is `bytes` further on, where a piece may be divided.
    fn after(self, bytes: u64) -> Option<Self> {
        match self {
            Self::Content { node, from } => Some(Self::Content { node, from: from + bytes }),
            _ => None,
        }
    }
}

/// Bytes of the file system that belong together.
#[derive(Clone, Copy, Debug)]
struct Piece {
    offset: u64,
    length: u64,
    source: Source,
}

/// Pieces for one write.
#[derive(Debug)]
struct Batch {
    offset: u64,
    length: u64,
    pieces: Vec<Piece>,
}

impl Batch {
    /// Whether a piece that comes next belongs into this write, at least with its beginning.
    fn takes(&self, piece: &Piece) -> bool {
        let start = piece.offset - self.offset;
        let divisible = piece.source.after(0).is_some();
        let end = if divisible { start + 1 } else { start + piece.length };
        start - self.length <= BRIDGE && end <= WRITE
    }
}

pub(crate) struct Writer<'p> {
    plan: &'p Plan,
    /// Inode numbers by node.
    inodes: Vec<u32>,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        let mut inodes = vec![0; plan.tree.len()];
        for (node, placed) in plan.survey.nodes.iter().zip(&plan.layout.placed) {
            inodes[node.node.0] = placed.inode;
        }
        Self { plan, inodes }
    }

    pub(crate) fn run(&self, out: &dyn Sink) -> Result<(), Error> {
        let batches = batches(self.pieces());
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let errors = Mutex::new(Vec::new());
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads().min(batches.len()) {
                scope.spawn(|_| {
                    let mut buffer = Vec::new();
                    while !failed.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(batch) = batches.get(index) else {
                            break;
                        };
                        if let Err(error) = self.write(batch, &mut buffer, out) {
                            failed.store(true, Ordering::Relaxed);
                            errors.lock().unwrap_or_else(PoisonError::into_inner).push((index, error));
                        }
                    }
                });
            }
        });
        let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
        match errors.into_iter().min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    fn write(&self, batch: &Batch, buffer: &mut Vec<u8>, out: &dyn Sink) -> Result<(), Error> {
        let length = batch.length as usize;
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        let mut end = 0;
        for piece in &batch.pieces {
            let start = (piece.offset - batch.offset) as usize;
            buffer[end..start].fill(0);
            end = start + piece.length as usize;
            self.fill(piece, &mut buffer[start..end])?;
        }
        let data = &buffer[..length];
        out.write_at(batch.offset, data).map_err(|source| Error::Write {
            offset: batch.offset,
            length,
            source,
        })
    }

    /// Everything that is to be written, in the order of the file system.
    fn pieces(&self) -> Vec<Piece> {
        let Plan { shape, layout, .. } = self.plan;
        let superblock = shape.superblock_size.into();
        let sector = u64::from(SECTOR);
        let mut pieces = vec![
            Piece { offset: SUPERBLOCK_OFFSET - sector, length: sector, source: Source::Recovery },
            Piece { offset: SUPERBLOCK_OFFSET, length: superblock, source: Source::Superblock },
            Piece {
                offset: shape.bytes(shape.dblkno.into()),
                length: shape.summary_size.into(),
                source: Source::Summary,
            },
        ];
        for (number, group) in (0..).zip(&layout.groups) {
            let at = |fragment: u32| shape.bytes(shape.group_start(number) + u64::from(fragment));
            let used = u64::from(first_inode(number)) + group.nodes.len() as u64;
            let inodes = (used * INODE_SIZE as u64).next_multiple_of(shape.fragment.into());
            let header = shape.group_size.into();
            pieces.extend([
                Piece { offset: at(shape.sblkno), length: superblock, source: Source::Superblock },
                Piece { offset: at(shape.cblkno), length: header, source: Source::Group(number) },
            ]);
            if !group.nodes.is_empty() {
                let source = Source::Inodes(number);
                pieces.push(Piece { offset: at(shape.iblkno), length: inodes, source });
            }
        }
        for (node, placed) in layout.placed.iter().enumerate() {
            for (index, pointers) in placed.pointers.iter().enumerate() {
                let source = Source::Pointers { node, index };
                let offset = shape.bytes(pointers.fragment);
                pieces.push(Piece { offset, length: shape.block.into(), source });
            }
            for extent in &placed.extents {
                let from = extent.block * u64::from(shape.block);
                let offset = shape.bytes(extent.fragments.start);
                let length = shape.bytes(extent.fragments.end) - offset;
                pieces.push(Piece { offset, length, source: Source::Content { node, from } });
            }
        }
        pieces.sort_unstable_by_key(|piece| piece.offset);
        pieces
    }

    /// Makes the bytes of a piece; `bytes` may hold anything before.
    fn fill(&self, piece: &Piece, bytes: &mut [u8]) -> Result<(), Error> {
        let Plan { shape, layout, .. } = self.plan;
        if !matches!(piece.source, Source::Content { .. }) {
            bytes.fill(0);
        }
        match piece.source {
            Source::Recovery => {
                let start = bytes.len() - RECOVERY_SIZE;
                bytes[start..].copy_from_slice(&recovery(shape));
            }
            Source::Superblock => bytes.copy_from_slice(&self.facts().encode(piece.offset)),
            Source::Group(number) => {
                let group = &layout.groups[number as usize];
                let maps = Maps::new(shape, number, group, &layout.used);
                bytes.copy_from_slice(&maps.encode(self.plan.params.time));
            }
            Source::Summary => {
                let slots = bytes.chunks_exact_mut(SUMMARY_SIZE);
                for (slot, summary) in slots.zip(&self.plan.summaries) {
                    summary.encode(slot);
                }
            }
            Source::Inodes(number) => {
                let slots = bytes.chunks_exact_mut(INODE_SIZE).skip(first_inode(number) as usize);
                for (slot, &node) in slots.zip(&layout.groups[number as usize].nodes) {
                    self.inode(node).encode(slot);
                }
            }
            Source::Pointers { node, index } => {
                let placed = &layout.placed[node];
                encode_pointers(shape, placed, &placed.pointers[index], bytes);
            }
            Source::Content { node, from } => self.content(node, from, bytes)?,
        }
        Ok(())
    }

    fn facts(&self) -> Facts<'_> {
        let Plan { shape, params, survey, summaries, .. } = self.plan;
        Facts { shape, params, identity: survey.identity, summaries }
    }

    fn inode(&self, node: usize) -> Inode<'_> {
        let Plan { tree, params, shape, survey, layout, .. } = self.plan;
        let surveyed = &survey.nodes[node];
        Inode {
            shape,
            meta: tree.meta(surveyed.node),
            stored: tree.stored(surveyed.node),
            node: surveyed,
            placed: &layout.placed[node],
            time: params.time,
        }
    }

    fn content(&self, node: usize, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let surveyed = &self.plan.survey.nodes[node];
        let length = (bytes.len() as u64).min(surveyed.size.saturating_sub(from)) as usize;
        let (bytes, rest) = bytes.split_at_mut(length);
        rest.fill(0);
        if length == 0 {
            // A write was divided behind the end of the file, in its last block.
            return Ok(());
        }
        let slice = |whole: &[u8]| whole[from as usize..from as usize + length].to_vec();
        match self.plan.tree.stored(surveyed.node) {
            Stored::Other(Kind::File(content)) => {
                hostfile::read(content, from, bytes, surveyed.blocks.modified)?;
            }
            Stored::Other(Kind::Symlink(target)) => bytes.copy_from_slice(&slice(target)),
            _ => bytes.copy_from_slice(&slice(&self.directory(surveyed.node, surveyed.parent))),
        }
        Ok(())
    }

    fn directory(&self, node: NodeId, parent: NodeId) -> Vec<u8> {
        let tree = &self.plan.tree;
        let children = tree.children(node).into_iter().flatten();
        let entries = children.map(|(name, &child)| Entry {
            inode: self.inodes[child.0],
            file_type: file_type(tree.stored(child)),
            name,
        });
        let (own, parent) = (self.inodes[node.0], self.inodes[parent.0]);
        directory::encode(own, parent, file_type(tree.stored(node)), entries)
    }
}

/// Gathers pieces that are next to each other, and divides those that are too large.
fn batches(pieces: Vec<Piece>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for piece in pieces {
        let mut rest = Some(piece);
        while let Some(mut piece) = rest.take() {
            let batch = match batches.last_mut() {
                Some(open) if open.takes(&piece) => open,
                _ => {
                    batches.push(Batch { offset: piece.offset, length: 0, pieces: Vec::new() });
                    let last = batches.len() - 1;
                    &mut batches[last]
                }
            };
            let start = piece.offset - batch.offset;
            let room = WRITE.saturating_sub(start);
            if let Some(source) = piece.source.after(room).filter(|_| piece.length > room) {
                let (offset, length) = (piece.offset + room, piece.length - room);
                rest = Some(Piece { offset, length, source });
                piece.length = room;
            }
            batch.length = start + piece.length;
            batch.pieces.push(piece);
        }
    }
    batches
}
