//! Writes a plan: encodes the pieces of the file system and writes them in parallel.
//!
//! The invariant: every piece is written once, and offsets and lengths of writes are multiples of
//! 512 bytes. Each thread has one buffer, so the memory in use does not grow with the file system.
//!
//! The modules of the structures encode them, `batch` decides how pieces form writes.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::batch::{Batch, Piece, Structure, batches};
use crate::directory::{self, Entry};
use crate::error::Error;
use crate::geometry::{CSUM_SIZE, INODE_SIZE, SECTOR, SUPERBLOCK_OFFSET};
use crate::group::CylinderGroup;
use crate::hostfile;
use crate::inode::{Inode, encode_indirect_block, file_type};
use crate::layout::first_inode;
use crate::plan::Plan;
use crate::sink::Sink;
use crate::superblock::{RECOVERY_SIZE, Superblock, encode_recovery};
use crate::tree::{Kind, NodeId, NodeKind};

impl Plan {
    /// Writes the file system to `out`, which must be all zeros: each byte once, with the threads of
    /// the current rayon pool.
    ///
    /// # Errors
    ///
    /// A host file that cannot be read or that has changed since it was planned; a sink that returns
    /// an error. After an error, the content of `out` is of no use.
    pub fn write(&self, out: &dyn Sink) -> Result<(), Error> {
        Writer::new(self).run(out)
    }
}

struct Writer<'p> {
    plan: &'p Plan,
    /// Inode numbers, by node.
    inodes: Vec<u32>,
}

impl<'p> Writer<'p> {
    fn new(plan: &'p Plan) -> Self {
        let mut inodes = vec![0; plan.tree.len()];
        for (surveyed, allocation) in plan.survey.nodes.iter().zip(&plan.layout.allocations) {
            inodes[surveyed.node.0] = allocation.inode;
        }
        Self { plan, inodes }
    }

