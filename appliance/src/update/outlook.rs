//! What a boot state means for whoever asks which system runs and which one starts next.

use std::fmt;

use firmware::slot::Slot;
use firmware::state::{BootState, Mark};
use serde::Serialize;

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The next start is the trial.
    Pending,
    /// The running system is on trial.
    Running,
    /// It was started and did not prove itself, or was not started because it is marked bad.
    Failed,
}

/// A slot on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Which.
    pub slot: Slot,
    /// How far it is.
    pub stage: Stage,
}

/// What starts next, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// What starts when nothing else is said.
    pub default: Slot,
    /// What starts next, unless a key is pressed at the console.
    pub next: Slot,
    /// The slot on trial.
    pub trial: Option<Trial>,
}

impl Outlook {
    /// As it is while `running` runs.
    pub fn of(state: &BootState, running: Slot) -> Self {
        let trial = state.trial.map(|trial| Trial {
            slot: trial.slot,
            stage: match state.pending() {
                _ if trial.slot == running => Stage::Running,
                Some(_) => Stage::Pending,
                None => Stage::Failed,
            },
        });
        let next = state.choose(None).order.first().copied().unwrap_or(state.default);
        Self { default: state.default, next, trial }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.next;
        match self.trial {
            None => write!(out, "slot {next} starts next"),
            Some(Trial { slot, stage: Stage::Pending }) if slot == next => {
                write!(out, "slot {next} starts next, on trial")
            }
            Some(Trial { slot, stage: Stage::Running }) => {
                write!(out, "slot {slot} runs on trial; unless it is confirmed, slot {next} starts next")
            }
            Some(Trial { slot, .. }) => {
                write!(out, "the trial of slot {slot} failed; slot {next} starts next")
            }
        }
    }
}

/// What can be done about it.
pub fn advice(state: &BootState, running: Slot) -> String {
    let other = running.other();
    match Outlook::of(state, running) {
        Outlook { trial: Some(Trial { stage: Stage::Running, .. }), next, .. } => format!(
            "`sluice update confirm` keeps slot {running}, `sluice update rollback` gives it up; with neither, slot {next} \
             starts next"
        ),
        Outlook { trial: Some(Trial { slot, stage: Stage::Pending }), .. } => {
            format!("restart the unit to try slot {slot}, or `sluice update rollback` to leave it")
        }
        Outlook { trial: Some(Trial { slot, stage: Stage::Failed }), .. } => format!(
            "slot {slot} did not prove itself: install another update, or try it once more with `sluice update activate {slot}`"
        ),
        _ if state.mark(running) == Mark::Bad => format!(
            "slot {running} runs although it is marked bad: restart into the other slot, or say `sluice update activate \
             {running}` if it is a good one"
        ),
        _ if state.default != running => format!(
            "slot {running} was chosen at the console: `sluice update activate {running}` keeps it, a restart ends it"
        ),
        _ if state.mark(other) == Mark::Bad => {
            format!("slot {other} holds nothing that can be started: install an update")
        }
        _ => "nothing".to_owned(),
    }
}
