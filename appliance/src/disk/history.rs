//! The copies of the history, each in a partition of its own.
//!
//! A copy is opened when it is first read or written, so a device that cannot be opened is a defect of one copy.

use std::io;

use bsd_disk::units::Sectors;
use firmware::history::{COPIES, Medium, RECORD_BYTES};
use firmware::layout::HISTORY_PARTITIONS;

use super::slice::{Access, Slice};
use super::slot_devices::SlotDevices;
use super::storage::Storage;

/// The copies of the history on a disk.
pub struct HistoryCopies {
    paths: [String; COPIES],
    /// The copies that are open.
    open: [Option<(Access, Slice)>; COPIES],
}

impl HistoryCopies {
    /// Those of the disk with these devices. Opens nothing.
    pub fn of(devices: &SlotDevices) -> Self {
        Self { paths: HISTORY_PARTITIONS.map(|letter| devices.partition(letter)), open: [None, None] }
    }

    /// The copy, open at least for `access`.
    fn slice(&mut self, copy: usize, access: Access) -> io::Result<&mut Slice> {
        let open = &mut self.open[copy];
        let slice = match open.take() {
            Some((has, slice)) if has == Access::Write || access == Access::Read => (has, slice),
            _ => (access, Slice::open(&self.paths[copy], access)?),
        };
        Ok(&mut open.insert(slice).1)
    }
}

impl Medium for HistoryCopies {
    fn read(&mut self, copy: usize, index: u32, sector: &mut [u8; RECORD_BYTES]) -> io::Result<()> {
        self.slice(copy, Access::Read)?.read_at(Sectors(index.into()), sector)
    }

    fn write(&mut self, copy: usize, index: u32, sector: &[u8; RECORD_BYTES]) -> io::Result<()> {
        self.slice(copy, Access::Write)?.write_at(Sectors(index.into()), sector)
    }

    fn flush(&mut self, copy: usize) -> io::Result<()> {
        self.slice(copy, Access::Write)?.flush()
    }
}
