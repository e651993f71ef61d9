//! A slice as the services see it: sectors that are read, written and flushed.
//!
//! A slice of the unit's card is a [`super::Slice`]; the updater's tests have one in memory that loses power.

use std::io;

use bsd_disk::units::Sectors;

/// A slice.
pub trait Storage {
    /// The number of sectors.
    fn size(&self) -> Sectors;

    /// Reads whole sectors into `bytes`, from sector `at` on.
    ///
    /// # Errors
    /// The disk fails, or the slice ends before.
    fn read_at(&mut self, at: Sectors, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes whole sectors from `bytes`, from sector `at` on.
    ///
    /// # Errors
    /// The disk fails, or the slice ends before.
    fn write_at(&mut self, at: Sectors, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything written would survive a power cut.
    ///
    /// # Errors
    /// The disk cannot guarantee that.
    fn flush(&mut self) -> io::Result<()>;
}
