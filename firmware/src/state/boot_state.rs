//! The boot state itself, independent of how it is stored.

use semver::Version;

use crate::revocations::Revocations;
use crate::slot::Slot;

/// The number of boots in which a slot must prove itself after an update.
pub const TRIES: u8 = 1;

/// The number of starts in a row after which a default slot that never reported health gives way to the other one.
///
/// A unit with an unreliable power supply must not lose its system to a few interrupted boots; a unit whose system is
/// broken must be back within minutes.
pub const STARTS: u8 = 5;

/// The most digests of failed releases that a record stores; a further one replaces the oldest.
pub const FAILED_MAX: usize = 4;

/// What is known about the content of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// It is being written, writing it failed, or its condition is unknown.
    Bad,
    /// It is exactly what was signed, and has not proved itself on this unit.
    Untried,
    /// It has proved itself: it was confirmed here, or the factory wrote it.
    Good,
    /// It is complete and has failed on this unit.
    Failed(Failure),
}

impl Mark {
    /// Whether the slot contains a complete system that may be started: it is neither bad nor failed.
    pub fn is_startable(self) -> bool {
        matches!(self, Self::Untried | Self::Good)
    }
}

/// How the system in a slot has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It was started on trial and never confirmed.
    Unconfirmed,
    /// It was running on trial and was rolled back.
    RolledBack,
    /// It was the default, and was started [`BootState::limit`] times without reporting health.
    NeverHealthy,
}

/// The trial of a slot that must prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trial {
    /// The slot on trial.
    pub slot: Slot,
    /// The boots left. With 0, the last one is running or has failed.
    pub tries: u8,
}

/// The digest that identifies the content of a slot: SHA-256 over the SHA-256 of each of its chunks.
pub type Digest = [u8; 32];

/// Which slot boots, and what is known about both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BootState {
    /// The slot that boots unless there is a trial or a key is pressed.
    pub default: Slot,
    /// The trial, if there is one.
    pub trial: Option<Trial>,
    /// The marks of slots 1 and 2.
    pub marks: [Mark; 2],
    /// The starts of the default slot since it last reported health, at most [`BootState::limit`].
    pub starts: u8,
    /// The number of starts without health after which the default slot gives way; 0 if it never does.
    pub limit: u8,
    /// Whether the default slot may give way to the other one, which is good and not below the version floor and the key
    /// epoch.
    pub fallback: bool,
    /// The lowest version that may be installed.
    pub floor: Option<Version>,
    /// The digests of the contents of slots 1 and 2, if known.
    pub digests: [Option<Digest>; 2],
    /// The releases that have failed on this unit and are in no slot any more, the oldest first; at most [`FAILED_MAX`].
    pub failed: Vec<Digest>,
    /// What the releases that have proved themselves have withdrawn from those who sign updates: keys that are trusted no
    /// more, whatever a slot contains, and the lowest key epoch that may be installed.
    pub revocations: Revocations,
}

impl BootState {
    /// The state of a disk as it leaves the factory: the `written` slots are good and have this `digest`.
    pub fn factory(default: Slot, written: [bool; 2], digest: Option<Digest>) -> Self {
        let mark = |written| if written { Mark::Good } else { Mark::Bad };
        Self {
            default,
            trial: None,
            marks: written.map(mark),
            starts: 0,
            limit: STARTS,
            fallback: written == [true; 2],
            floor: None,
            digests: written.map(|written| digest.filter(|_| written)),
            failed: Vec::new(),
            revocations: Revocations::default(),
        }
    }

    /// The state after all copies are lost: the running slot is good because it runs. Nothing else is known, except that no
    /// version below `floor` was installed, and what the running release has withdrawn.
    pub fn recovered(running: Slot, floor: Option<Version>, revocations: Revocations) -> Self {
        let written = Slot::ALL.map(|slot| slot == running);
        Self { floor, revocations, ..Self::factory(running, written, None) }
    }

    /// The mark of `slot`.
    pub fn mark(&self, slot: Slot) -> Mark {
        self.marks[slot.index()]
    }

    /// The digest of the content of `slot`, if known.
    pub fn digest(&self, slot: Slot) -> Option<Digest> {
        self.digests[slot.index()]
    }

    /// Whether `slot` has a trial: pending, running or failed.
    pub fn is_on_trial(&self, slot: Slot) -> bool {
        self.trial.is_some_and(|trial| trial.slot == slot)
    }

    /// Whether the release with this digest has failed on this unit.
    pub fn has_failed(&self, digest: &Digest) -> bool {
        let in_slot = |&slot: &Slot| {
            matches!(self.mark(slot), Mark::Failed(_)) && self.digest(slot).as_ref() == Some(digest)
        };
        self.failed.contains(digest) || Slot::ALL.iter().any(in_slot)
    }
}
