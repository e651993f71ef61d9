//! `sluice update status`: both slots, which one starts next, and what to do.
//!
//! It only reads and takes no lock, so it works during an update.

use std::fmt::Write;

use firmware::layout::HEADER_SECTOR;
use firmware::revocations::Revocations;
use firmware::slot::{HEADER_BYTES, Slot};
use firmware::state::{BootState, Mark};
use serde::Serialize;

use super::advice::advice;
use super::boot_record::BootRecord;
use super::error::UpdateError;
use super::stock;
use super::unit::Unit;
use crate::disk::{Access, BootPlan, SlotContent, StockBoot, Storage};

/// The part of a [`Status`] about one slot.
#[derive(Debug, Serialize)]
pub struct SlotStatus {
    /// The slot.
    pub slot: Slot,
    /// Whether the system runs from it.
    pub running: bool,
    /// Whether it starts unless a trial is pending.
    pub default: bool,
    /// Whether it is marked good: it is complete and has proved itself.
    pub good: bool,
    /// Its mark.
    pub mark: &'static str,
    /// Whether its digest is recorded, so that `sluice update verify` can check it.
    pub verifiable: bool,
    /// What it contains.
    #[serde(flatten)]
    pub content: SlotContent,
}

/// The status. Serialized, it is the output of `--json`, which programs read: fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The running slot.
    pub running_slot: Slot,
    /// Both slots.
    pub slots: Vec<SlotStatus>,
    /// Which slot starts next; `None` if none starts by itself.
    #[serde(flatten)]
    pub plan: Option<BootPlan>,
    /// The boot program and what it starts, on a card without a boot state.
    pub boot_program: Option<StockBoot>,
    /// The lowest version that may be installed.
    pub floor: Option<String>,
    /// The lowest key epoch that may be installed, and the keys that are trusted no more.
    #[serde(flatten)]
    pub revocations: Revocations,
    /// Whether the boot state was loaded, not recovered.
    pub state_found: bool,
    /// What is wrong with the copies of the boot state.
    pub warning: Option<String>,
    /// What to do next.
    pub advice: String,
}

impl Status {
    /// Reads the boot state and both slots.
    ///
    /// # Errors
    /// The running slot is unknown, or the boot state cannot be read.
    pub fn gather<U: Unit>(unit: &U) -> Result<Self, UpdateError> {
        let running = unit.running()?;
        let record = BootRecord::open(unit)?;
        if let Some(stock) = record.stock.clone() {
            return Self::without_state(unit, running, record.state(), stock);
        }
        let state = record.state();
        let advice = match record.is_found() {
            true => advice(state, running).unwrap_or_else(|| "nothing".to_owned()),
            false => "run `sluice update confirm` to write a new boot state".to_owned(),
        };
        Ok(Self {
            running_slot: running,
            slots: Slot::ALL.into_iter().map(|slot| slot_status(unit, state, slot, running)).collect(),
            plan: Some(BootPlan::of(state, running)),
            boot_program: None,
            floor: state.floor.as_ref().map(ToString::to_string),
            revocations: state.revocations.clone(),
            state_found: record.is_found(),
            warning: record.warning.clone(),
            advice,
        })
    }

    /// The status of a card without a boot state. `state` has what is assumed instead.
    fn without_state<U: Unit>(
        unit: &U,
        running: Slot,
        state: &BootState,
        stock: StockBoot,
    ) -> Result<Self, UpdateError> {
        let slots = Slot::ALL.into_iter().map(|slot| {
            let is_complete = stock::defect(unit, slot)?.is_none();
            Ok(SlotStatus {
                default: stock.next == Some(slot),
                good: is_complete && slot == running,
                mark: if is_complete { "complete" } else { "incomplete" },
                ..slot_status(unit, state, slot, running)
            })
        });
        Ok(Self {
            running_slot: running,
            slots: slots.collect::<Result<_, UpdateError>>()?,
            plan: stock.next.map(|next| BootPlan { default: next, next, trial: None }),
            floor: state.floor.as_ref().map(ToString::to_string),
            revocations: state.revocations.clone(),
            state_found: false,
            warning: None,
            advice: stock::advice(unit, &stock, running)?.unwrap_or_else(|| "nothing".to_owned()),
            boot_program: Some(stock),
        })
    }

    /// The status as JSON, for programs.
    pub fn json(&self) -> String {
        // Serializing fails only for maps with keys that are not strings, and there are none.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The status as text, one fact per line.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut fact = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<9}{value}");
        };
        for slot in &self.slots {
            let mark = slot.mark;
            let roles = [(slot.running, ", running"), (slot.default, ", default")];
            let roles: String = roles.iter().filter(|(has, _)| *has).map(|(_, role)| *role).collect();
            fact(&format!("slot {}", slot.slot), &format!("{}, {mark}{roles}", slot.content));
        }
        let boot = self.boot_program.as_ref().map(ToString::to_string);
        fact("boot", &boot.or_else(|| Some(self.plan.as_ref()?.to_string())).unwrap_or_default());
        fact("floor", self.floor.as_deref().unwrap_or("not set, so any version may be installed"));
        if !self.revocations.is_empty() {
            fact("keys", &self.revocations.to_string());
        }
        let intact = match &self.boot_program {
            Some(_) => "there is none on this card, and no trial",
            None => "all copies are intact",
        };
        fact("state", &self.warning.as_deref().unwrap_or(intact).replace('\n', "; "));
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
        mark: match state.mark(slot) {
            Mark::Bad => "bad",
            Mark::Untried => "untried",
            Mark::Good => "good",
            Mark::Failed(_) => "failed",
        },
        verifiable: state.digest(slot).is_some(),
        content: if read { SlotContent::from_header(&header) } else { SlotContent::Unknown },
    }
}
