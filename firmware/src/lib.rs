//! The firmware contract: what the builder and the device both know about a Sluice disk.
//!
//! Where things lie ([`layout`]), the on-disk records ([`mbr`], [`boot0`], [`disklabel`], [`slot`]), what starts
//! ([`boot_manager`], [`state`]), what a system says of itself ([`release`]), the update that it is given ([`bundle`])
//! and the units they are counted in ([`units`]). Everything here works on bytes in memory or on a stream that it is
//! handed: nothing opens a file or a device, so that the same code is right on the engineer's machine and on the unit.
//!
//! Invariant: a parser takes any bytes and answers with a typed error, never a panic.

#![forbid(unsafe_code)]

pub mod boot0;
pub mod boot_manager;
pub mod bundle;
mod bytes;
pub mod disklabel;
pub mod geom_label;
pub mod layout;
pub mod mbr;
pub mod release;
pub mod slot;
pub mod state;
pub mod units;
