//! What was built, read back: images, cards and update bundles are shown and taken apart ([`disk`], [`bundle`], [`describe`],
//! [`list`], [`extract`]); two builds are compared ([`diff`]), and one is measured ([`sizes`]), both from the list of paths that
//! [`built`] makes of either. Nothing is mounted, and nothing is written but what [`extract`] makes.
//!
//! A disk may be damaged anywhere: what cannot be read is reported where it is shown, and the rest is shown all the same.

pub mod built;
pub mod bundle;
pub mod describe;
pub mod diff;
mod disk;
pub mod extract;
pub mod list;
pub mod sizes;

pub use disk::{Disk, Files, Kind, Place, Section};
