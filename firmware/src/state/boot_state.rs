//! The boot state itself, independent of how it is stored.

use semver::Version;

use crate::slot::Slot;

/// The number of boots in which a slot must prove itself after an update.
pub const TRIES: u8 = 1;

/// Whether the content of a slot is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// It is being written, writing it failed, or its condition is unknown.
    Bad,
    /// It is exactly what was signed, or what the factory wrote.
    Good,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootState {
    /// The slot that boots unless there is a trial or a key is pressed.
    pub default: Slot,
    /// The trial, if there is one.
    pub trial: Option<Trial>,
    /// The marks of slots 1 and 2.
    pub marks: [Mark; 2],
    /// The lowest version that may be installed: the highest that was ever confirmed.
    pub floor: Option<Version>,
    /// The digests of the contents of slots 1 and 2, if known.
    pub digests: [Option<Digest>; 2],
}

impl BootState {
    /// The state of a disk as it leaves the factory: the `written` slots are good and have this `digest`.
    pub fn factory(default: Slot, written: [bool; 2], digest: Option<Digest>) -> Self {
        let mark = |written| if written { Mark::Good } else { Mark::Bad };
        Self {
            default,
            trial: None,
            marks: written.map(mark),
            floor: None,
            digests: written.map(|written| digest.filter(|_| written)),
        }
    }

    /// The state after both copies are lost: the running slot is good because it runs. Nothing else is known.
    pub fn recovered(running: Slot) -> Self {
        Self::factory(running, Slot::ALL.map(|slot| slot == running), None)
    }

    /// The mark of `slot`.
    pub fn mark(&self, slot: Slot) -> Mark {
        self.marks[slot.index()]
    }

    /// The digest of the content of `slot`, if known.
    pub fn digest(&self, slot: Slot) -> Option<Digest> {
        self.digests[slot.index()]
    }
}
