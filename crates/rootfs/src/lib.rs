//! Trees of BSD files: what a root file system contains, before it is a file system.
//!
//! [`tree`] has layers and the tree that they merge into. Owners, modes and flags come from [`metalog`] (METALOG and mtree
//! files), from the headers of an [`archive`], or from the caller that makes a layer; never from the host. [`flags`] and
//! [`vis`] are FreeBSD's notations, and [`mtree`] writes the mtree(5) specification of a tree.
//!
//! What the files are for is not known here, nor how they are laid out on a disk.

pub mod archive;
pub mod flags;
mod inode;
mod layer;
mod merge;
pub mod metalog;
pub mod mtree;
mod owners;
mod path;
pub mod tree;
pub mod version_control;
pub mod vis;
