//! Reads back what was built.
//!
//! Images, cards and update bundles are shown and taken apart ([`disk`], [`bundle`], [`describe`], [`list`],
//! [`extract`]). Two builds are compared ([`diff`]) and one is measured ([`sizes`]), both from the list of paths that
//! [`built`] reads. Nothing is mounted, and only [`extract`] and [`bundle`] write files.
//!
//! A disk may be damaged anywhere: what cannot be read is reported in its place, and the rest is still shown.

pub mod built;
pub mod bundle;
pub mod describe;
pub mod diff;
pub mod disk;
pub mod extract;
pub mod list;
pub mod sizes;

pub use disk::{Disk, DiskContent, Files, Section, Volume};
