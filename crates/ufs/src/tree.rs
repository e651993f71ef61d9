//! The tree that shall become a file system: nodes, their names and where their content is.
//!
//! The invariant: every name is one that UFS can hold and is unique in its directory, every
//! directory has exactly one name, every other node at least one, and the order in which nodes
//! were added is forgotten (children are sorted by the bytes of their names).
//!
//! Blocks, inode numbers and anything that depends on the size of a block do not belong here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, shown};

/// UFS_MAXNAMLEN of sys/ufs/ufs/dir.h (bytes).
const MAX_NAME: usize = 255;
/// MAXPATHLEN of sys/sys/syslimits.h, without the NUL: the longest symbolic link (bytes).
const MAX_SYMLINK: usize = 1023;
/// Permission bits with set-user-id, set-group-id and sticky.
const PERMISSIONS: u16 = 0o7777;
/// SF_SNAPSHOT of sys/sys/stat.h: the kernel would look for a list of snapshot blocks.
const SF_SNAPSHOT: u32 = 0x0020_0000;
/// NODEV of sys/sys/param.h.
const NODEV: u64 = u64::MAX;

/// One node of one [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// The attributes of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, set-id and sticky bits included, without the type: `0o755`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// File flags as chflags(2) has them: UF_ and SF_.
    pub flags: u32,
    /// Seconds since 1970 for all four times of the inode; [`crate::Params::time`] where not given.
    pub mtime: Option<i64>,
}

impl Meta {
    /// A node of root:wheel without flags.
    #[must_use]
    pub fn new(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0, flags: 0, mtime: None }
    }
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; its children are added to it.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target, 1 to 1023 bytes.
    Symlink(Vec<u8>),
    /// A character device with its number as FreeBSD's `dev_t`.
    CharDevice(u64),
    /// A block device with its number as FreeBSD's `dev_t`.
    BlockDevice(u64),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// Where the bytes of a regular file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// A whole file of the host. That its size is `size` is checked when it is read.
    Host {
        /// Path on the host.
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
    /// A part of a file of the host.
    Part {
        /// Path on the host.
        path: PathBuf,
        /// Bytes before the part.
        offset: u64,
        /// Bytes of the part.
        size: u64,
    },
}

impl Content {
    /// Bytes of the file.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { size, .. } | Self::Part { size, .. } => *size,
        }
    }
}

/// The names of a directory.
pub(crate) type Children = BTreeMap<Vec<u8>, NodeId>;

#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Directory(Children),
    Other(Kind),
}

#[derive(Clone, Debug)]
struct Node {
    meta: Meta,
    stored: Stored,
    parent: NodeId,
    name: Vec<u8>,
}

/// A tree of nodes to be written; see [`crate::Plan::new`].
#[derive(Clone, Debug)]
pub struct Tree {
    /// Shared with the plans that were made of the tree.
    nodes: Arc<Vec<Node>>,
}

impl Tree {
    /// The root of every tree.
    const ROOT: NodeId = NodeId(0);

    /// A tree of nothing but its root directory. Bits of `root.mode` which are no permissions are
    /// dropped.
    #[must_use]
    pub fn new(mut root: Meta) -> Self {
        root.mode &= PERMISSIONS;
        root.flags &= !SF_SNAPSHOT;
        let stored = Stored::Directory(Children::new());
        Self { nodes: Arc::new(vec![Node { meta: root, stored, parent: Self::ROOT, name: Vec::new() }]) }
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> NodeId {
        Self::ROOT
    }

    /// Adds a node with its first name.
    ///
    /// # Errors
    ///
    /// A name that is empty, too long, taken, `.`, `..`, or with a `/` or NUL; a parent which is
    /// not a directory; attributes that the file system cannot hold.
    pub fn add(&mut self, parent: NodeId, name: &[u8], meta: Meta, kind: Kind) -> Result<NodeId, Error> {
        self.vacant(parent, name)?;
        self.check(parent, name, &meta, &kind)?;
        let id = NodeId(self.nodes.len());
        let stored = match kind {
            Kind::Directory => Stored::Directory(Children::new()),
            other => Stored::Other(other),
        };
        Arc::make_mut(&mut self.nodes).push(Node { meta, stored, parent, name: name.to_vec() });
        self.enter(parent, name, id);
        Ok(id)
    }

    /// Gives another name to a node: a hard link.
    ///
    /// # Errors
    ///
    /// As [`Tree::add`] for the name; also when `target` is a directory.
    pub fn link(&mut self, parent: NodeId, name: &[u8], target: NodeId) -> Result<(), Error> {
        self.vacant(parent, name)?;
        if self.children(target).is_some() {
            return Err(Error::LinkToDirectory {
                path: self.shown_child(parent, name),
                target: self.shown(target),
            });
        }
        if target.0 >= self.nodes.len() {
            return Err(Error::UnknownNode { id: target.0 });
        }
        self.enter(parent, name, target);
        Ok(())
    }

    /// The node with this name in `parent`.
    #[must_use]
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.children(parent)?.get(name).copied()
    }

