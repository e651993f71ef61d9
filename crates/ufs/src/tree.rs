//! The tree from which a file system is made: nodes, their names and the location of their content.
//!
//! The invariant: every name is valid in UFS and unique in its directory, every directory has
//! exactly one name, and every other node has at least one. Children are sorted by the bytes of
//! their names, so the order in which nodes were added does not matter.
//!
//! Blocks, inode numbers and anything that depends on the block size do not belong here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, printable};

/// UFS_MAXNAMLEN of sys/ufs/ufs/dir.h (bytes).
const MAX_NAME: usize = 255;
/// MAXPATHLEN of sys/sys/syslimits.h without the NUL: the longest symbolic link (bytes).
const MAX_SYMLINK: usize = 1023;
/// Permission bits, including set-user-ID, set-group-ID and sticky.
const PERMISSIONS: u16 = 0o7777;
/// SF_SNAPSHOT of sys/sys/stat.h: makes the kernel look for a list of snapshot blocks.
const SF_SNAPSHOT: u32 = 0x0020_0000;
/// NODEV of sys/sys/param.h: no device.
const NODEV: u64 = u64::MAX;

/// Identifies a node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

// The `Debug` output of this type is hashed into the id of the file system: renaming a field
// changes the bytes of every image.
/// The attributes of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, including set-ID and sticky bits, without the file type: `0o755`.
    pub mode: u16,
    /// User ID of the owner.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// File flags as in chflags(2): UF_ and SF_.
    pub flags: u32,
    /// All four times of the inode, in seconds since 1970; `None` means [`crate::Params::time`].
    pub mtime: Option<i64>,
}

impl Meta {
    /// Returns the attributes of a node that is owned by root:wheel and has no flags.
    #[must_use]
    pub fn new(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0, flags: 0, mtime: None }
    }
}

// The `Debug` output of all kinds but `Directory` and `File` is hashed into the id of the file
// system: renaming one changes the bytes of images.
/// The kind of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; children are added to it later.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its target, 1 to 1023 bytes.
    Symlink(Vec<u8>),
    /// A character device and its number, a FreeBSD `dev_t`.
    CharDevice(u64),
    /// A block device and its number, a FreeBSD `dev_t`.
    BlockDevice(u64),
    /// A FIFO (named pipe).
    Fifo,
    /// A socket.
    Socket,
}

/// The content of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// A whole host file. Reading it fails if it is not `size` bytes long.
    Host {
        /// Path on the host.
        path: PathBuf,
        /// Size in bytes.
        size: u64,
    },
    /// A part of a host file.
    Part {
        /// Path on the host.
        path: PathBuf,
        /// Start of the part in bytes.
        offset: u64,
        /// Size of the part in bytes.
        size: u64,
    },
}

impl Content {
    /// Returns the size of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { size, .. } | Self::Part { size, .. } => *size,
        }
    }
}

/// The names in a directory and their nodes.
pub(crate) type Children = BTreeMap<Vec<u8>, NodeId>;

/// The kind of a node in a tree; a directory has its children.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Directory(Children),
    Other(Kind),
}

#[derive(Clone, Debug)]
struct Node {
    meta: Meta,
    kind: NodeKind,
    parent: NodeId,
    name: Vec<u8>,
}

/// A tree of files and directories, from which [`crate::Plan::new`] plans a file system.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Shared with the plans that were made from the tree.
    nodes: Arc<Vec<Node>>,
}

impl Tree {
    const ROOT: NodeId = NodeId(0);

    /// Creates a tree that has only a root directory. Bits of `root.mode` other than permission
    /// bits, and the flag SF_SNAPSHOT, are dropped.
    #[must_use]
    pub fn new(mut root: Meta) -> Self {
        root.mode &= PERMISSIONS;
        root.flags &= !SF_SNAPSHOT;
        let kind = NodeKind::Directory(Children::new());
        Self { nodes: Arc::new(vec![Node { meta: root, kind, parent: Self::ROOT, name: Vec::new() }]) }
    }

    /// Returns the root directory.
    #[must_use]
    pub fn root(&self) -> NodeId {
        Self::ROOT
    }

