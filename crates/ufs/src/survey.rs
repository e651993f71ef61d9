//! What a tree needs before it has a place: its nodes in the order of the layout, their bytes,
//! blocks and links.
//!
//! The invariant: a [`Survey`] depends on the tree and on the block size, not on the size of the
//! file system, so that one survey serves many attempts at a layout. Its order is that of the
//! paths: a directory, what is in it, then its subdirectories, each sorted by name; a node with
//! several names stands where the first of them is met.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::directory;
use crate::error::Error;
use crate::geometry::Geometry;
use crate::holes::Blocks;
use crate::params::Params;
use crate::tree::{Kind, NodeId, Stored, Tree};

/// UFS_LINK_MAX of sys/ufs/ufs/dinode.h in FreeBSD 13 (FreeBSD 14 allows more).
const MAX_LINKS: u64 = 32767;
/// `fs_maxsymlinklen`: shorter targets are kept in the inode (bytes).
pub(crate) const MAX_INLINE_SYMLINK: usize = 120;

/// One node that will get an inode.
#[derive(Clone, Debug)]
pub(crate) struct Surveyed {
    pub node: NodeId,
    /// The directory it was met in; the root for the root.
    pub parent: NodeId,
    pub directory: bool,
    /// Bytes.
    pub size: u64,
    /// Blocks that will be allocated; none where everything is in the inode.
    pub blocks: Blocks,
    /// Names, and for a directory its own `.` and the `..` of its subdirectories.
    pub links: u64,
    /// `di_gen`: from the path, never 0.
    pub generation: u32,
}

/// The nodes of a tree in the order of the layout.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    pub nodes: Vec<Surveyed>,
    /// Two words of the digest of all paths and attributes.
    pub identity: [u32; 2],
}

impl Survey {
    /// Surveys a tree. The only files that are read are those which may have holes.
    pub(crate) fn new(tree: &Tree, params: &Params, shape: &Geometry) -> Result<Self, Error> {
        let mut survey = Walk::new(tree).run(params);
        for surveyed in &survey.nodes {
            let Surveyed { node, size, links, directory, .. } = *surveyed;
            let most = if directory { directory::MAX_SIZE } else { shape.max_file };
            if size > most {
                return Err(Error::FileTooLarge { path: tree.shown(node), size, most });
            }
            if links > MAX_LINKS {
                return Err(Error::TooManyLinks { path: tree.shown(node), links, most: MAX_LINKS });
            }
        }
        let block = shape.block;
        survey.nodes.par_iter_mut().try_for_each(|surveyed| {
            surveyed.blocks = match tree.stored(surveyed.node) {
                Stored::Directory(_) => Blocks::dense(surveyed.size, block),
                Stored::Other(Kind::File(content)) => match params.sparse_from {
                    Some(least) if surveyed.size >= least => Blocks::find(content, block)?,
                    _ => Blocks::dense(surveyed.size, block),
                },
                Stored::Other(Kind::Symlink(target)) if target.len() >= MAX_INLINE_SYMLINK => {
                    Blocks::dense(surveyed.size, block)
                }
                Stored::Other(_) => Blocks::default(),
            };
            Ok(())
        })?;
        Ok(survey)
    }
}

/// The walk through the directories, with a stack of its own: trees may be deep.
struct Walk<'t> {
    tree: &'t Tree,
    /// Index in `nodes`, by node.
    seen: Vec<Option<usize>>,
    nodes: Vec<Surveyed>,
    identity: Sha256,
}

type PathDigest = [u8; 32];

impl<'t> Walk<'t> {
    fn new(tree: &'t Tree) -> Self {
        let seen = vec![None; tree.len()];
        Self { tree, seen, nodes: Vec::with_capacity(tree.len()), identity: Sha256::new() }
    }

    fn run(mut self, params: &Params) -> Survey {
        self.identity.update(format!("{params:?}"));
        let root = self.tree.root();
        let mut stack = vec![(root, root, PathDigest::default())];
        while let Some((directory, parent, path)) = stack.pop() {
            self.meet(directory, parent, &path);
            let Some(children) = self.tree.children(directory) else {
                continue;
            };
            let first = stack.len();
            for (name, &child) in children {
                let path: PathDigest = Sha256::new().chain_update(path).chain_update(name).finalize().into();
                if self.tree.children(child).is_some() {
                    stack.push((child, directory, path));
                } else {
                    self.meet(child, directory, &path);
                }
            }
            stack[first..].reverse();
        }
        let digest: PathDigest = self.identity.finalize().into();
        Survey { identity: [word(&digest[..4]), word(&digest[4..8])], nodes: self.nodes }
    }

    fn meet(&mut self, node: NodeId, parent: NodeId, path: &PathDigest) {
        self.identity.update(path);
        if let Some(index) = self.seen[node.0] {
            self.nodes[index].links += 1;
            self.identity.update((index as u64).to_le_bytes());
            return;
        }
        self.seen[node.0] = Some(self.nodes.len());
        let (size, links) = match self.tree.stored(node) {
            Stored::Directory(children) => {
                let names = children.keys().map(Vec::as_slice);
                let below = children.values().filter(|child| self.tree.children(**child).is_some());
                (directory::size(names), 2 + below.count() as u64)
            }
            Stored::Other(Kind::File(content)) => (content.size(), 1),
            Stored::Other(Kind::Symlink(target)) => (target.len() as u64, 1),
            Stored::Other(_) => (0, 1),
        };
        self.identify(node, size);
        let generation = word(&path[..4]).max(1);
        let directory = self.tree.children(node).is_some();
        let blocks = Blocks::default();
        self.nodes.push(Surveyed { node, parent, directory, size, blocks, links, generation });
    }

    fn identify(&mut self, node: NodeId, size: u64) {
        self.identity.update(size.to_le_bytes());
        self.identity.update(format!("{:?}", self.tree.meta(node)));
        match self.tree.stored(node) {
            Stored::Directory(_) => self.identity.update("directory"),
            Stored::Other(Kind::File(_)) => self.identity.update("file"),
            Stored::Other(other) => self.identity.update(format!("{other:?}")),
        }
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
