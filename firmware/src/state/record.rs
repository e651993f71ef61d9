//! How the boot state is stored: one sector, whose table is in the documentation of [`crate::state`].

use bsd_disk::bytes::{array, le16, le32, put};
use bsd_disk::units::SECTOR_BYTES;
use semver::Version;

use super::boot_state::{BootState, Digest, FAILED_MAX, Failure, Mark, Trial};
use crate::checksum::checksum;
use crate::key_id::KeyId;
use crate::revocations::{REVOKED_MAX, Revocations};
use crate::slot::Slot;

/// Bytes of a record.
pub const STATE_BYTES: usize = SECTOR_BYTES as usize;

/// The first bytes of a record.
pub const MAGIC_VALUE: [u8; 8] = *b"SluiceSt";

/// The only format.
pub const FORMAT_VALUE: u16 = 1;

/// The offsets of the fields that the boot manager uses.
pub mod offset {
    /// Format version.
    pub const FORMAT: usize = 8;
    /// Bytes of the record.
    pub const LENGTH: usize = 10;
    /// Checksum.
    pub const CRC: usize = 12;
    /// Sequence number.
    pub const SEQUENCE: usize = 16;
    /// Default slot.
    pub const DEFAULT: usize = 20;
    /// Slot on trial.
    pub const TRIAL: usize = 21;
    /// Tries left.
    pub const TRIES: usize = 22;
    /// Starts of the default slot without a report of health.
    pub const STARTS: usize = 23;
    /// Mark of slot 1, followed by the mark of slot 2.
    pub const MARKS: usize = 24;
    /// Starts after which the default slot gives way.
    pub const LIMIT: usize = 26;
    /// 1 if the default slot may give way.
    pub const FALLBACK: usize = 27;
}

/// The codes of the marks.
pub mod mark {
    /// Incomplete or unknown.
    pub const BAD: u8 = 0;
    /// Complete, and never confirmed.
    pub const UNTRIED: u8 = 1;
    /// Complete, and has proved itself.
    pub const GOOD: u8 = 2;
    /// Started on trial, and never confirmed.
    pub const UNCONFIRMED: u8 = 3;
    /// Rolled back while it was running on trial.
    pub const ROLLED_BACK: u8 = 4;
    /// The default that never reported health. The highest code.
    pub const NEVER_HEALTHY: u8 = 5;
}

const MAGIC: usize = 0;
const KEY_EPOCH: usize = 28;
const FLOOR: usize = 32;
const FLOOR_BYTES: usize = 64;
const DIGESTS: usize = 96;
const DIGEST_BYTES: usize = size_of::<Digest>();
const FAILED: usize = 160;
const REVOKED: usize = 288;
const REVOKED_BYTES: usize = size_of::<KeyId>();
const REVOKED_END: usize = REVOKED + REVOKED_MAX * REVOKED_BYTES;

/// An invalid record, or a state that a record cannot store. Reports show these errors within a line, so those of reading
/// have no hint line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The input is not one sector.
    #[error(
        "reading the boot state: got {bytes} bytes, expected {STATE_BYTES} (exactly the sector of one copy)"
    )]
    Length {
        /// The length of the input.
        bytes: usize,
    },
    /// There is no boot state.
    #[error(
        "reading the boot state: no boot state found; the disk was made without Sluice's boot manager, or the state was \
         overwritten"
    )]
    Magic,
    /// The checksum is wrong.
    #[error("reading the boot state: checksum {found:#010x}, computed {computed:#010x}; the copy is damaged")]
    Checksum {
        /// The checksum in the record.
        found: u32,
        /// The checksum of the bytes found.
        computed: u32,
    },
    /// The format is newer than this code.
    #[error(
        "reading the boot state: format {found} is not supported, only {FORMAT_VALUE}; a newer release wrote it, and that \
         release is needed to read it"
    )]
    Format {
        /// The format version found.
        found: u16,
    },
    /// A field is out of range.
    #[error("reading the boot state: {field} has the invalid value {found}; the copy is damaged")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// The value found.
        found: u8,
    },
    /// The version floor is not a version.
    #[error("reading the boot state: the version floor is not a valid version; the copy is damaged")]
    Floor,
    /// The version floor does not fit the record.
    #[error("writing the boot state: the version {version} has more than {} bytes\nhint: shorten it", FLOOR_BYTES - 1)]
    FloorTooLong {
        /// The version.
        version: Version,
    },
    /// There are more entries than the record has room for.
    #[error("writing the boot state: {count} {what} do not fit, only {room}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The number of entries.
        count: usize,
        /// The most that fit.
        room: usize,
    },
}

