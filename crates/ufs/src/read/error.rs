//! What can go wrong while a file system is read.

use std::io;

/// A read that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed, or ends before the file system does.
    #[error("reading {length} bytes at {offset}")]
    Io {
        /// Byte offset in the source.
        offset: u64,
        /// Bytes.
        length: usize,
        /// Why.
        source: io::Error,
    },

    /// There is no UFS2 superblock at any of the places where one may be.
    #[error("looking for a superblock at {base}: there is none of UFS2")]
    NoSuperblock {
        /// Byte offset of the file system in the source.
        base: u64,
    },

    /// Something in the file system contradicts itself.
    #[error("reading {what}: {why}")]
    Corrupt {
        /// Which structure.
        what: String,
        /// What is wrong with it.
        why: String,
    },

    /// A path that does not exist.
    #[error("looking up {path}: there is no {name:?}")]
    NotFound {
        /// The path that was asked for.
        path: String,
        /// The first name of it which does not exist.
        name: String,
    },

    /// An inode of another type than was asked for.
    #[error("reading inode {inode}: it is not a {wanted}")]
    WrongType {
        /// Inode number.
        inode: u32,
        /// What it was taken for.
        wanted: &'static str,
    },

    /// A file larger than the caller allows.
    #[error("reading inode {inode}: {size} bytes are more than the limit of {limit}")]
    TooLarge {
        /// Inode number.
        inode: u32,
        /// Bytes of the file.
        size: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
}

impl ReadError {
    pub(super) fn corrupt(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), why: why.into() }
    }
}