    /// How many nodes there are, the root included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing but the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The path of a node, by the name it was added with: `/`, `/etc/motd`.
    #[must_use]
    pub fn path(&self, id: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = id;
        while let Some(node) = self.nodes.get(at.0).filter(|_| at != Self::ROOT) {
            names.push(node.name.as_slice());
            at = node.parent;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path
    }

    pub(crate) fn shown(&self, id: NodeId) -> String {
        shown(&self.path(id))
    }

    pub(crate) fn meta(&self, id: NodeId) -> &Meta {
        &self.nodes[id.0].meta
    }

    pub(crate) fn stored(&self, id: NodeId) -> &Stored {
        &self.nodes[id.0].stored
    }

    /// The names of a directory in order; `None` for anything else.
    pub(crate) fn children(&self, id: NodeId) -> Option<&Children> {
        match &self.nodes.get(id.0)?.stored {
            Stored::Directory(children) => Some(children),
            Stored::Other(_) => None,
        }
    }

    fn shown_child(&self, parent: NodeId, name: &[u8]) -> String {
        let mut path = self.path(parent);
        if path.len() > 1 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        shown(&path)
    }

    fn enter(&mut self, parent: NodeId, name: &[u8], id: NodeId) {
        if let Stored::Directory(children) = &mut Arc::make_mut(&mut self.nodes)[parent.0].stored {
            children.insert(name.to_vec(), id);
        }
    }

    fn vacant(&self, parent: NodeId, name: &[u8]) -> Result<(), Error> {
        if parent.0 >= self.nodes.len() {
            return Err(Error::UnknownNode { id: parent.0 });
        }
        let why = match name {
            b"" => Some("the name is empty"),
            b"." | b".." => Some("every directory has this name already"),
            _ if name.len() > MAX_NAME => Some("the name is longer than the 255 bytes of UFS"),
            _ if name.contains(&b'/') => Some("the name has a slash"),
            _ if name.contains(&0) => Some("the name has a NUL"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(Error::Name { parent: self.shown(parent), name: shown(name), why });
        }
        match self.children(parent) {
            None => Err(Error::NotADirectory { parent: self.shown(parent), name: shown(name) }),
            Some(children) if children.contains_key(name) => {
                Err(Error::Duplicate { path: self.shown_child(parent, name) })
            }
            Some(_) => Ok(()),
        }
    }

    fn check(&self, parent: NodeId, name: &[u8], meta: &Meta, kind: &Kind) -> Result<(), Error> {
        let why = if meta.mode & !PERMISSIONS != 0 {
            format!("mode {:o} has bits beyond 7777", meta.mode)
        } else if meta.flags & SF_SNAPSHOT != 0 {
            "the flag SF_SNAPSHOT (0x200000) is for the kernel alone".to_owned()
        } else {
            match kind {
                Kind::Symlink(target) if target.is_empty() || target.len() > MAX_SYMLINK => {
                    format!("a symbolic link has 1 to {MAX_SYMLINK} bytes, this has {}", target.len())
                }
                Kind::Symlink(target) if target.contains(&0) => {
                    "the target of the symbolic link has a NUL".to_owned()
                }
                Kind::CharDevice(NODEV) | Kind::BlockDevice(NODEV) => {
                    "the device number is the one which means no device".to_owned()
                }
                _ => return Ok(()),
            }
        };
        Err(Error::Attribute { path: self.shown_child(parent, name), why })
    }
}
