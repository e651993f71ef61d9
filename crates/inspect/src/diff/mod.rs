//! Compares two builds: by path, by layer, and in what is not a file.
//!
//! The invariant: two builds without a difference have the same paths, in everything that a specification lists of them,
//! and the same properties. Only what both builds have is compared: a specification has no boot code, an image no
//! manifest. The difference lists what was compared.

mod compare;
mod difference;
pub mod text;

pub use compare::compare;
pub use difference::{By, Change, ChangeKind, Diff, LayerChange, PropertyChange, Side};