    fn run(&self, out: &dyn Sink) -> Result<(), Error> {
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
            self.encode(piece, &mut buffer[start..end])?;
        }
        let data = &buffer[..length];
        out.write_at(batch.offset, data).map_err(|source| Error::Write {
            offset: batch.offset,
            length,
            source,
        })
    }

    /// Lists all pieces, sorted by offset.
    fn pieces(&self) -> Vec<Piece> {
        let Plan { geometry, layout, .. } = self.plan;
        let superblock = geometry.superblock_size.into();
        let sector = u64::from(SECTOR);
        let mut pieces = vec![
            Piece { offset: SUPERBLOCK_OFFSET - sector, length: sector, structure: Structure::Recovery },
            Piece { offset: SUPERBLOCK_OFFSET, length: superblock, structure: Structure::Superblock },
            Piece {
                offset: geometry.bytes(geometry.dblkno.into()),
                length: geometry.summary_size.into(),
                structure: Structure::Summary,
            },
        ];
        for (number, group) in (0..).zip(&layout.groups) {
            let at = |fragment: u32| geometry.bytes(geometry.group_start(number) + u64::from(fragment));
            let used = u64::from(first_inode(number)) + group.nodes.len() as u64;
            let inodes = (used * INODE_SIZE as u64).next_multiple_of(geometry.fragment_size.into());
            let header = geometry.cgsize.into();
            pieces.extend([
                Piece { offset: at(geometry.sblkno), length: superblock, structure: Structure::Superblock },
                Piece {
                    offset: at(geometry.cblkno),
                    length: header,
                    structure: Structure::CylinderGroup(number),
                },
            ]);
            if !group.nodes.is_empty() {
                let structure = Structure::Inodes(number);
                pieces.push(Piece { offset: at(geometry.iblkno), length: inodes, structure });
            }
        }
        for (node, allocation) in layout.allocations.iter().enumerate() {
            for (index, indirect) in allocation.indirect_blocks.iter().enumerate() {
                let structure = Structure::IndirectBlock { node, index };
                let offset = geometry.bytes(indirect.fragment);
                pieces.push(Piece { offset, length: geometry.block_size.into(), structure });
            }
            for extent in &allocation.extents {
                let from = extent.block * u64::from(geometry.block_size);
                let offset = geometry.bytes(extent.fragments.start);
                let length = geometry.bytes(extent.fragments.end) - offset;
                pieces.push(Piece { offset, length, structure: Structure::Content { node, from } });
            }
        }
        pieces.sort_unstable_by_key(|piece| piece.offset);
        pieces
    }

    /// Encodes a piece into `bytes`, which may contain anything before.
    fn encode(&self, piece: &Piece, bytes: &mut [u8]) -> Result<(), Error> {
        let Plan { geometry, layout, .. } = self.plan;
        if !matches!(piece.structure, Structure::Content { .. }) {
            bytes.fill(0);
        }
        match piece.structure {
            Structure::Recovery => {
                let start = bytes.len() - RECOVERY_SIZE;
                bytes[start..].copy_from_slice(&encode_recovery(geometry));
            }
            Structure::Superblock => bytes.copy_from_slice(&self.superblock().encode(piece.offset)),
            Structure::CylinderGroup(number) => {
                let group = &layout.groups[number as usize];
                let group = CylinderGroup::new(geometry, number, group, &layout.used);
                bytes.copy_from_slice(&group.encode(self.plan.params.time));
            }
            Structure::Summary => {
                let slots = bytes.chunks_exact_mut(CSUM_SIZE);
                for (slot, summary) in slots.zip(&self.plan.summaries) {
                    summary.encode(slot);
                }
            }
            Structure::Inodes(number) => {
                let slots = bytes.chunks_exact_mut(INODE_SIZE).skip(first_inode(number) as usize);
                for (slot, &node) in slots.zip(&layout.groups[number as usize].nodes) {
                    self.inode(node).encode(slot);
                }
            }
            Structure::IndirectBlock { node, index } => {
                let allocation = &layout.allocations[node];
                encode_indirect_block(geometry, allocation, &allocation.indirect_blocks[index], bytes);
            }
            Structure::Content { node, from } => self.content(node, from, bytes)?,
        }
        Ok(())
    }

    fn superblock(&self) -> Superblock<'_> {
        let Plan { geometry, params, survey, summaries, .. } = self.plan;
        Superblock { geometry, params, fs_id: survey.fs_id, summaries }
    }

    fn inode(&self, node: usize) -> Inode<'_> {
        let Plan { tree, params, geometry, survey, layout, .. } = self.plan;
        let surveyed = &survey.nodes[node];
        Inode {
            geometry,
            meta: tree.meta(surveyed.node),
            kind: tree.kind(surveyed.node),
            node: surveyed,
            allocation: &layout.allocations[node],
            time: params.time,
        }
    }

    fn content(&self, node: usize, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let surveyed = &self.plan.survey.nodes[node];
        let length = (bytes.len() as u64).min(surveyed.size.saturating_sub(from)) as usize;
        let (bytes, rest) = bytes.split_at_mut(length);
        rest.fill(0);
        if length == 0 {
            // The piece was divided after the end of the file, within its last block.
            return Ok(());
        }
        let slice = |whole: &[u8]| whole[from as usize..from as usize + length].to_vec();
        match self.plan.tree.kind(surveyed.node) {
            NodeKind::Other(Kind::File(content)) => {
                hostfile::read(content, from, bytes, surveyed.blocks.modified)?;
            }
            NodeKind::Other(Kind::Symlink(target)) => bytes.copy_from_slice(&slice(target)),
            _ => bytes.copy_from_slice(&slice(&self.directory(surveyed.node, surveyed.parent))),
        }
        Ok(())
    }

    fn directory(&self, node: NodeId, parent: NodeId) -> Vec<u8> {
        let tree = &self.plan.tree;
        let children = tree.children(node).into_iter().flatten();
        let entries = children.map(|(name, &child)| Entry {
            inode: self.inodes[child.0],
            file_type: file_type(tree.kind(child)),
            name,
        });
        let (own, parent) = (self.inodes[node.0], self.inodes[parent.0]);
        directory::encode(own, parent, file_type(tree.kind(node)), entries)
    }
}
