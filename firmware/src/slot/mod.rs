//! The two slots: their numbers, and the header that each one has on disk.

mod header;
mod number;

pub use header::{
    CRC_OFFSET, HEADER_BYTES, MAGIC_VALUE, SlotError, SlotHeader, VERSION_OFFSET, WATCHDOG_OFFSET,
};
pub use number::Slot;
