//! Boot states for tests.

use proptest::prelude::*;
use semver::Version;

use super::boot_state::{BootState, Mark, Trial};
use crate::slot::Slot;

pub fn slots() -> impl Strategy<Value = Slot> {
    prop::sample::select(Slot::ALL.as_slice())
}

fn marks() -> impl Strategy<Value = Mark> {
    prop_oneof![Just(Mark::Bad), Just(Mark::Good)]
}

fn trials() -> impl Strategy<Value = Option<Trial>> {
    prop::option::of((slots(), 0..4_u8).prop_map(|(slot, tries)| Trial { slot, tries }))
}

/// Any state, whether reachable or not.
pub fn states() -> impl Strategy<Value = BootState> {
    let digest = || prop::option::of(prop::array::uniform32(1..=255_u8));
    let floor =
        prop::option::of((0..9_u64, 0..9_u64).prop_map(|(major, minor)| Version::new(major, minor, 0)));
    (slots(), trials(), marks(), marks(), floor, digest(), digest()).prop_map(
        |(default, trial, one, two, floor, first, second)| BootState {
            default,
            trial,
            marks: [one, two],
            floor,
            digests: [first, second],
        },
    )
}

/// A unit as it leaves the factory, with the same system in both slots.
pub fn factory() -> BootState {
    BootState::factory(Slot::First, [true; 2], Some([7; 32]))
}
