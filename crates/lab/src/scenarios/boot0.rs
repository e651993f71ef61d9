//! Scenarios of cards with FreeBSD's boot0sio and not Sluice's boot manager.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bsd_disk::boot0::Boot0Options;
use builder::board;
use firmware::slot::Slot;

use super::update::{restart_into, up};
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;
const DRIVE: &str = board::DEFAULT.drive;

/// How often to look whether an install has begun to write, and for how long.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 6000;

pub const SCENARIOS: &[Scenario] = &[Scenario::new(
    Needs::Bundles,
    "boot0-interrupted",
    "on a card with boot0sio, an interrupted second update leaves a unit that starts the running slot",
    interrupted,
)
.on_boot0()];

/// The default slice and the active slice.
fn chosen(unit: &Unit<'_>) -> Result<(u8, Option<u8>)> {
    let mbr = unit.card.mbr()?;
    Ok((Boot0Options::read(&mbr)?.default_slice, mbr.active()))
}

fn interrupted(unit: &mut Unit<'_>) -> Result<()> {
    let url = unit.rig.url.clone();
    up(unit, ONE)?;
    unit.ask(&format!("sluice update install {url}/next.fw"))?;
    ensure!(chosen(unit)? == (1, Some(1)), "the install made the new slot start");
    let (said, status) = unit.run("sluice update confirm")?;
    ensure!(status == 46 && said.contains("boot0sio"), "confirm ended with {status}: {said}");

    // The active flag alone starts slot 2, but by way of slot 1, which the second update overwrites.
    unit.ask(&format!("gpart set -a active -i 2 {DRIVE}"))?;
    restart_into(unit, TWO)?;
    ensure!(chosen(unit)? == (1, Some(2)), "{:?}", chosen(unit)?);
    let status = unit.ask("sluice update status")?;
    ensure!(status.contains("default slice 1, active slice 2"), "{status}");

    unit.type_line(&format!("sluice update install {url}/other.fw"))?;
    until_slot_is_half_written(unit, ONE)?;
    unit.cut_power()?;
    ensure!(chosen(unit)? == (2, Some(2)), "slot 1 was written before slot 2 was made the default");

    up(unit, TWO)?;
    let status = unit.ask("sluice update status")?;
    ensure!(status.contains("incomplete"), "the status does not report the half-written slot: {status}");
    let (said, status) = unit.run("sluice update rollback")?;
    ensure!(status == 46, "a roll-back to the half-written slot ended with {status}: {said}");

    unit.ask(&format!("sluice update install {url}/other.fw"))?;
    unit.ask("sluice update activate 1")?;
    ensure!(chosen(unit)? == (1, Some(1)), "{:?}", chosen(unit)?);
    // The root is still there after boot0cfg.
    unit.ask("ls /sbin/init && sluice update status")?;
    restart_into(unit, ONE)?;
    unit.ask("sluice update rollback")?;
    restart_into(unit, TWO)?;
    unit.cut_power()
}

/// Waits until an install has cleared the signature of this slot.
fn until_slot_is_half_written(unit: &mut Unit<'_>, slot: Slot) -> Result<()> {
    let start = unit.card.slice(slot.number())?.start;
    for _ in 0..LOOKS {
        let sector = unit.card.read(start, bsd_disk::units::Sectors(1))?;
        if sector[510..] != [0x55, 0xaa] {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    None.context("the install did not begin to write the slot")
}
