//! Shows what fills a slot: by layer, by directory and by file, against the budgets and an earlier build.
//!
//! Bytes are those of files; a file counts once, however many names it has. What the file system needs for its tables and
//! for the ends of blocks is a row of its own, because it belongs to no layer.

pub mod text;
mod weigh;

pub use weigh::{Budgets, Directory, File, Layer, Limits, Sizes, Sum, weigh};
