//! The content of the miniature world: enough of FreeBSD's shape for every rule of the builder to work on, and none of
//! its code. What it stands in for, it says in its own files.

mod hierarchy;

pub use hierarchy::layer;
