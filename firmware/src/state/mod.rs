//! Boot state: which slot starts, and whether it is on trial.
//!
//! The MBR is written once, in the factory; what changes lies here, in two copies of one sector in the reserved first
//! 64 KiB of the `/cfg` slice ([`crate::layout::CFG_RESERVED`]), which no file system touches. The boot manager reads both,
//! goes by the newer one that is whole, and changes one thing only: it takes a try from a trial before it hands over.
//!
//! One record, all numbers little-endian:
//!
//! | offset | bytes | what                                                                                  |
//! |-------:|------:|---------------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceSt`                                                                      |
//! |      8 |     2 | format version, 1                                                                     |
//! |     10 |     2 | bytes that the checksum covers, 512                                                   |
//! |     12 |     4 | CRC-32 (IEEE 802.3) of the sector, these four bytes taken as zero                     |
//! |     16 |     4 | sequence number: of two copies the later is the one whose number is ahead, modulo 2^32 |
//! |     20 |     1 | default slot, 1 or 2                                                                  |
//! |     21 |     1 | slot on trial, 1 or 2; 0 for none                                                     |
//! |     22 |     1 | tries that the trial has left                                                         |
//! |     23 |     1 | zero                                                                                  |
//! |     24 |     2 | mark of slot 1 and of slot 2: 0 bad, 1 good                                            |
//! |     26 |     6 | zero                                                                                  |
//! |     32 |    64 | version floor, ended by a NUL and filled up with NULs; empty for none                 |
//! |     96 |    64 | digest of what slot 1 holds, then of slot 2; all zero for not known                   |
//! |    160 |   352 | zero                                                                                  |
//!
//! Format 1 is for ever: a boot manager that left the factory with it never learns another. Bytes that are zero now may
//! get a meaning in which zero says "not told"; whoever writes a record keeps none of them that it does not know, as the
//! boot manager does, which copies the sector and changes tries, sequence and checksum.
//!
//! Three parts, each about one thing: the record is here, [`transition`] says what an update changes in it, [`choice`] what
//! the boot manager makes of it, and [`store`] is the one writer.

pub mod choice;
pub mod store;
pub mod transition;

use semver::Version;

use crate::slot::Slot;
use bsd_disk::bytes::{array, le16, le32, put};
use bsd_disk::units::{SECTOR_BYTES, Sectors};

/// Where the two copies lie, from the start of the `/cfg` slice: 32 KiB apart, so that they share no page of the flash and
/// hardly an erase block.
pub const COPIES: [Sectors; 2] = [Sectors(32), Sectors(96)];

/// Bytes of a record.
pub const STATE_BYTES: usize = SECTOR_BYTES as usize;

/// The first bytes of a record.
pub const MAGIC_VALUE: [u8; 8] = *b"SluiceSt";

/// Boots that a slot gets to prove itself after an update.
pub const TRIES: u8 = 1;

/// The only format.
pub const FORMAT_VALUE: u16 = 1;

/// Where the fields stand, for the boot manager.
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
    /// Mark of slot 1; that of slot 2 follows.
    pub const MARKS: usize = 24;
}

const MAGIC: usize = 0;
const FLOOR: usize = 32;
const FLOOR_BYTES: usize = 64;
const DIGESTS: usize = 96;
const DIGEST_BYTES: usize = 32;

/// Whether what a slot holds was written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// It is being written, or the writing failed, or nobody knows.
    Bad,
    /// It is what was signed, or what the factory wrote.
    Good,
}

/// A slot that has to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trial {
    /// Which.
    pub slot: Slot,
    /// Boots that it has left. With 0 it runs its last one, or has had it in vain.
    pub tries: u8,
}

/// What identifies the content of a slot: SHA-256 over its chunks' SHA-256.
pub type Digest = [u8; DIGEST_BYTES];

/// The boot state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootState {
    /// The slot that starts when nothing else is said.
    pub default: Slot,
    /// The slot on trial.
    pub trial: Option<Trial>,
    /// The marks of slot 1 and 2.
    pub marks: [Mark; 2],
    /// The least version that may be installed: the highest that was ever confirmed.
    pub floor: Option<Version>,
    /// What slot 1 and 2 hold, where it is known.
    pub digests: [Option<Digest>; 2],
}

