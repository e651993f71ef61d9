//! A slot's slice as an update sees it: sectors that are read, written and flushed.
//!
//! The unit's own slice is [`crate::device::Slice`]; the tests have one in memory that loses power.

use std::io;

use bsd_disk::units::Sectors;

/// What a slot lies on.
pub trait Storage {
    /// How many sectors there are.
    fn size(&self) -> Sectors;

    /// Fills `bytes`, whole sectors, from `at` on.
    ///
    /// # Errors
    /// The disk cannot, or it ends before.
    fn read_at(&mut self, at: Sectors, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes`, whole sectors, from `at` on.
    ///
    /// # Errors
    /// The disk cannot, or it ends before.
    fn write_at(&mut self, at: Sectors, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written would survive a power cut.
    ///
    /// # Errors
    /// The disk cannot promise that.
    fn flush(&mut self) -> io::Result<()>;
}
