//! The lab: simulates in QEMU what happens to units in the field.
//!
//! A [`Scenario`] is the story of one [`unit::Unit`]: boot it, press keys, cut the power, damage its card, boot it again.
//! Scenarios of the boot manager run on any world, because the miniature one prints the slot that booted; those of a
//! running system need FreeBSD. Each unit has a card of its own, so scenarios run in parallel, and the serial log of every
//! boot is kept.
//!
//! The invariant, checked after every scenario: everything before the first slice, including the MBR, is as the factory
//! wrote it.

pub mod card;
pub mod directory;
pub mod keys;
mod play;
pub mod qemu;
mod rig;
mod scenario;
pub mod scenarios;
pub mod server;
pub mod shell;
pub mod unit;

pub use play::{Outcome, play};
pub use rig::{Rig, World};
pub use scenario::{Needs, Scenario};