/// Why a sector is no boot state, or a state does not go into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Not one sector.
    #[error(
        "reading the boot state: {bytes} bytes were given, a copy has {STATE_BYTES}; give that sector and no more"
    )]
    Length {
        /// How many were given.
        bytes: usize,
    },
    /// No state here.
    #[error(
        "reading the boot state: there is none; the disk was not made with Sluice's boot manager, or it is overwritten"
    )]
    Magic,
    /// The checksum does not hold.
    #[error("reading the boot state: checksum {found:#010x}, computed {computed:#010x}; the copy is damaged")]
    Checksum {
        /// What the record says.
        found: u32,
        /// What it should say.
        computed: u32,
    },
    /// A format of the future.
    #[error(
        "reading the boot state: format {found}, known is {FORMAT_VALUE}; a newer release wrote it, use that release"
    )]
    Format {
        /// The version found.
        found: u16,
    },
    /// A field out of its range.
    #[error("reading the boot state: {field} is {found}, which means nothing; the copy is damaged")]
    Field {
        /// Its name.
        field: &'static str,
        /// What was found.
        found: u8,
    },
    /// A floor that is no version.
    #[error("reading the boot state: the version floor is no version; the copy is damaged")]
    Floor,
    /// A floor that the record cannot hold.
    #[error("writing the boot state: the version {version} has more than {} bytes; shorten it", FLOOR_BYTES - 1)]
    FloorTooLong {
        /// The version.
        version: Version,
    },
}

impl BootState {
    /// A disk as it leaves the factory: slots that were written hold what the factory wrote.
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

    /// What can be said when both copies are lost: the running slot is good, for it runs. Nothing else is known.
    pub fn recovered(running: Slot) -> Self {
        Self::factory(running, Slot::ALL.map(|slot| slot == running), None)
    }

    /// The mark of `slot`.
    pub fn mark(&self, slot: Slot) -> Mark {
        self.marks[slot.index()]
    }

    /// What `slot` holds, where that is known.
    pub fn digest(&self, slot: Slot) -> Option<Digest> {
        self.digests[slot.index()]
    }

    /// The record, with this sequence number.
    ///
    /// # Errors
    /// The floor is too long.
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
        for slot in Slot::ALL {
            record[offset::MARKS + slot.index()] = u8::from(self.mark(slot) == Mark::Good);
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
        let crc = checksum(&record);
        put(&mut record, offset::CRC, &crc.to_le_bytes());
        Ok(record)
    }

    /// Reads one copy: its sequence number and the state.
    ///
    /// # Errors
    /// There is none, it is damaged, or of a format of the future.
    pub fn decode(record: &[u8]) -> Result<(u32, Self), StateError> {
        let record: &[u8; STATE_BYTES] =
            record.try_into().map_err(|_| StateError::Length { bytes: record.len() })?;
        if array(record, MAGIC) != MAGIC_VALUE {
            return Err(StateError::Magic);
        }
        let (found, computed) = (le32(record, offset::CRC), checksum(record));
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
        let mark = |at: usize| match record[at] {
            0 => Ok(Mark::Bad),
            1 => Ok(Mark::Good),
            _ => Err(field("the mark of a slot", at)),
        };
        let digest = |at: usize| {
            Some(array(record, at)).filter(|digest: &Digest| digest.iter().any(|&byte| byte != 0))
        };
        let state = Self {
            default: slot("the default slot", offset::DEFAULT)?,
            trial,
            marks: [mark(offset::MARKS)?, mark(offset::MARKS + 1)?],
            floor: floor(&record[FLOOR..FLOOR + FLOOR_BYTES])?,
            digests: [digest(DIGESTS), digest(DIGESTS + DIGEST_BYTES)],
        };
        Ok((le32(record, offset::SEQUENCE), state))
    }
}

/// Whether a copy with the number `a` was written after one with the number `b`.
pub fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// The version in a text field.
fn floor(field: &[u8]) -> Result<Option<Version>, StateError> {
    let end = field.iter().position(|&byte| byte == 0).ok_or(StateError::Floor)?;
    if end == 0 {
        return Ok(None);
    }
    let text = str::from_utf8(&field[..end]).map_err(|_| StateError::Floor)?;
    Version::parse(text).map(Some).map_err(|_| StateError::Floor)
}

