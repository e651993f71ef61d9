//! What can go wrong while a file system is planned and written.
//!
//! Every message says what was attempted on which path, and what would help. Paths are shown
//! escaped where they are not UTF-8, since names are bytes here.
//!
//! Errors of the reader are [`crate::ReadError`]; they do not belong here.

use std::io;
use std::path::PathBuf;

/// A plan or a write that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter outside of its range.
    #[error("checking parameters: {what} {value} is not allowed: {allowed}")]
    Params {
        /// Which parameter.
        what: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: String,
    },

    /// A name that no directory can hold.
    #[error("adding {name:?} to {parent}: {why}")]
    Name {
        /// The directory.
        parent: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// A name that is already there.
    #[error("adding {path}: the name is already taken")]
    Duplicate {
        /// The path that was to be added.
        path: String,
    },

    /// A child for something which cannot have children.
    #[error("adding {name:?} to {parent}: {parent} is not a directory")]
    NotADirectory {
        /// What was taken for a directory.
        parent: String,
        /// The name that was to be added.
        name: String,
    },

    /// A hard link to a directory.
    #[error("linking {path} to {target}: directories cannot have a second name")]
    LinkToDirectory {
        /// The new name.
        path: String,
        /// The directory.
        target: String,
    },

    /// A [`crate::NodeId`] which does not come from this tree.
    #[error("looking up node {id}: this tree has no such node")]
    UnknownNode {
        /// The number.
        id: usize,
    },

    /// An attribute that the file system cannot hold, or that would make it inconsistent.
    #[error("adding {path}: {why}")]
    Attribute {
        /// The path that was to be added.
        path: String,
        /// What is wrong.
        why: String,
    },

    /// More names for one inode than UFS can count.
    #[error(
        "planning {path}: {links} links are more than the {most} of UFS (a directory has one from \
         each of its subdirectories)"
    )]
    TooManyLinks {
        /// The path.
        path: String,
        /// Its links.
        links: u64,
        /// UFS_LINK_MAX.
        most: u64,
    },

    /// A file or directory larger than the block size allows.
    #[error("planning {path}: {size} bytes are more than the {most} that it can have with this block size")]
    FileTooLarge {
        /// The path.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The largest size in bytes.
        most: u64,
    },

    /// The tree needs more room than the file system has.
    #[error(
        "laying out the tree: a file system of {size} bytes is too small by {missing} bytes: \
         {least} bytes would do"
    )]
    TooSmall {
        /// [`crate::Params::size`].
        size: u64,
        /// `least - size`.
        missing: u64,
        /// The least size which holds the tree with these parameters.
        least: u64,
    },

    /// The tree needs more inodes than the file system has.
    #[error(
        "laying out the tree: {needed} inodes are needed, {available} are there, {missing} are missing: \
         lower the bytes per inode ({bytes_per_inode}), or {least} bytes would do"
    )]
    TooFewInodes {
        /// Inodes of the tree.
        needed: u64,
        /// Inodes of the file system which a tree may use.
        available: u64,
        /// `needed - available`.
        missing: u64,
        /// [`crate::Params::bytes_per_inode`].
        bytes_per_inode: u32,
        /// The least size in bytes which holds the tree with these parameters.
        least: u64,
    },

    /// A file of the host could not be read.
    #[error("reading {}", path.display())]
    Host {
        /// The path on the host.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// A file of the host has another size than the tree says.
    #[error(
        "reading {}: the size was planned as {planned} bytes and is now {found}: something changes \
         the file while the image is made", path.display()
    )]
    SizeChanged {
        /// The path on the host.
        path: PathBuf,
        /// Bytes that the plan counts on.
        planned: u64,
        /// Bytes that are there.
        found: u64,
    },

    /// A file of the host was modified after its holes were looked for.
    #[error(
        "reading {}: the file was modified after it was planned: something changes it while the \
         image is made", path.display()
    )]
    Modified {
        /// The path on the host.
        path: PathBuf,
    },

    /// The sink refused a write.
    #[error("writing {length} bytes at {offset} of the file system")]
    Write {
        /// Byte offset in the file system.
        offset: u64,
        /// Bytes.
        length: usize,
        /// Why.
        source: io::Error,
    },
}

/// A path or a name for people: as it is where it is plain UTF-8, escaped otherwise.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}
