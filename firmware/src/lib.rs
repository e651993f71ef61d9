//! The firmware contract: what the builder and the device both know about a Sluice disk.
//!
//! Where things lie ([`layout`]), the on-disk records ([`slot`], [`state`]), what starts ([`boot_manager`]), what a system says
//! of itself ([`release`]) and the update that it is given ([`bundle`]). Everything here works on bytes in memory or on a
//! stream that it is handed: nothing opens a file or a device, so that the same code is right on the engineer's machine and
//! on the unit. The records of any PC disk with FreeBSD are in the crate `bsd_disk`.
//!
//! Invariant: a parser takes any bytes and answers with a typed error, never a panic.

#![forbid(unsafe_code)]

pub mod boot_manager;
pub mod bundle;
pub mod layout;
pub mod release;
pub mod slot;
pub mod state;
