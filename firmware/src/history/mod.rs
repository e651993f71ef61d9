//! The history of a unit: what happened to its slots, in a ring of records beside the boot state.
//!
//! The ring is stored twice, each copy in a partition of its own ([`crate::layout::Partitions`]). Record `n` is sector
//! `n mod 128` of both. A power cut can destroy all of one copy, with its erase block; the next entry then copies the records
//! of the other.
//!
//! A record, with all numbers little-endian:
//!
//! | offset | bytes | what                                                                                  |
//! |-------:|------:|---------------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceHi`                                                                      |
//! |      8 |     2 | format version, 1                                                                     |
//! |     10 |     2 | bytes covered by the checksum, 512                                                    |
//! |     12 |     4 | CRC-32 (IEEE 802.3) of the sector, with these four bytes set to zero                  |
//! |     16 |     4 | sequence number, from 1                                                               |
//! |     20 |     1 | [`Event`]                                                                             |
//! |     21 |     1 | slot, 1 or 2; 0 if the event is about none                                            |
//! |     22 |     1 | result: the exit code of the command, 0 if it succeeded                               |
//! |     23 |     1 | zero                                                                                  |
//! |     24 |     8 | time in seconds since 1970; the unit's clock may be wrong                             |
//! |     32 |     4 | seconds since the boot                                                                |
//! |     36 |    28 | zero                                                                                  |
//! |     64 |    64 | version, terminated by a NUL and padded with NULs; empty if unknown                   |
//! |    128 |    32 | digest of the slot's content; all zero if unknown                                     |
//! |    160 |   352 | zero                                                                                  |
//!
//! Nothing depends on the history: a record that cannot be written or read is only missing.

mod event;
mod record;
mod ring;

pub use event::Event;
pub use record::{Entry, RECORD_BYTES, Record};
pub use ring::{COPIES, Medium, RECORDS, append, read};
