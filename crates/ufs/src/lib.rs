//! Makes UFS2 file systems for FreeBSD 13 and 14: a tree in, bytes out.
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
//! let plan = Plan::new(&tree, &Params::new(16 << 20))?; // the whole layout, nothing written
//! let out = std::fs::File::create("slot.ufs").unwrap();
//! plan.write(&out)?; // every byte once, at its place
//! # Ok(())
//! # }
//! ```
//!
//! The work goes one way, a module a step: [`Params`] become a `geometry` (what `newfs` would
//! decide), a [`Tree`] becomes a `survey` (how many blocks each node needs), the two become a
//! `layout` (which inode and which fragments each node gets), and a [`Plan`] writes the layout
//! through a [`Sink`]. [`Reader`] goes the other way and shares no structure with the writer, so
//! that one can judge the other.
//!
//! Invariants:
//! - The same tree and parameters give the same bytes, on any machine and for any number of
//!   threads. Nothing here asks for the time, a random number or the order of a hash map.
//! - What is written satisfies `fsck_ffs -n -f`, check-hashes included.
//! - Bad input is an [`Error`] (or a [`ReadError`]), never a panic.
//!
//! What does not belong here: disk labels, partition tables, boot code, METALOG, file trees of
//! the host, anything that knows what the file system is for.

#![forbid(unsafe_code)]

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
pub use params::{Optimization, Params};
pub use plan::{Plan, Usage, minimum_size};
pub use read::{ReadError, Reader};
pub use sink::{Memory, Sink};
pub use tree::{Content, Kind, Meta, NodeId, Tree};