impl Mark {
    /// The code of the mark in a record.
    const fn code(self) -> u8 {
        match self {
            Self::Bad => mark::BAD,
            Self::Untried => mark::UNTRIED,
            Self::Good => mark::GOOD,
            Self::Failed(Failure::Unconfirmed) => mark::UNCONFIRMED,
            Self::Failed(Failure::RolledBack) => mark::ROLLED_BACK,
            Self::Failed(Failure::NeverHealthy) => mark::NEVER_HEALTHY,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            mark::BAD => Self::Bad,
            mark::UNTRIED => Self::Untried,
            mark::GOOD => Self::Good,
            mark::UNCONFIRMED => Self::Failed(Failure::Unconfirmed),
            mark::ROLLED_BACK => Self::Failed(Failure::RolledBack),
            mark::NEVER_HEALTHY => Self::Failed(Failure::NeverHealthy),
            _ => return None,
        })
    }
}

impl BootState {
    /// The record of this state, with this sequence number.
    ///
    /// # Errors
    /// The version floor is too long, or there are too many failed releases or revoked keys.
    pub fn encode(&self, sequence: u32) -> Result<[u8; STATE_BYTES], StateError> {
        let mut record = [0; STATE_BYTES];
        put(&mut record, MAGIC, &MAGIC_VALUE);
        put(&mut record, offset::FORMAT, &FORMAT_VALUE.to_le_bytes());
        put(&mut record, offset::LENGTH, &(STATE_BYTES as u16).to_le_bytes());
        put(&mut record, offset::SEQUENCE, &sequence.to_le_bytes());
        record[offset::DEFAULT] = self.default.number();
        if let Some(trial) = self.trial {
            record[offset::TRIAL] = trial.slot.number();
            record[offset::TRIES] = trial.tries;
        }
        record[offset::STARTS] = self.starts;
        record[offset::LIMIT] = self.limit;
        record[offset::FALLBACK] = self.fallback.into();
        put(&mut record, KEY_EPOCH, &self.revocations.epoch.to_le_bytes());
        put_all(&mut record, FAILED, "failed releases", FAILED_MAX, &self.failed)?;
        let revoked: Vec<_> = self.revocations.keys.iter().map(|id| id.0).collect();
        put_all(&mut record, REVOKED, "revoked keys", REVOKED_MAX, &revoked)?;
        for slot in Slot::ALL {
            record[offset::MARKS + slot.index()] = self.mark(slot).code();
            if let Some(digest) = self.digest(slot) {
                put(&mut record, DIGESTS + slot.index() * DIGEST_BYTES, &digest);
            }
        }
        if let Some(version) = &self.floor {
            let text = version.to_string();
            if text.len() >= FLOOR_BYTES {
                return Err(StateError::FloorTooLong { version: version.clone() });
            }
            put(&mut record, FLOOR, text.as_bytes());
        }
        let crc = checksum(&record, offset::CRC);
        put(&mut record, offset::CRC, &crc.to_le_bytes());
        Ok(record)
    }

