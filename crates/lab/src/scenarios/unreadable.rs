//! Scenarios of sectors that cannot be read at all, before a slot has started.

use anyhow::Result;
use bsd_disk::units::Sectors;
use firmware::boot_manager;
use firmware::slot::Slot;
use firmware::state::{BootState, COPIES};

use super::states::{arm, good};
use crate::qemu::Disk;
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        Needs::Card,
        "manager-unreadable",
        "a copy of the boot manager that cannot be read is replaced by the other",
        manager_unreadable,
    ),
    Scenario::new(
        Needs::Card,
        "state-unreadable",
        "a copy of the boot state that cannot be read is replaced by the others",
        state_unreadable,
    ),
    Scenario::new(
        Needs::Card,
        "slot-unreadable",
        "a slot whose boot area cannot be read is skipped",
        slot_unreadable,
    ),
];

fn manager_unreadable(unit: &mut Unit<'_>) -> Result<()> {
    for copy in boot_manager::COPIES {
        boot_without(unit, copy + Sectors(1))?;
        unit.expect_slot(ONE)?;
        unit.cut_power()?;
    }
    Ok(())
}

fn state_unreadable(unit: &mut Unit<'_>) -> Result<()> {
    for copy in 0..COPIES {
        let sector = unit.card.partitions()?.state[copy].start;
        unit.card.set_state(&BootState { default: TWO, ..good() })?;
        boot_without(unit, sector)?;
        unit.expect_slot(TWO)?;
        unit.cut_power()?;

        unit.card.set_state(&good())?;
        arm(unit)?;
        // Without the copy with the trial, there is none.
        let expected = if unit.card.state()?.copy == copy { ONE } else { TWO };
        boot_without(unit, sector)?;
        unit.expect_slot(expected)?;
        unit.cut_power()?;
        if expected == TWO {
            boot_without(unit, sector)?;
            unit.expect_slot(ONE)?;
            unit.cut_power()?;
        }
    }
    Ok(())
}

fn slot_unreadable(unit: &mut Unit<'_>) -> Result<()> {
    for slot in Slot::ALL {
        unit.card.set_state(&BootState { default: slot, ..good() })?;
        let sector = unit.card.slice(slot.number())?.start + Sectors(2);
        boot_without(unit, sector)?;
        unit.expect(&format!("slot {slot}: read error"))?;
        unit.expect_slot(slot.other())?;
        unit.cut_power()?;
    }
    Ok(())
}

/// Switches the unit on with a card that cannot read this sector, and passes the menu.
fn boot_without(unit: &mut Unit<'_>, sector: Sectors) -> Result<()> {
    unit.boot_from(Disk::kept(unit.card.path()).failing_reads_of(sector))?;
    unit.press("\r")
}
