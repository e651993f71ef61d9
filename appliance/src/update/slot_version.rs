//! The release in a slot, according to its header.

use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};
use firmware::state::OtherRelease;
use semver::Version;

use super::unit::Unit;
use crate::disk::{Access, Storage};

/// The version in the header of `slot`; `None` if the header cannot be read or is not valid.
pub fn slot_version<U: Unit>(unit: &U, slot: Slot) -> Option<Version> {
    slot_release(unit, slot).map(|release| release.version)
}

/// The release in the header of `slot`; `None` if the header cannot be read or is not valid.
pub fn slot_release<U: Unit>(unit: &U, slot: Slot) -> Option<OtherRelease> {
    let mut header = [0; HEADER_BYTES];
    unit.slice(slot, Access::Read).ok()?.read_at(HEADER_SECTOR, &mut header).ok()?;
    let SlotHeader { version, key_epoch, .. } = SlotHeader::decode(&header).ok()?;
    Some(OtherRelease { version: Version::parse(&version).ok()?, key_epoch })
}
