//! The releases in the slots, as far as the transitions need them.

use semver::Version;

use crate::revocations::Revocations;

/// What the running release says of itself.
#[derive(Clone, Debug)]
pub struct RunningRelease {
    /// Its version.
    pub version: Version,
    /// What it withdraws from those who sign updates.
    pub revocations: Revocations,
    /// The version floors, as text, that it lowers to its own version.
    pub lowers_floors: Vec<String>,
}

/// What the header of the other slot says of the release in it.
#[derive(Clone, Debug)]
pub struct OtherRelease {
    /// Its version.
    pub version: Version,
    /// Its key epoch.
    pub key_epoch: u32,
}

/// The releases in both slots.
#[derive(Clone, Debug)]
pub struct Releases {
    /// The release that is running.
    pub running: RunningRelease,
    /// The release in the other slot, if its header can be read.
    pub other: Option<OtherRelease>,
}

impl Releases {
    /// A running release of this version that changes no keys, with nothing known of the other slot.
    pub fn alone(version: Version) -> Self {
        let (revocations, lowers_floors) = (Revocations::default(), Vec::new());
        Self { running: RunningRelease { version, revocations, lowers_floors }, other: None }
    }
}