    /// Reads one copy and returns its sequence number and the state.
    ///
    /// # Errors
    /// There is no record, it is damaged, or its format is unknown.
    pub fn decode(record: &[u8]) -> Result<(u32, Self), StateError> {
        let record: &[u8; STATE_BYTES] =
            record.try_into().map_err(|_| StateError::Length { bytes: record.len() })?;
        if array(record, MAGIC) != MAGIC_VALUE {
            return Err(StateError::Magic);
        }
        let (found, computed) = (le32(record, offset::CRC), checksum(record, offset::CRC));
        if found != computed {
            return Err(StateError::Checksum { found, computed });
        }
        let (format, length) = (le16(record, offset::FORMAT), le16(record, offset::LENGTH));
        if format != FORMAT_VALUE || usize::from(length) != STATE_BYTES {
            return Err(StateError::Format { found: format });
        }
        let field = |field, at: usize| StateError::Field { field, found: record[at] };
        let slot = |name, at: usize| Slot::from_number(record[at]).ok_or(field(name, at));
        let trial = match record[offset::TRIAL] {
            0 => None,
            _ => {
                Some(Trial { slot: slot("the slot on trial", offset::TRIAL)?, tries: record[offset::TRIES] })
            }
        };
        let mark = |at: usize| Mark::from_code(record[at]).ok_or(field("the mark of a slot", at));
        let digest = |at: usize| Some(array(record, at)).filter(is_set);
        let state = Self {
            default: slot("the default slot", offset::DEFAULT)?,
            trial,
            marks: [mark(offset::MARKS)?, mark(offset::MARKS + 1)?],
            starts: record[offset::STARTS],
            limit: record[offset::LIMIT],
            fallback: record[offset::FALLBACK] == 1,
            floor: floor(&record[FLOOR..FLOOR + FLOOR_BYTES])?,
            digests: [digest(DIGESTS), digest(DIGESTS + DIGEST_BYTES)],
            failed: all(&record[FAILED..REVOKED]),
            revocations: Revocations {
                epoch: le32(record, KEY_EPOCH),
                keys: all(&record[REVOKED..REVOKED_END]).into_iter().map(KeyId).collect(),
            },
        };
        Ok((le32(record, offset::SEQUENCE), state))
    }
}

/// Whether a copy with sequence number `a` was written after one with sequence number `b`.
pub fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// Writes `entries` from `at` on.
fn put_all<const N: usize>(
    record: &mut [u8],
    at: usize,
    what: &'static str,
    room: usize,
    entries: &[[u8; N]],
) -> Result<(), StateError> {
    if entries.len() > room {
        return Err(StateError::TooMany { what, count: entries.len(), room });
    }
    put(record, at, entries.as_flattened());
    Ok(())
}

/// The entries of a field; those that are all zero are unused.
fn all<const N: usize>(field: &[u8]) -> Vec<[u8; N]> {
    field.as_chunks().0.iter().copied().filter(is_set).collect()
}

fn is_set<const N: usize>(entry: &[u8; N]) -> bool {
    entry.iter().any(|&byte| byte != 0)
}

