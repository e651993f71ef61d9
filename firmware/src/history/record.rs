//! One record of the history, whose table is in the documentation of [`crate::history`].

use bsd_disk::bytes::{array, le16, le32, le64, put};
use bsd_disk::units::SECTOR_BYTES;

use super::event::Event;
use crate::checksum::checksum;
use crate::slot::Slot;
use crate::state::Digest;

/// Bytes of a record.
pub const RECORD_BYTES: usize = SECTOR_BYTES as usize;

const MAGIC_VALUE: [u8; 8] = *b"SluiceHi";
const FORMAT_VALUE: u16 = 1;

const MAGIC: usize = 0;
const FORMAT: usize = 8;
const LENGTH: usize = 10;
const CRC: usize = 12;
const SEQUENCE: usize = 16;
const EVENT: usize = 20;
const SLOT: usize = 21;
const RESULT: usize = 22;
const TIME: usize = 24;
const UPTIME: usize = 32;
const VERSION: usize = 64;
const VERSION_BYTES: usize = 64;
const DIGEST: usize = 128;

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Seconds since 1970, by the unit's clock.
    pub time: u64,
    /// Seconds since the boot.
    pub uptime: u32,
    /// What happened.
    pub event: Event,
    /// The slot that it happened to.
    pub slot: Option<Slot>,
    /// The version in the slot, if known; what does not fit the record is cut off.
    pub version: Option<String>,
    /// The digest of the slot's content, if known.
    pub digest: Option<Digest>,
    /// The exit code of the command; 0 if it succeeded.
    pub result: u8,
}

/// An entry and its place in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of the entry, from 1.
    pub sequence: u32,
    /// The entry.
    pub entry: Entry,
}

impl Record {
    /// The sector of this record.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let Entry { time, uptime, event, slot, version, digest, result } = &self.entry;
        let mut sector = [0; RECORD_BYTES];
        put(&mut sector, MAGIC, &MAGIC_VALUE);
        put(&mut sector, FORMAT, &FORMAT_VALUE.to_le_bytes());
        put(&mut sector, LENGTH, &(RECORD_BYTES as u16).to_le_bytes());
        put(&mut sector, SEQUENCE, &self.sequence.to_le_bytes());
        sector[EVENT] = event.code();
        sector[SLOT] = slot.map_or(0, Slot::number);
        sector[RESULT] = *result;
        put(&mut sector, TIME, &time.to_le_bytes());
        put(&mut sector, UPTIME, &uptime.to_le_bytes());
        let version = version.as_deref().unwrap_or_default().as_bytes();
        put(&mut sector, VERSION, &version[..version.len().min(VERSION_BYTES - 1)]);
        put(&mut sector, DIGEST, &digest.unwrap_or_default());
        let crc = checksum(&sector, CRC);
        put(&mut sector, CRC, &crc.to_le_bytes());
        sector
    }

    /// The record in a sector; `None` if there is none, or it is damaged or of another format.
    pub fn decode(sector: &[u8; RECORD_BYTES]) -> Option<Self> {
        let is_record = array(sector, MAGIC) == MAGIC_VALUE && le32(sector, CRC) == checksum(sector, CRC);
        if !is_record || le16(sector, FORMAT) != FORMAT_VALUE {
            return None;
        }
        let slot = match sector[SLOT] {
            0 => None,
            number => Some(Slot::from_number(number)?),
        };
        let version = sector[VERSION..VERSION + VERSION_BYTES].split(|&byte| byte == 0).next()?;
        let version = str::from_utf8(version).ok().filter(|text| !text.contains(char::is_control))?;
        let digest: Digest = array(sector, DIGEST);
        Some(Self {
            sequence: le32(sector, SEQUENCE),
            entry: Entry {
                time: le64(sector, TIME),
                uptime: le32(sector, UPTIME),
                event: Event::from_code(sector[EVENT])?,
                slot,
                version: (!version.is_empty()).then(|| version.to_owned()),
                digest: Some(digest).filter(|digest| *digest != Digest::default()),
                result: sector[RESULT],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            sequence: 0x0102_0304,
            entry: Entry {
                time: 1_700_000_000,
                uptime: 75,
                event: Event::Installed,
                slot: Some(Slot::Second),
                version: Some("1.2.3".to_owned()),
                digest: Some([7; 32]),
                result: 53,
            },
        }
    }

    #[test]
    fn the_record_has_the_documented_layout() {
        let sector = record().encode();
        assert_eq!(sector[..12], *b"SluiceHi\x01\0\0\x02");
        assert_eq!(sector[16..24], [4, 3, 2, 1, 2, 2, 53, 0]);
        assert_eq!(le64(&sector, 24), 1_700_000_000);
        assert_eq!(le32(&sector, 32), 75);
        assert_eq!(sector[36..64], [0; 28]);
        assert_eq!(sector[64..70], *b"1.2.3\0");
        assert_eq!(sector[128..160], [7; 32]);
        assert_eq!(sector[160..], [0; 352]);
        assert_eq!(Record::decode(&sector), Some(record()));
    }

    #[test]
    fn every_event_has_a_code_and_a_name_of_its_own() {
        for (event, code) in Event::ALL.into_iter().zip(1..) {
            assert_eq!((event.code(), Event::from_code(code)), (code, Some(event)));
            assert_eq!(Event::ALL.iter().filter(|other| other.name() == event.name()).count(), 1);
        }
        assert_eq!((Event::from_code(0), Event::from_code(11)), (None, None));
    }

    #[test]
    fn a_version_that_does_not_fit_is_cut_off() {
        let mut long = record();
        long.entry.version = Some("v".repeat(100));
        let found = Record::decode(&long.encode()).unwrap();
        assert_eq!(found.entry.version, Some("v".repeat(63)));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_no_record(bit in 0..RECORD_BYTES * 8) {
            let mut sector = record().encode();
            sector[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Record::decode(&sector), None);
        }

        #[test]
        fn garbage_is_never_a_panic(mut sector: [u8; RECORD_BYTES]) {
            put(&mut sector, MAGIC, &MAGIC_VALUE);
            put(&mut sector, FORMAT, &FORMAT_VALUE.to_le_bytes());
            let crc = checksum(&sector, CRC);
            put(&mut sector, CRC, &crc.to_le_bytes());
            if let Some(record) = Record::decode(&sector) {
                prop_assert_eq!(Record::decode(&record.encode()), Some(record));
            }
        }
    }
}
