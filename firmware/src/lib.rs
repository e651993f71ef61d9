//! The firmware contract: what the builder and the unit both know about a Sluice disk.
//!
//! - [`layout`]: the position of every slice, and what is at the start of each
//! - [`slot`], [`state`], [`history`]: the records on disk that describe a slot, the boot state, and what happened
//! - [`boot_manager`]: the programs that boot a slot
//! - [`release`]: the description of a system that it carries with it
//! - [`bundle`]: the update bundle
//! - [`revocations`]: the keys that are trusted no more
//! - [`paths`]: the paths in a slot that the builder writes and the unit reads
//!
//! Everything here works on bytes in memory or on a stream passed in by the caller, and uses no clock. Nothing opens a file
//! or a device, so the same code serves the engineer's host and the unit. The records found on any PC disk with FreeBSD are
//! in the crate `bsd_disk`.
//!
//! Invariant: a parser accepts any bytes and returns a typed error instead of panicking.

#![forbid(unsafe_code)]

pub mod boot_manager;
pub mod bundle;
mod checksum;
pub mod history;
mod key_id;
pub mod layout;
pub mod paths;
pub mod release;
pub mod revocations;
pub mod slot;
pub mod state;

pub use key_id::{KeyId, KeyIdError};
