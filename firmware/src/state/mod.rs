//! The boot state: which slot boots, and whether it is on trial.
//!
//! The MBR is written once, in the factory. What changes is stored here, in three copies of one sector, each in a partition
//! of its own ([`crate::layout::Partitions`]). The boot manager reads all copies and uses the newest one that is intact. It changes three things only: before it boots a slot on trial, it takes a try from the
//! trial; it counts the starts of the default slot until one of them reports health; and if none of [`STARTS`] did, it makes
//! the other slot the default.
//!
//! The record, with all numbers little-endian:
//!
//! | offset | bytes | what                                                                                  |
//! |-------:|------:|---------------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceSt`                                                                      |
//! |      8 |     2 | format version, 1                                                                     |
//! |     10 |     2 | bytes covered by the checksum, 512                                                    |
//! |     12 |     4 | CRC-32 (IEEE 802.3) of the sector, with these four bytes set to zero                  |
//! |     16 |     4 | sequence number: the later of two copies is the one whose number is ahead, modulo 2^32 |
//! |     20 |     1 | default slot, 1 or 2                                                                  |
//! |     21 |     1 | slot on trial, 1 or 2; 0 if there is no trial                                         |
//! |     22 |     1 | tries that the trial has left                                                         |
//! |     23 |     1 | starts of the default slot since it last reported health                              |
//! |     24 |     2 | marks of slot 1 and slot 2: 0 bad, 1 untried, 2 good; failed: 3 never confirmed, 4 rolled back, 5 never healthy |
//! |     26 |     1 | starts without health after which the default slot gives way; 0 if it never does       |
//! |     27 |     1 | 1 if the default slot may give way to the other one                                   |
//! |     28 |     4 | key epoch                                                                             |
//! |     32 |    64 | version floor, terminated by a NUL and padded with NULs; empty if there is no floor   |
//! |     96 |    64 | digests of the contents of slot 1 and slot 2; all zero if unknown                     |
//! |    160 |   128 | digests of up to four releases that have failed on this unit, the oldest first        |
//! |    288 |    96 | identifiers of up to twelve revoked keys, 8 bytes each                                |
//! |    384 |   128 | zero                                                                                  |
//!
//! The first 20 bytes mean the same in every format, and the checksum always covers the 512 bytes of the sector, so that a
//! record of a later format is recognized. It is never overwritten.
//!
//! Format 1 never changes: a boot manager that left the factory with it will never learn another. A later release may use
//! bytes that are zero now, if zero then means "unknown". A writer sets all bytes that it does not know to zero; the boot
//! manager instead copies the sector and changes only what its decision changes, sequence number and checksum.
//!
//! The parts: the record and the state that it stores are re-exported here, [`transition`] defines what an update changes in
//! the state, [`choice`] what the boot manager does with it, and [`store`] is the only writer.

mod boot_state;
pub mod choice;
#[cfg(test)]
mod closure;
mod proof;
mod record;
mod refusal;
mod releases;
#[cfg(test)]
mod samples;
pub mod store;
pub mod transition;
mod trust;

pub use boot_state::{BootState, Digest, FAILED_MAX, Failure, Mark, STARTS, TRIES, Trial};
pub use record::{FORMAT_VALUE, MAGIC_VALUE, STATE_BYTES, StateError, is_later, mark, offset};
pub use releases::{OtherRelease, Releases, RunningRelease};
pub use store::COPIES;
pub use trust::TrustError;
