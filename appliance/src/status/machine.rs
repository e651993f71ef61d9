//! The facts of the machine that this program runs on.

use std::ffi::CStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use firmware::release::Release;
use firmware::slot::{HEADER_BYTES, Slot};
use firmware::state::store::Loaded;

use super::facts::{Facts, Memory};
use crate::disk::{self, Lock, SlotDevices, StockBoot};
use crate::{release, sys};

/// `/conf/default/var/extract` leaves it at boot if `/etc` does not have everything of `/cfg`: what, and what to do.
const INCOMPLETE: &str = "/var/db/cfg.incomplete";

/// This machine.
pub struct Machine;

impl Facts for Machine {
    fn release(&self) -> Result<Release> {
        release::running()
    }

    fn root_device(&self) -> Result<String> {
        disk::root_device()
    }

    fn loader_device(&self) -> Result<String> {
        disk::loader_device()
    }

    fn slot_header(&self, devices: &SlotDevices, slot: Slot) -> Result<[u8; HEADER_BYTES]> {
        let path = devices.path(slot);
        disk::read_header(&path).with_context(|| format!("reading the header of slot {slot} from {path}"))
    }

    fn stock_boot(&self, devices: &SlotDevices) -> Result<Option<StockBoot>> {
        disk::read_stock_boot(devices)
    }

    fn boot_state(&self, devices: &SlotDevices) -> Result<Option<Loaded>> {
        disk::read_boot_state(devices)
    }

    fn is_changing(&self, devices: &SlotDevices) -> Result<bool> {
        let path = devices.locked();
        match Lock::take(Path::new(&path)) {
            Ok(lock) => Ok(lock.is_none()),
            // A disk without Sluice's boot manager.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("locking {path}")),
        }
    }

    fn lost_configuration(&self) -> Result<Option<String>> {
        match fs::read_to_string(INCOMPLETE) {
            Ok(text) => Ok(text.lines().next().map(str::to_owned)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {INCOMPLETE}")),
        }
    }

    fn uptime(&self) -> Result<Duration> {
        sys::uptime().context("reading the uptime")
    }

    fn memory(&self) -> Result<Memory> {
        let page = sysctl(c"hw.pagesize")?;
        Ok(Memory {
            total_bytes: sysctl(c"hw.physmem")?,
            free_bytes: sysctl(c"vm.stats.vm.v_free_count")? * page,
        })
    }
}

fn sysctl(name: &CStr) -> Result<u64> {
    sys::sysctl(name).with_context(|| format!("reading the sysctl {}", name.to_string_lossy()))
}
