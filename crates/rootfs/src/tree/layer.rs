//! A layer: one source of the image's content, before it is merged with the others.

use super::{Attributes, Content, TreePath};

/// What a layer says of one path.
#[derive(Clone, Debug)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link to the given target.
    Symlink(String),
    /// One more name for the regular file that the same layer has at the given path.
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
    /// Where.
    pub path: TreePath,
    /// What.
    pub kind: EntryKind,
    /// Owner, mode and flags.
    pub attributes: Attributes,
    /// The attributes are only a default: a directory that a lower layer has keeps its own.
    pub implicit: bool,
    /// It may take the place of what a lower layer has there (never a directory's place by something else).
    pub replace: bool,
    /// Where the layer states this, for messages: `METALOG line 12`, or a host path.
    pub origin: String,
}

/// A named list of entries. Within one layer the last entry for a path wins.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// The name that messages and the manifest use: `world`, `kernel`, `overlay`, ...
    pub name: String,
    /// The entries, in any order: parents need not come before their children.
    pub entries: Vec<Entry>,
}

impl Layer {
    /// An empty layer.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), entries: Vec::new() }
    }

    /// Adds an entry that is stated by the product itself, owned by `root:wheel`.
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
