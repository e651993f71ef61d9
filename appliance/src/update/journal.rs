//! Writes the history. It never fails: what happened is more important than its record.

use firmware::history::{self, Entry, Event};
use firmware::slot::Slot;
use firmware::state::{BootState, Digest};

use super::exit_code::ExitCode;
use super::slot_version::slot_version;
use super::unit::Unit;

/// What an event is about: a slot, and the release that it contains or is to contain.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The slot.
    pub slot: Slot,
    /// The version of the release, if known.
    pub version: Option<String>,
    /// The digest of the release, if known.
    pub digest: Option<Digest>,
}

impl Subject {
    /// The slot with what it contains.
    pub fn of<U: Unit>(unit: &U, slot: Slot, state: &BootState) -> Self {
        let version = slot_version(unit, slot).map(|version| version.to_string());
        Self { slot, version, digest: state.digest(slot) }
    }
}

/// Adds an event to the history. Returns what to warn of.
pub fn record<U: Unit>(unit: &U, event: Event, subject: Subject, result: ExitCode) -> Option<String> {
    let (time, uptime) = unit.now();
    let Subject { slot, version, digest } = subject;
    let entry = Entry { time, uptime, event, slot: Some(slot), version, digest, result: result.number() };
    let mut medium = match unit.history() {
        Ok(medium) => medium,
        Err(error) => return Some(error.to_string()),
    };
    let failed = |error| format!("the history could not be written: {error}");
    history::append(&mut medium, entry).err().map(failed)
}
