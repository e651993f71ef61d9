//! Writes UFS2 file systems for FreeBSD 13 and 14, and reads them back.
//!
//! ```no_run
//! use std::sync::Arc;
//! use ufs::{Content, Kind, Meta, Params, Plan, Tree};
//!
//! # fn main() -> Result<(), ufs::Error> {
//! let mut tree = Tree::new(Meta::new(0o755));
//! let etc = tree.add(tree.root(), b"etc", Meta::new(0o755), Kind::Directory)?;
//! let motd = Content::Bytes(Arc::from(&b"hello\n"[..]));
//! tree.add(etc, b"motd", Meta::new(0o644), Kind::File(motd))?;
//!
//! let plan = Plan::new(&tree, &Params::new(16 << 20))?; // decides the whole layout, writes nothing
//! let out = std::fs::File::create("slot.ufs").unwrap();
//! plan.write(&out)?; // writes every byte once
//! # Ok(())
//! # }
//! ```
//!
//! Data flows one way, one module per step: `geometry` turns [`Params`] into the numbers that
//! `newfs` would choose, `survey` finds out how many blocks each node of a [`Tree`] needs, `layout`
//! assigns inodes and fragments, and `write` writes the resulting [`Plan`] to a [`Sink`].
//! [`Reader`] goes the other way. It shares no structure with the writer, so each can check the
//! other.
//!
//! Invariants:
//! - The same tree and parameters give the same bytes, on any machine and with any number of
//!   threads. Nothing here depends on the clock, random numbers or the order of a hash map.
//! - The result passes `fsck_ffs -n -f`, check-hashes included.
//! - Bad input is an [`Error`] (or a [`ReadError`]), never a panic.
//!
//! Disk labels, partition tables, boot code, METALOG and directory trees of the host do not belong
//! here, nor does anything that depends on what the file system is for.

#![forbid(unsafe_code)]

mod batch;
mod checkhash;
mod directory;
mod error;
mod field;
mod geometry;
mod group;
mod holes;
mod hostfile;
mod inode;
mod layout;
mod params;
mod plan;
pub mod read;
mod sink;
mod space;
mod superblock;
mod survey;
mod tree;
mod write;

pub use error::Error;
pub use holes::stored_size;
pub use params::{Optimization, Params};
pub use plan::{Plan, Usage, minimum_size};
pub use read::{ReadError, Reader};
pub use sink::{Memory, Sink};
pub use tree::{Content, Kind, Meta, NodeId, Tree};
