//! What was built, read back: images, cards and update bundles, shown and taken apart. Nothing is mounted, and nothing is
//! written but what [`extract`] makes.
//!
//! A disk may be damaged anywhere: what cannot be read is told where it is shown, and the rest is shown all the same.

pub mod bundle;
pub mod describe;
mod disk;
pub mod extract;
pub mod list;

pub use disk::{Disk, Files, Kind, Place, Section};