    /// Adds a node to the directory `parent`.
    ///
    /// # Errors
    ///
    /// A name that is empty, too long, already taken, `.` or `..`, or that contains `/` or NUL; a
    /// parent that is not a directory; attributes that the file system cannot hold.
    pub fn add(&mut self, parent: NodeId, name: &[u8], meta: Meta, kind: Kind) -> Result<NodeId, Error> {
        self.check_name(parent, name)?;
        self.check_attributes(parent, name, &meta, &kind)?;
        let id = NodeId(self.nodes.len());
        let kind = match kind {
            Kind::Directory => NodeKind::Directory(Children::new()),
            other => NodeKind::Other(other),
        };
        Arc::make_mut(&mut self.nodes).push(Node { meta, kind, parent, name: name.to_vec() });
        self.insert_name(parent, name, id);
        Ok(id)
    }

    /// Adds a hard link to `target`.
    ///
    /// # Errors
    ///
    /// The same errors for the name as in [`Tree::add`]; a target that is a directory.
    pub fn link(&mut self, parent: NodeId, name: &[u8], target: NodeId) -> Result<(), Error> {
        self.check_name(parent, name)?;
        if self.children(target).is_some() {
            return Err(Error::LinkToDirectory {
                path: self.printable_child(parent, name),
                target: self.printable_path(target),
            });
        }
        if target.0 >= self.nodes.len() {
            return Err(Error::UnknownNode { id: target.0 });
        }
        self.insert_name(parent, name, target);
        Ok(())
    }

    /// Returns the node with this name in `parent`.
    #[must_use]
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.children(parent)?.get(name).copied()
    }

    /// Returns the number of nodes, including the root.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether the tree has only the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Returns the path under which a node was added, such as `/` or `/etc/motd`.
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

    pub(crate) fn printable_path(&self, id: NodeId) -> String {
        printable(&self.path(id))
    }

    pub(crate) fn meta(&self, id: NodeId) -> &Meta {
        &self.nodes[id.0].meta
    }

    pub(crate) fn kind(&self, id: NodeId) -> &NodeKind {
        &self.nodes[id.0].kind
    }

    /// Returns the children of a directory; `None` for any other node.
    pub(crate) fn children(&self, id: NodeId) -> Option<&Children> {
        match &self.nodes.get(id.0)?.kind {
            NodeKind::Directory(children) => Some(children),
            NodeKind::Other(_) => None,
        }
    }

    fn printable_child(&self, parent: NodeId, name: &[u8]) -> String {
        let mut path = self.path(parent);
        if path.len() > 1 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        printable(&path)
    }

    fn insert_name(&mut self, parent: NodeId, name: &[u8], id: NodeId) {
        if let NodeKind::Directory(children) = &mut Arc::make_mut(&mut self.nodes)[parent.0].kind {
            children.insert(name.to_vec(), id);
        }
    }

    fn check_name(&self, parent: NodeId, name: &[u8]) -> Result<(), Error> {
        if parent.0 >= self.nodes.len() {
            return Err(Error::UnknownNode { id: parent.0 });
        }
        let why = match name {
            b"" => Some("the name is empty"),
            b"." | b".." => Some("every directory already has an entry with this name"),
            _ if name.len() > MAX_NAME => Some("the name is longer than the UFS limit of 255 bytes"),
            _ if name.contains(&b'/') => Some("the name contains a slash"),
            _ if name.contains(&0) => Some("the name contains a NUL"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(Error::Name { parent: self.printable_path(parent), name: printable(name), why });
        }
        match self.children(parent) {
            None => Err(Error::NotADirectory { parent: self.printable_path(parent), name: printable(name) }),
            Some(children) if children.contains_key(name) => {
                Err(Error::Duplicate { path: self.printable_child(parent, name) })
            }
            Some(_) => Ok(()),
        }
    }

    fn check_attributes(&self, parent: NodeId, name: &[u8], meta: &Meta, kind: &Kind) -> Result<(), Error> {
        let why = if meta.mode & !PERMISSIONS != 0 {
            format!("mode {:o} has bits outside 7777", meta.mode)
        } else if meta.flags & SF_SNAPSHOT != 0 {
            "the flag SF_SNAPSHOT (0x200000) is reserved for the kernel".to_owned()
        } else {
            match kind {
                Kind::Symlink(target) if target.is_empty() || target.len() > MAX_SYMLINK => {
                    format!(
                        "the target of a symbolic link has 1 to {MAX_SYMLINK} bytes, not {}",
                        target.len()
                    )
                }
                Kind::Symlink(target) if target.contains(&0) => {
                    "the target of the symbolic link contains a NUL".to_owned()
                }
                Kind::CharDevice(NODEV) | Kind::BlockDevice(NODEV) => {
                    "the device number is NODEV, which means no device".to_owned()
                }
                _ => return Ok(()),
            }
        };
        Err(Error::Attribute { path: self.printable_child(parent, name), why })
    }
}
