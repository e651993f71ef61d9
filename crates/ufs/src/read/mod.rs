//! Reads UFS2 file systems, written by this crate or by FreeBSD.
//!
//! The invariant: whatever the bytes are, the result is a value or a [`ReadError`], in bounded time
//! and memory. There are no panics, no endless walks and no allocations of a size that the disk
//! claims. The reader shares no structure with the writer (only the check-hash), so each can check
//! the other.
//!
//! Following symbolic links, extended attributes and UFS1 do not belong here.

mod directory;
mod error;
mod inode;
mod le;
mod reader;
mod source;
mod superblock;
mod unused;
mod walk;

pub use directory::Entry;
pub use error::ReadError;
pub use inode::{FileType, Stat};
pub use reader::Reader;
pub use source::{Seeking, Source};
pub use superblock::Superblock;
pub use walk::{Visit, Walk};
