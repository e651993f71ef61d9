//! A unit for tests: each fact is known or missing.

use std::time::Duration;

use anyhow::{Result, anyhow};
use bsd_disk::units::Sectors;
use firmware::release::Release;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};
use firmware::state::store::Loaded;
use firmware::state::{BootState, StateError};

use super::facts::{Facts, Memory};
use crate::disk::{SlotDevices, StockBoot};
use crate::release;

/// The header of a slot with this release.
fn header(version: &str, commit: &str) -> [u8; HEADER_BYTES] {
    SlotHeader {
        product: "sluice".into(),
        board: "alix2d13".into(),
        version: version.into(),
        commit: commit.into(),
        built_from: "FreeBSD 13.2-RELEASE".into(),
        built: 0,
        size: Sectors::from_mib(200),
        watchdog: 300,
        key_epoch: 0,
    }
    .encode()
    .unwrap()
}

/// A unit with these facts.
pub struct Fake {
    pub release: Option<String>,
    pub root_device: Option<&'static str>,
    pub loader_device: Option<&'static str>,
    pub headers: [Option<[u8; HEADER_BYTES]>; 2],
    /// Sector 0, if its program is not Sluice's.
    pub sector: Option<[u8; 512]>,
    pub boot_state: Option<Option<BootState>>,
    /// The copy of the boot state that is damaged.
    pub damaged: Option<usize>,
    pub changing: bool,
    pub lost_configuration: Option<&'static str>,
    pub uptime: Option<u64>,
    pub memory: Option<Memory>,
}

impl Fake {
    /// Every fact is known; the unit runs from slot 2, and slot 1 has the previous release.
    pub fn healthy() -> Self {
        Self {
            release: Some(
                r#"{"product":"sluice","version":"1.4.0","board":"alix2d13","commit":"3ed14b5","world":"FreeBSD 13.2-RELEASE"}"#
                    .into(),
            ),
            root_device: Some("/dev/ada0s2a"),
            loader_device: Some("disk0s2a:"),
            headers: [Some(header("1.3.9", "2c41d70")), Some(header("1.4.0", "3ed14b5"))],
            sector: None,
            boot_state: Some(Some(BootState::factory(Slot::Second, [true; 2], None))),
            damaged: None,
            changing: false,
            lost_configuration: None,
            uptime: Some(273_906),
            memory: Some(Memory { total_bytes: 250 << 20, free_bytes: 190 << 20 }),
        }
    }
}

fn known<T>(fact: Option<T>, what: &str) -> Result<T> {
    fact.ok_or_else(|| anyhow!("{what} is missing in this test"))
}

impl Facts for Fake {
    fn release(&self) -> Result<Release> {
        release::parse(&known(self.release.clone(), "the release")?)
    }
    fn root_device(&self) -> Result<String> {
        known(self.root_device.map(str::to_owned), "the root device")
    }
    fn loader_device(&self) -> Result<String> {
        known(self.loader_device.map(str::to_owned), "the loader device")
    }
    fn slot_header(&self, _: &SlotDevices, slot: Slot) -> Result<[u8; HEADER_BYTES]> {
        known(self.headers[slot.index()], "the header")
    }
    fn stock_boot(&self, _: &SlotDevices) -> Result<Option<StockBoot>> {
        self.sector.map_or(Ok(None), |sector| StockBoot::of("ada0", &sector, [true; 2]))
    }
    fn boot_state(&self, _: &SlotDevices) -> Result<Option<Loaded>> {
        let state = known(self.boot_state.clone(), "the boot state")?;
        Ok(state.map(|state| {
            let mut defects = [None, None, None];
            if let Some(copy) = self.damaged {
                defects[copy] = Some(StateError::Magic.into());
            }
            Loaded { state, sequence: 1, copy: 0, defects }
        }))
    }
    fn is_changing(&self, _: &SlotDevices) -> Result<bool> {
        Ok(self.changing)
    }
    fn lost_configuration(&self) -> Result<Option<String>> {
        Ok(self.lost_configuration.map(str::to_owned))
    }
    fn uptime(&self) -> Result<Duration> {
        known(self.uptime.map(Duration::from_secs), "the uptime")
    }
    fn memory(&self) -> Result<Memory> {
        known(self.memory, "the memory")
    }
}
