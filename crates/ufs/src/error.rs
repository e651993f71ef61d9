//! Errors of planning and writing a file system.
//!
//! Every message says what was attempted and on which path; advice follows on a line of its own.
//! Names are bytes, so a path that is not UTF-8 is shown escaped.
//!
//! Errors of the reader are [`crate::ReadError`].

use std::io;
use std::path::PathBuf;

/// An error of planning or writing a file system.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of range.
    #[error("checking parameters: {what} {value} is not allowed; expected {allowed}")]
    Params {
        /// Name of the parameter.
        what: &'static str,
        /// Its value.
        value: String,
        /// The values that are allowed.
        allowed: String,
    },

    /// A directory cannot hold this name.
    #[error("adding {name:?} to {parent}: {why}")]
    Name {
        /// The directory.
        parent: String,
        /// The name.
        name: String,
        /// What is wrong with the name.
        why: &'static str,
    },

    /// The directory already has an entry with this name.
    #[error("adding {path}: the name is already taken")]
    Duplicate {
        /// Path of the new entry.
        path: String,
    },

    /// The parent of a new node is not a directory.
    #[error("adding {name:?} to {parent}: {parent} is not a directory")]
    NotADirectory {
        /// Path of the parent.
        parent: String,
        /// Name of the new node.
        name: String,
    },

    /// The target of a hard link is a directory.
    #[error("linking {path} to {target}: directories cannot have hard links")]
    LinkToDirectory {
        /// Path of the new link.
        path: String,
        /// Path of the directory.
        target: String,
    },

    /// A [`crate::NodeId`] does not belong to this tree.
    #[error("looking up node {id}: this tree has no such node")]
    UnknownNode {
        /// The number of the node.
        id: usize,
    },

    /// The file system cannot hold an attribute, or would be inconsistent with it.
    #[error("adding {path}: {why}")]
    Attribute {
        /// Path of the new node.
        path: String,
        /// What is wrong with the attribute.
        why: String,
    },

    /// An inode has more links than UFS can count.
    #[error(
        "planning {path}: {links} links exceed the UFS limit of {limit} (each subdirectory is a \
         link to its parent)"
    )]
    TooManyLinks {
        /// Path of the node.
        path: String,
        /// Number of its links.
        links: u64,
        /// UFS_LINK_MAX.
        limit: u64,
    },

    /// A file or directory is larger than the block size allows.
    #[error("planning {path}: {size} bytes exceed the limit of {limit} bytes for this block size")]
    FileTooLarge {
        /// Path of the node.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The maximum size in bytes.
        limit: u64,
    },

    /// The tree needs more space than the file system has.
    #[error(
        "laying out the tree: a file system of {size} bytes is {missing} bytes too small\n\
         hint: {minimum} bytes are enough"
    )]
    TooSmall {
        /// [`crate::Params::size`].
        size: u64,
        /// `minimum - size`.
        missing: u64,
        /// The minimum size in bytes that holds the tree with these parameters.
        minimum: u64,
    },

    /// The tree needs more inodes than the file system has.
    #[error(
        "laying out the tree: {needed} inodes are needed, {available} are available, {missing} are \
         missing\n\
         hint: lower the bytes per inode ({bytes_per_inode}), or enlarge the file system to \
         {minimum} bytes"
    )]
    TooFewInodes {
        /// Inodes that the tree needs.
        needed: u64,
        /// Inodes of the file system that a tree can use.
        available: u64,
        /// `needed - available`.
        missing: u64,
        /// [`crate::Params::bytes_per_inode`].
        bytes_per_inode: u32,
        /// The minimum size in bytes that holds the tree with these parameters.
        minimum: u64,
    },

    /// A host file could not be read.
    #[error("reading {}", path.display())]
    Host {
        /// Path on the host.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },

    /// The size of a host file differs from the size in the tree.
    #[error(
        "reading {}: the size changed from {planned} to {found} bytes\n\
         hint: make sure that nothing modifies the file while the file system is built",
        path.display()
    )]
    SizeChanged {
        /// Path on the host.
        path: PathBuf,
        /// The size in bytes that the plan relies on.
        planned: u64,
        /// The actual size in bytes.
        found: u64,
    },

    /// A host file was modified after it was searched for holes.
    #[error(
        "reading {}: the file was modified after it was planned\n\
         hint: make sure that nothing modifies the file while the file system is built",
        path.display()
    )]
    Modified {
        /// Path on the host.
        path: PathBuf,
    },

    /// The sink returned an error.
    #[error("writing {length} bytes at offset {offset} of the file system")]
    Write {
        /// Byte offset in the file system.
        offset: u64,
        /// Length of the write in bytes.
        length: usize,
        /// The I/O error.
        source: io::Error,
    },
}

/// Formats a path or a name: as it is if it is plain UTF-8, escaped otherwise.
pub(crate) fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}
