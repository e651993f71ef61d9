//! What a status asks of the unit. What the answers mean is decided by the report, which is tested on any machine.

use std::time::Duration;

use anyhow::Result;
use firmware::release::Release;
use firmware::slot::{HEADER_BYTES, Slot};
use firmware::state::store::Loaded;
use serde::Serialize;

use crate::disk::{SlotDevices, StockBoot};

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What the kernel has (`hw.physmem`).
    pub total_bytes: u64,
    /// What is free (`vm.stats.vm.v_free_count`).
    pub free_bytes: u64,
}

/// The questions. Asking changes nothing.
pub trait Facts {
    /// The running release.
    fn release(&self) -> Result<Release>;
    /// The device that is mounted on `/`: `/dev/ada0s1a`.
    fn root_device(&self) -> Result<String>;
    /// The device that the loader was loaded from: `disk0s1a:`.
    fn loader_device(&self) -> Result<String>;
    /// The header of a slot.
    fn slot_header(&self, devices: &SlotDevices, slot: Slot) -> Result<[u8; HEADER_BYTES]>;
    /// What sector 0 says, if it has another program than Sluice's.
    fn stock_boot(&self, devices: &SlotDevices) -> Result<Option<StockBoot>>;
    /// The boot state; `None` on a disk without Sluice's boot manager, which has none.
    fn boot_state(&self, devices: &SlotDevices) -> Result<Option<Loaded>>;
    /// Whether a command is changing a slot or the boot state.
    fn is_changing(&self, devices: &SlotDevices) -> Result<bool>;
    /// What of the saved configuration could not be read at boot, in one line.
    fn lost_configuration(&self) -> Result<Option<String>>;
    /// The time since the boot.
    fn uptime(&self) -> Result<Duration>;
    /// How much memory there is.
    fn memory(&self) -> Result<Memory>;
}
