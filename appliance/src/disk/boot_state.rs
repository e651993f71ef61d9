//! The copies of the boot state, each in a partition of its own.
//!
//! A copy is opened when it is read or written, so a device that cannot be opened is a defect of one copy and not of the
//! state. The whole disk is never opened: a write to it would unmount the root.

use std::io;

use anyhow::Result;
use bsd_disk::units::Sectors;
use firmware::layout::STATE_PARTITIONS;
use firmware::state::store::{self, Loaded, Medium};
use firmware::state::{COPIES, STATE_BYTES};

use super::slice::{Access, Slice};
use super::slot_devices::SlotDevices;
use super::storage::Storage;

/// The copies of the boot state on a disk.
pub struct StateCopies([String; COPIES]);

impl StateCopies {
    /// Those of the disk with these devices. Opens nothing.
    pub fn of(devices: &SlotDevices) -> Self {
        Self(STATE_PARTITIONS.map(|letter| devices.partition(letter)))
    }

    fn open(&self, copy: usize, access: Access) -> io::Result<Slice> {
        let path = &self.0[copy];
        Slice::open(path, access)
            .map_err(|error| io::Error::new(error.kind(), format!("opening {path}: {error}")))
    }
}

impl Medium for StateCopies {
    fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        self.open(copy, Access::Read)?.read_at(Sectors::ZERO, sector)
    }

    fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.open(copy, Access::Write)?.write_at(Sectors::ZERO, sector)
    }

    fn flush(&mut self, copy: usize) -> io::Result<()> {
        self.open(copy, Access::Write)?.flush()
    }
}

/// The boot state of the disk with these devices; `None` on a disk without Sluice's boot manager, which has none.
///
/// # Errors
/// No copy is intact.
pub fn read_boot_state(devices: &SlotDevices) -> Result<Option<Loaded>> {
    match store::load(&mut StateCopies::of(devices)) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(error) if error.was_never_written() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
