//! The version in a slot, according to its header.

use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};
use semver::Version;

use super::unit::Unit;
use crate::disk::{Access, Storage};

/// The version in the header of `slot`; `None` if the header cannot be read or is not valid.
pub fn slot_version<U: Unit>(unit: &U, slot: Slot) -> Option<Version> {
    let mut header = [0; HEADER_BYTES];
    unit.slice(slot, Access::Read).ok()?.read_at(HEADER_SECTOR, &mut header).ok()?;
    Version::parse(&SlotHeader::decode(&header).ok()?.version).ok()
}
