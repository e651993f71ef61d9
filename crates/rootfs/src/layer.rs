//! A layer: one source of a tree's content, before it is merged with the others.

use crate::inode::{Attributes, Content};
use crate::path::TreePath;

/// What a layer has at a path.
#[derive(Clone, Debug)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link to the given target.
    Symlink(String),
    /// Another name for the regular file that the same layer has at the given path.
    HardLink(TreePath),
    /// A character device with its `dev_t`.
    CharDevice(u64),
    /// A block device with its `dev_t`.
    BlockDevice(u64),
    /// A named pipe.
    Fifo,
}

/// One entry of a layer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path.
    pub path: TreePath,
    /// The type, with what only this type has.
    pub kind: EntryKind,
    /// Owner, mode and flags.
    pub attributes: Attributes,
    /// The attributes are only a default: a directory of a lower layer keeps its own.
    pub implicit: bool,
    /// It may replace what a lower layer has at the path. A directory is never replaced by something else.
    pub replace: bool,
    /// The source of the entry, for messages: `METALOG line 12`, or a host path.
    pub origin: String,
}

/// A named list of entries. Within one layer the last entry for a path wins.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// The name in messages and manifests: `world`, `kernel`, `overlay`, ...
    pub name: String,
    /// The entries, in any order: children may come before their parents.
    pub entries: Vec<Entry>,
}

impl Layer {
    /// An empty layer.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), entries: Vec::new() }
    }

    /// Adds an entry that is owned by `root:wheel`.
    pub fn push(&mut self, path: TreePath, kind: EntryKind, mode: u16) {
        let origin = self.name.clone();
        self.entries.push(Entry {
            path,
            kind,
            attributes: Attributes::root(mode),
            implicit: false,
            replace: false,
            origin,
        });
    }
}
