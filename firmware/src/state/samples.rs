//! Boot states for tests.

use proptest::prelude::*;
use semver::Version;

use super::boot_state::{BootState, FAILED_MAX, Failure, Mark, Trial};
use super::releases::{OtherRelease, Releases};
use crate::key_id::KeyId;
use crate::revocations::{REVOKED_MAX, Revocations};
use crate::slot::Slot;

pub fn slots() -> impl Strategy<Value = Slot> {
    prop::sample::select(Slot::ALL.as_slice())
}

fn marks() -> impl Strategy<Value = Mark> {
    let failure =
        prop_oneof![Just(Failure::Unconfirmed), Just(Failure::RolledBack), Just(Failure::NeverHealthy)];
    prop_oneof![Just(Mark::Bad), Just(Mark::Untried), Just(Mark::Good), failure.prop_map(Mark::Failed)]
}

fn trials() -> impl Strategy<Value = Option<Trial>> {
    prop::option::of((slots(), 0..4_u8).prop_map(|(slot, tries)| Trial { slot, tries }))
}

/// Any state, whether reachable or not.
pub fn states() -> impl Strategy<Value = BootState> {
    let digest = || prop::array::uniform32(1..=255_u8);
    let digests = || prop::option::of(digest());
    let floor =
        prop::option::of((0..9_u64, 0..9_u64).prop_map(|(major, minor)| Version::new(major, minor, 0)));
    let choice = (slots(), trials(), [marks(), marks()], any::<u8>(), any::<u8>(), any::<bool>());
    let releases = (floor, [digests(), digests()], prop::collection::vec(digest(), 0..=FAILED_MAX));
    let key = prop::array::uniform8(1..=255_u8).prop_map(KeyId);
    let keys = (any::<u32>(), prop::collection::vec(key, 0..=REVOKED_MAX));
    (choice, releases, keys).prop_map(
        |((default, trial, marks, starts, limit, fallback), (floor, digests, failed), (epoch, keys))| {
            BootState {
                default,
                trial,
                marks,
                starts,
                limit,
                fallback,
                floor,
                digests,
                failed,
                revocations: Revocations { epoch, keys },
            }
        },
    )
}

/// A unit as it leaves the factory, with the same system in both slots.
pub fn factory() -> BootState {
    BootState::factory(Slot::First, [true; 2], Some([7; 32]))
}

/// The version that is written so.
pub fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// A running release and the one in the other slot, which change no keys.
pub fn releases(running: &str, other: &str) -> Releases {
    let other = Some(OtherRelease { version: version(other), key_epoch: 0 });
    Releases { other, ..Releases::alone(version(running)) }
}
