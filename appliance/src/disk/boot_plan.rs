//! Which slot starts next, and why.

use std::fmt;

use firmware::slot::Slot;
use firmware::state::{BootState, Failure, Mark};
use serde::Serialize;

/// How far a trial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The next start is the trial.
    Pending,
    /// The running system is on trial.
    Running,
    /// The system on trial was started and not confirmed.
    Failed,
    /// It was rolled back while it was running on trial.
    RolledBack,
    /// The system was the default, was started repeatedly, and never reported health.
    GaveWay,
}

/// A slot on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The slot.
    pub slot: Slot,
    /// How far the trial has come.
    pub stage: Stage,
}

/// Which slot starts next, and why. Serialized, it is a part of `--json`: fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootPlan {
    /// The slot that starts unless a trial is pending.
    pub default: Slot,
    /// The slot that starts next, unless a key is pressed at the console.
    pub next: Slot,
    /// The trial, if there is one, or what became of a slot that has failed.
    pub trial: Option<Trial>,
}

impl BootPlan {
    /// The plan that follows from `state` while slot `running` is running.
    pub fn of(state: &BootState, running: Slot) -> Self {
        let trial = state.trial.map(|trial| Trial {
            slot: trial.slot,
            stage: match state.pending() {
                _ if trial.slot == running => Stage::Running,
                Some(_) => Stage::Pending,
                None => Stage::Failed,
            },
        });
        let failed = |slot: Slot| match state.mark(slot) {
            Mark::Failed(Failure::NeverHealthy) => Some(Trial { slot, stage: Stage::GaveWay }),
            Mark::Failed(Failure::RolledBack) => Some(Trial { slot, stage: Stage::RolledBack }),
            Mark::Failed(Failure::Unconfirmed) => Some(Trial { slot, stage: Stage::Failed }),
            _ => None,
        };
        let trial = trial.or_else(|| Slot::ALL.into_iter().find_map(failed));
        let next = state.choose(None).order.first().copied().unwrap_or(state.default);
        Self { default: state.default, next, trial }
    }
}

impl fmt::Display for BootPlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.next;
        match self.trial {
            None => write!(out, "slot {next} starts next"),
            Some(Trial { slot, stage: Stage::Pending }) if slot == next => {
                write!(out, "slot {next} starts next, on trial")
            }
            Some(Trial { slot, stage: Stage::Running }) => {
                write!(
                    out,
                    "slot {slot} is running on trial; unless it is confirmed, slot {next} starts next"
                )
            }
            Some(Trial { slot, stage: Stage::GaveWay }) => {
                write!(out, "slot {slot} gave way, since it never reported health; slot {next} starts next")
            }
            Some(Trial { slot, stage: Stage::RolledBack }) => {
                write!(out, "slot {slot} was rolled back during its trial; slot {next} starts next")
            }
            Some(Trial { slot, .. }) => {
                write!(out, "the trial of slot {slot} failed: it was not confirmed; slot {next} starts next")
            }
        }
    }
}
