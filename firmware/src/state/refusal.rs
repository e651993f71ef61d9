//! Transitions that are refused, and why.

use super::boot_state::{Failure, Mark};
use crate::slot::Slot;

/// A transition that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The running slot cannot be written.
    #[error("slot {0} is running; only the other slot can be written")]
    Running(Slot),
    /// The running slot is on trial, so the other slot is the only one known to work.
    #[error(
        "slot {0} is running on trial, and the unit falls back to the other slot\nhint: keep the running system with `sluice \
         update confirm`, or discard it with `sluice update rollback`"
    )]
    OnTrial(Slot),
    /// The running slot has not proved itself, and the other one would be overwritten.
    #[error(
        "the running slot {slot} {}, and would be the only one left\nhint: reboot into slot {}, or run `sluice update activate \
         {slot}` if the running system works", mark.described(), slot.other()
    )]
    Unproven {
        /// The running slot.
        slot: Slot,
        /// Its mark.
        mark: Mark,
    },
    /// The running slot is neither on trial nor the default.
    #[error(
        "slot {slot} {}; it is not on trial, and slot {} starts next\nhint: if the running system works, keep it with `sluice \
         update activate {slot}`", mark.described(), slot.other()
    )]
    NotOnTrial {
        /// The running slot.
        slot: Slot,
        /// Its mark.
        mark: Mark,
    },
    /// There is no trial, and another slot than the running one starts next already.
    #[error(
        "there is nothing to roll back: slot {next} starts next already\nhint: reboot, or run `sluice update activate {}` to \
         keep the running system", next.other()
    )]
    AlreadyRolledBack {
        /// The slot that starts next.
        next: Slot,
    },
    /// There is no trial, and the other slot has not proved itself.
    #[error(
        "there is nothing to roll back to: slot {slot} {}\nhint: `sluice update activate {slot}` starts it on trial",
        mark.described()
    )]
    NothingToRollBack {
        /// The slot that is not running.
        slot: Slot,
        /// Its mark.
        mark: Mark,
    },
    /// The slot is marked bad and must not be booted.
    #[error("slot {0} is marked bad: its last update did not complete\nhint: install the update again")]
    Bad(Slot),
    /// The system in the slot is older than the version floor.
    #[error(
        "the release in slot {0} is older than the version floor of this unit\nhint: install a release that is not; \
         `sluice update status` shows the floor"
    )]
    BelowFloor(Slot),
    /// The system in the slot has failed on this unit.
    #[error(
        "slot {slot} {}\nhint: install another release, or add `--again` to try this one again",
        Mark::Failed(*failure).described()
    )]
    Failed {
        /// The slot.
        slot: Slot,
        /// How it failed.
        failure: Failure,
    },
}

impl Mark {
    /// The mark as the predicate of a sentence about the slot.
    pub fn described(self) -> &'static str {
        match self {
            Self::Bad => "is marked bad",
            Self::Untried => "has not proved itself",
            Self::Good => "is good",
            Self::Failed(Failure::Unconfirmed) => "failed its trial: it was started and never confirmed",
            Self::Failed(Failure::RolledBack) => "failed its trial: it was rolled back",
            Self::Failed(Failure::NeverHealthy) => {
                "gave way: it was started repeatedly and never reported health"
            }
        }
    }
}