/// The version in the floor's field, if it is not empty.
fn floor(field: &[u8]) -> Result<Option<Version>, StateError> {
    let end = field.iter().position(|&byte| byte == 0).ok_or(StateError::Floor)?;
    if end == 0 {
        return Ok(None);
    }
    let text = str::from_utf8(&field[..end]).map_err(|_| StateError::Floor)?;
    Version::parse(text).map(Some).map_err(|_| StateError::Floor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{factory, states};
    use super::*;

    #[test]
    fn the_record_has_the_documented_layout() {
        let mut state = factory();
        state.trial = Some(Trial { slot: Slot::Second, tries: 3 });
        state.marks = [Mark::Good, Mark::Failed(Failure::RolledBack)];
        state.starts = 4;
        state.floor = Some(Version::new(1, 2, 3));
        state.failed = vec![[5; 32], [6; 32]];
        state.revocations = Revocations { epoch: 0x0708_090a, keys: vec![KeyId(*b"KEYIDENT")] };
        let record = state.encode(0x0102_0304).unwrap();
        assert_eq!(record[..12], *b"SluiceSt\x01\0\0\x02");
        assert_eq!(record[16..32], [4, 3, 2, 1, 1, 2, 3, 4, 2, 4, 5, 1, 10, 9, 8, 7]);
        assert_eq!(record[32..38], *b"1.2.3\0");
        assert_eq!(record[96..160], [7; 64]);
        assert_eq!(record[160..192], [5; 32]);
        assert_eq!(record[192..224], [6; 32]);
        assert_eq!(record[224..288], [0; 64]);
        assert_eq!(record[288..296], *b"KEYIDENT");
        assert_eq!(record[296..], [0; 216]);
        // GEOM takes a sector that ends in these bytes for an MBR.
        assert_ne!(record[510..], [0x55, 0xaa]);
        assert_eq!(BootState::decode(&record).unwrap(), (0x0102_0304, state));
    }

    #[test]
    fn each_defect_is_named() {
        let good = factory().encode(1).unwrap();
        let broken = |at: usize, value: u8| {
            let mut record = good;
            record[at] = value;
            let crc = checksum(&record, offset::CRC);
            put(&mut record, offset::CRC, &crc.to_le_bytes());
            BootState::decode(&record).unwrap_err()
        };
        assert_eq!(broken(0, b'X'), StateError::Magic);
        assert_eq!(broken(offset::FORMAT, 2), StateError::Format { found: 2 });
        assert_eq!(broken(offset::DEFAULT, 3), StateError::Field { field: "the default slot", found: 3 });
        assert_eq!(broken(offset::DEFAULT, 0), StateError::Field { field: "the default slot", found: 0 });
        assert_eq!(broken(offset::TRIAL, 9), StateError::Field { field: "the slot on trial", found: 9 });
        assert_eq!(broken(offset::MARKS + 1, 6), StateError::Field { field: "the mark of a slot", found: 6 });
        assert_eq!(broken(FLOOR, b'v'), StateError::Floor);
        let mut flipped = good;
        flipped[300] ^= 1;
        assert!(matches!(BootState::decode(&flipped), Err(StateError::Checksum { .. })));
        assert_eq!(BootState::decode(&good[1..]), Err(StateError::Length { bytes: 511 }));
        let long = Version::parse(&format!("1.0.0-{}", "x".repeat(60))).unwrap();
        let long = BootState { floor: Some(long.clone()), ..factory() }.encode(1);
        assert!(matches!(long, Err(StateError::FloorTooLong { .. })));
        let many = BootState { failed: vec![[1; 32]; FAILED_MAX + 1], ..factory() }.encode(1);
        assert_eq!(many, Err(StateError::TooMany { what: "failed releases", count: 5, room: 4 }));
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        for (a, b, later) in
            [(2, 1, true), (1, 2, false), (1, 1, false), (0, u32::MAX, true), (u32::MAX, 0, false)]
        {
            assert_eq!(is_later(a, b), later, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn a_state_is_read_back_unchanged(state in states(), sequence: u32) {
            prop_assert_eq!(BootState::decode(&state.encode(sequence).unwrap()).unwrap(), (sequence, state));
        }

        #[test]
        fn a_record_with_a_flipped_bit_is_refused(state in states(), bit in 0..STATE_BYTES * 8) {
            let mut record = state.encode(9).unwrap();
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(BootState::decode(&record).is_err());
        }

        #[test]
        fn garbage_is_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..600), crc: bool) {
            let mut noise = noise;
            if crc && noise.len() >= STATE_BYTES {
                noise.truncate(STATE_BYTES);
                put(&mut noise, MAGIC, &MAGIC_VALUE);
                put(&mut noise, offset::FORMAT, &[1, 0, 0, 2]);
                let record: [u8; STATE_BYTES] = noise.clone().try_into().unwrap();
                put(&mut noise, offset::CRC, &checksum(&record, offset::CRC).to_le_bytes());
            }
            let _ = BootState::decode(&noise);
        }
    }
}