/// The CRC-32 of the record, with its own field taken as zero.
fn checksum(record: &[u8; STATE_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..offset::CRC]);
    hasher.update(&[0; 4]);
    hasher.update(&record[offset::CRC + 4..]);
    hasher.finalize()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn slots() -> impl Strategy<Value = Slot> {
        prop::sample::select(Slot::ALL.as_slice())
    }

    fn marks() -> impl Strategy<Value = Mark> {
        prop_oneof![Just(Mark::Bad), Just(Mark::Good)]
    }

    fn trials() -> impl Strategy<Value = Option<Trial>> {
        prop::option::of((slots(), 0..4_u8).prop_map(|(slot, tries)| Trial { slot, tries }))
    }

    /// Any state at all, reachable or not.
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

    /// A unit whose slots both hold 1.0.0, fresh from the factory.
    pub fn factory() -> BootState {
        BootState::factory(Slot::First, [true; 2], Some([7; 32]))
    }

    #[test]
    fn the_record_is_as_the_table_says() {
        let mut state = factory();
        state.trial = Some(Trial { slot: Slot::Second, tries: 3 });
        state.marks = [Mark::Good, Mark::Bad];
        state.floor = Some(Version::new(1, 2, 3));
        let record = state.encode(0x0102_0304).unwrap();
        assert_eq!(record[..12], *b"SluiceSt\x01\0\0\x02");
        assert_eq!(record[16..32], [4, 3, 2, 1, 1, 2, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record[32..38], *b"1.2.3\0");
        assert_eq!(record[96..160], [7; 64]);
        assert_eq!(record[160..], [0; 352]);
        // GEOM takes a sector that ends so for an MBR.
        assert_ne!(record[510..], [0x55, 0xaa]);
        assert_eq!(BootState::decode(&record).unwrap(), (0x0102_0304, state));
    }

    #[test]
    fn each_defect_has_its_name() {
        let good = factory().encode(1).unwrap();
        let broken = |at: usize, value: u8| {
            let mut record = good;
            record[at] = value;
            let crc = checksum(&record);
            put(&mut record, offset::CRC, &crc.to_le_bytes());
            BootState::decode(&record).unwrap_err()
        };
        assert_eq!(broken(0, b'X'), StateError::Magic);
        assert_eq!(broken(offset::FORMAT, 2), StateError::Format { found: 2 });
        assert_eq!(broken(offset::DEFAULT, 3), StateError::Field { field: "the default slot", found: 3 });
        assert_eq!(broken(offset::DEFAULT, 0), StateError::Field { field: "the default slot", found: 0 });
        assert_eq!(broken(offset::TRIAL, 9), StateError::Field { field: "the slot on trial", found: 9 });
        assert_eq!(broken(offset::MARKS + 1, 2), StateError::Field { field: "the mark of a slot", found: 2 });
        assert_eq!(broken(FLOOR, b'v'), StateError::Floor);
        let mut flipped = good;
        flipped[300] ^= 1;
        assert!(matches!(BootState::decode(&flipped), Err(StateError::Checksum { .. })));
        assert_eq!(BootState::decode(&good[1..]), Err(StateError::Length { bytes: 511 }));
        let long = Version::parse(&format!("1.0.0-{}", "x".repeat(60))).unwrap();
        let long = BootState { floor: Some(long.clone()), ..factory() }.encode(1);
        assert!(matches!(long, Err(StateError::FloorTooLong { .. })));
    }

    #[test]
    fn the_sequence_goes_on_past_its_end() {
        for (a, b, later) in
            [(2, 1, true), (1, 2, false), (1, 1, false), (0, u32::MAX, true), (u32::MAX, 0, false)]
        {
            assert_eq!(is_later(a, b), later, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn a_state_comes_back_as_it_was(state in states(), sequence: u32) {
            prop_assert_eq!(BootState::decode(&state.encode(sequence).unwrap()).unwrap(), (sequence, state));
        }

        #[test]
        fn a_flipped_bit_is_never_a_state(state in states(), bit in 0..STATE_BYTES * 8) {
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
                put(&mut noise, offset::CRC, &checksum(&record).to_le_bytes());
            }
            let _ = BootState::decode(&noise);
        }
    }
}
