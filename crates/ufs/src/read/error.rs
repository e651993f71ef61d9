//! Errors of reading a file system.

use std::io;

/// An error of reading a file system.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source returned an error, or it ends before the file system does.
    #[error("reading {length} bytes at offset {offset}")]
    Io {
        /// Byte offset in the source.
        offset: u64,
        /// Length of the read in bytes.
        length: usize,
        /// The I/O error.
        source: io::Error,
    },

    /// There is no UFS2 superblock at any of the standard locations.
    #[error("looking for a file system at offset {base}: no UFS2 superblock found")]
    NoSuperblock {
        /// Byte offset of the file system in the source.
        base: u64,
    },

    /// The file system is inconsistent.
    #[error("reading {what}: {why}")]
    Corrupt {
        /// The inconsistent structure.
        what: String,
        /// What is wrong with it.
        why: String,
    },

    /// A path does not exist.
    #[error("looking up {path}: {name:?} does not exist")]
    NotFound {
        /// The requested path.
        path: String,
        /// The first name in the path that does not exist.
        name: String,
    },

    /// An inode is not of the requested type.
    #[error("reading inode {inode}: it is not a {wanted}")]
    WrongType {
        /// Inode number.
        inode: u32,
        /// The requested type.
        wanted: &'static str,
    },

    /// A file is larger than the caller allows.
    #[error("reading inode {inode}: {size} bytes exceed the limit of {limit} bytes")]
    TooLarge {
        /// Inode number.
        inode: u32,
        /// Size of the file in bytes.
        size: u64,
        /// Maximum size in bytes.
        limit: u64,
    },
}

impl ReadError {
    pub(super) fn corrupt(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), why: why.into() }
    }
}
