//! What the nodes of a tree need: their sizes, blocks and link counts, in the order of the layout.
//!
//! The invariant: the nodes of a [`Survey`] do not depend on the size of the file system, so one
//! survey serves several attempts at a layout. The order is: a directory, its other children, its
//! subdirectories, each sorted by name. A node with several names is listed under the first of them.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::directory;
use crate::error::Error;
use crate::geometry::Geometry;
use crate::holes::Blocks;
use crate::params::Params;
use crate::tree::{Kind, NodeId, NodeKind, Tree};

/// UFS_LINK_MAX of sys/ufs/ufs/dinode.h in FreeBSD 13 (FreeBSD 14 allows more).
const MAX_LINKS: u64 = 32767;
/// `fs_maxsymlinklen`: shorter targets are stored in the inode (bytes).
pub(crate) const MAX_SYMLINK_LEN: usize = 120;

/// A node that will get an inode.
#[derive(Clone, Debug)]
pub(crate) struct SurveyedNode {
    pub node: NodeId,
    /// Its directory; the root is its own parent.
    pub parent: NodeId,
    pub directory: bool,
    /// Size in bytes.
    pub size: u64,
    /// Blocks that will be allocated; empty if everything is in the inode.
    pub blocks: Blocks,
    /// Number of links: names, and for a directory also its `.` and the `..` of its subdirectories.
    pub links: u64,
    /// `di_gen`: derived from the path, never 0.
    pub generation: u32,
}

/// The nodes of a tree in the order of the layout.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    pub nodes: Vec<SurveyedNode>,
    /// `fs_id`: two words of the digest of all paths and attributes.
    pub fs_id: [u32; 2],
}

impl Survey {
    /// Surveys a tree. The only files it reads are those that may have holes.
    pub(crate) fn new(tree: &Tree, params: &Params, geometry: &Geometry) -> Result<Self, Error> {
        let mut survey = Walk::new(tree).run(params);
        for surveyed in &survey.nodes {
            let SurveyedNode { node, size, links, directory, .. } = *surveyed;
            let limit = if directory { directory::MAX_SIZE } else { geometry.max_file_size };
            if size > limit {
                return Err(Error::FileTooLarge { path: tree.printable_path(node), size, limit });
            }
            if links > MAX_LINKS {
                return Err(Error::TooManyLinks { path: tree.printable_path(node), links, limit: MAX_LINKS });
            }
        }
        let block_size = geometry.block_size;
        survey.nodes.par_iter_mut().try_for_each(|surveyed| {
            surveyed.blocks = match tree.kind(surveyed.node) {
                NodeKind::Directory(_) => Blocks::dense(surveyed.size, block_size),
                NodeKind::Other(Kind::File(content)) => Blocks::of_file(content, params)?,
                NodeKind::Other(Kind::Symlink(target)) if target.len() >= MAX_SYMLINK_LEN => {
                    Blocks::dense(surveyed.size, block_size)
                }
                NodeKind::Other(_) => Blocks::default(),
            };
            Ok(())
        })?;
        Ok(survey)
    }
}

/// The walk through the tree. It has a stack of its own, since trees may be deep.
struct Walk<'t> {
    tree: &'t Tree,
    /// Indices in `nodes`, by node.
    seen: Vec<Option<usize>>,
    nodes: Vec<SurveyedNode>,
    /// Becomes `fs_id`.
    digest: Sha256,
}

type PathDigest = [u8; 32];

impl<'t> Walk<'t> {
    fn new(tree: &'t Tree) -> Self {
        let seen = vec![None; tree.len()];
        Self { tree, seen, nodes: Vec::with_capacity(tree.len()), digest: Sha256::new() }
    }

    fn run(mut self, params: &Params) -> Survey {
        self.digest.update(format!("{params:?}"));
        let root = self.tree.root();
        let mut stack = vec![(root, root, PathDigest::default())];
        while let Some((directory, parent, path)) = stack.pop() {
            self.visit(directory, parent, &path);
            let Some(children) = self.tree.children(directory) else {
                continue;
            };
            let first = stack.len();
            for (name, &child) in children {
                let path: PathDigest = Sha256::new().chain_update(path).chain_update(name).finalize().into();
                if self.tree.children(child).is_some() {
                    stack.push((child, directory, path));
                } else {
                    self.visit(child, directory, &path);
                }
            }
            stack[first..].reverse();
        }
        let digest: [u8; 32] = self.digest.finalize().into();
        Survey { fs_id: [word(&digest[..4]), word(&digest[4..8])], nodes: self.nodes }
    }

    fn visit(&mut self, node: NodeId, parent: NodeId, path: &PathDigest) {
        self.digest.update(path);
        if let Some(index) = self.seen[node.0] {
            self.nodes[index].links += 1;
            self.digest.update((index as u64).to_le_bytes());
            return;
        }
        self.seen[node.0] = Some(self.nodes.len());
        let (size, links) = match self.tree.kind(node) {
            NodeKind::Directory(children) => {
                let names = children.keys().map(Vec::as_slice);
                let subdirectories = children.values().filter(|child| self.tree.children(**child).is_some());
                (directory::size(names), 2 + subdirectories.count() as u64)
            }
            NodeKind::Other(Kind::File(content)) => (content.size(), 1),
            NodeKind::Other(Kind::Symlink(target)) => (target.len() as u64, 1),
            NodeKind::Other(_) => (0, 1),
        };
        self.digest_node(node, size);
        let generation = word(&path[..4]).max(1);
        let directory = self.tree.children(node).is_some();
        let blocks = Blocks::default();
        self.nodes.push(SurveyedNode { node, parent, directory, size, blocks, links, generation });
    }

    /// Adds the attributes of a node to the digest. It uses their `Debug` output, so renaming a field
    /// or a variant of [`crate::Meta`] or [`Kind`] changes the id of file systems.
    fn digest_node(&mut self, node: NodeId, size: u64) {
        self.digest.update(size.to_le_bytes());
        self.digest.update(format!("{:?}", self.tree.meta(node)));
        match self.tree.kind(node) {
            NodeKind::Directory(_) => self.digest.update("directory"),
            NodeKind::Other(Kind::File(_)) => self.digest.update("file"),
            NodeKind::Other(other) => self.digest.update(format!("{other:?}")),
        }
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
