//! `sluice update status`: both slots, what starts next, and what to do about it.
//!
//! Reads only, and takes no lock: it can be asked while an update is under way.

use std::fmt::Write;

use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot};
use firmware::state::{BootState, Mark};
use serde::Serialize;

use super::error::UpdateError;
use super::outlook::{Outlook, advice};
use super::record::Record;
use super::storage::Storage;
use super::unit::{Access, Unit};
use crate::slot::Held;

/// One slot.
#[derive(Debug, Serialize)]
pub struct SlotStatus {
    /// Which.
    pub slot: Slot,
    /// The system runs from it.
    pub running: bool,
    /// It starts when nothing else is said.
    pub default: bool,
    /// It was written whole.
    pub good: bool,
    /// It is known what it should hold, so `sluice update verify` can tell whether it does.
    pub verifiable: bool,
    /// What its header says.
    #[serde(flatten)]
    pub held: Held,
}

/// The output of `--json`: fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Status {
    /// What runs.
    pub running_slot: Slot,
    /// Both slots.
    pub slots: Vec<SlotStatus>,
    /// What starts next.
    #[serde(flatten)]
    pub outlook: Outlook,
    /// The least version that may be installed.
    pub floor: Option<String>,
    /// The boot state was found, and is not made up of what little is known without it.
    pub state_found: bool,
    /// What is wrong with a copy of the boot state.
    pub warning: Option<String>,
    /// What to do next.
    pub advice: String,
}

impl Status {
    /// Asks for everything.
    ///
    /// # Errors
    /// The running slot is not known, or the boot state cannot be understood.
    pub fn gather<U: Unit>(unit: &U) -> Result<Self, UpdateError> {
        let running = unit.running()?;
        let record = Record::open(unit.state(Access::Read)?, running)?;
        let state = record.state();
        let advice = match record.is_found() {
            true => advice(state, running),
            false => "`sluice update confirm` writes the boot state anew".to_owned(),
        };
        Ok(Self {
            running_slot: running,
            slots: Slot::ALL.into_iter().map(|slot| slot_status(unit, state, slot, running)).collect(),
            outlook: Outlook::of(state, running),
            floor: state.floor.as_ref().map(ToString::to_string),
            state_found: record.is_found(),
            warning: record.warning.clone(),
            advice,
        })
    }

    /// For programs.
    pub fn json(&self) -> String {
        // It has no map but its own fields, so nothing in it can be at fault.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// One fact a line.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut fact = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<9}{value}");
        };
        for slot in &self.slots {
            let mark = if slot.good { "good" } else { "bad" };
            let said = [(slot.running, "running"), (slot.default, "default")];
            let said: String =
                said.iter().filter(|(is, _)| *is).map(|(_, said)| format!(", {said}")).collect();
            fact(&format!("slot {}", slot.slot), &format!("{}, {mark}{said}", slot.held));
        }
        fact("boot", &self.outlook.to_string());
        fact("floor", self.floor.as_deref().unwrap_or("none yet: any version may be installed"));
        fact("state", self.warning.as_deref().unwrap_or("both copies are whole"));
        fact("to do", &self.advice);
        out
    }
}

fn slot_status<U: Unit>(unit: &U, state: &BootState, slot: Slot, running: Slot) -> SlotStatus {
    let mut header = [0; HEADER_BYTES];
    let read = unit
        .slice(slot, Access::Read)
        .is_ok_and(|mut slice| slice.read_at(HEADER_SECTOR, &mut header).is_ok());
    SlotStatus {
        slot,
        running: slot == running,
        default: slot == state.default,
        good: state.mark(slot) == Mark::Good,
        verifiable: state.digest(slot).is_some(),
        held: if read { Held::from_header(&header) } else { Held::Unknown },
    }
}
