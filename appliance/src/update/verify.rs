//! `sluice update verify`: whether a slot still holds what was installed there.

use std::fmt;

use bsd_disk::units::Sectors;
use firmware::bundle::{CHUNK_SECTORS, ImageDigest};
use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, Slot, SlotHeader};

use super::error::{DIFFERS, DONE, NOT_KNOWN, UpdateError};
use super::record::Record;
use super::storage::Storage;
use super::unit::{Access, Unit};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte.
    Holds,
    /// Something else.
    Differs,
    /// The boot state has no digest of it: it is being written, or was not written by this system.
    NotKnown,
}

impl Verdict {
    /// Its exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Holds => DONE,
            Self::Differs => DIFFERS,
            Self::NotKnown => NOT_KNOWN,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Holds => "holds what was installed",
            Self::Differs => "does not hold what was installed",
            Self::NotKnown => "it is not known what it should hold",
        })
    }
}

/// Reads all of `slot`.
///
/// # Errors
/// The slot or the boot state cannot be read.
pub fn verify<U: Unit>(unit: &U, slot: Slot) -> Result<Verdict, UpdateError> {
    let record = Record::open(unit.state(Access::Read)?, unit.running()?)?;
    let Some(expected) = record.state().digest(slot) else { return Ok(Verdict::NotKnown) };
    let failed = |error| UpdateError::SlotDevice { slot, error };
    let mut slice = unit.slice(slot, Access::Read)?;
    let mut header = [0; HEADER_BYTES];
    slice.read_at(HEADER_SECTOR, &mut header).map_err(failed)?;
    // How long the image is only its header says; one that cannot be believed was not installed so.
    let size = SlotHeader::decode(&header).map(|header| header.size).unwrap_or_default();
    if size.is_zero() || size > slice.size() {
        return Ok(Verdict::Differs);
    }
    let mut digest = ImageDigest::new();
    let mut raw = vec![0; Sectors(CHUNK_SECTORS.into()).bytes() as usize];
    let mut at = Sectors::ZERO;
    while let Some(left) = size.checked_sub(at).filter(|left| !left.is_zero()) {
        let part = left.min(Sectors(CHUNK_SECTORS.into()));
        let raw = &mut raw[..part.bytes() as usize];
        slice.read_at(at, raw).map_err(failed)?;
        digest.add(raw);
        at += part;
    }
    Ok(if digest.finish() == expected { Verdict::Holds } else { Verdict::Differs })
}
