//! The slot header: one sector that describes a slot and is read without mounting anything.
//!
//! The [`SlotHeader`] is sector 16 of the slot's slice ([`crate::layout::HEADER_SECTOR`]), the first sector of partition `a`.
//! It lies within the 64 KiB that UFS2 reserves for boot programs (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`); stock boot programs end
//! before `a` and do not use them. `sluice status`, the builder, the boot manager and the miniature world's boot program read
//! the version of a slot from it.
//!
//! | offset | bytes | what                                                                            |
//! |-------:|------:|---------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceSl`                                                                |
//! |      8 |     2 | format version, 1                                                               |
//! |     10 |     2 | bytes covered by the checksum, 512                                              |
//! |     12 |     4 | CRC-32 (IEEE 802.3) of the sector, with these four bytes set to zero            |
//! |     16 |     4 | sectors of the slot image, from the start of the slice                          |
//! |     20 |     4 | key epoch of the release; 0 if no key was ever revoked                          |
//! |     24 |     8 | build time in seconds since 1970 (`SOURCE_DATE_EPOCH`); 0 if unknown             |
//! |     32 |    64 | version, terminated by a NUL and padded with NULs, like all texts here           |
//! |     96 |    32 | product                                                                         |
//! |    128 |    32 | board                                                                           |
//! |    160 |    72 | commit                                                                          |
//! |    232 |    72 | the world from which it was built                                               |
//! |    304 |     2 | seconds that the boot manager gives the hardware's watchdog when it starts the slot; 0: it does not arm it |
//! |    306 |   206 | zero                                                                            |
//!
//! All numbers are little-endian. Texts are printable ASCII, so a boot program can send them to a console unchanged. A later
//! release may use bytes that are zero now without a new format version, if zero then means "unknown": a unit must be able
//! to read the header of a release newer than its own. The sector never ends in 0x55 0xaa, because GEOM would take partition
//! `a` for a disk with an MBR.

use bsd_disk::bytes::{array, le16, le32, le64, put};
use bsd_disk::slice::Slice;
use bsd_disk::units::{SECTOR_BYTES, Sectors};

use crate::checksum::checksum;

/// Bytes of the header.
pub const HEADER_BYTES: usize = SECTOR_BYTES as usize;

/// The first bytes of the header.
pub const MAGIC_VALUE: [u8; 8] = *b"SluiceSl";

/// The offset of the version, for boot programs.
pub const VERSION_OFFSET: usize = VERSION.at;

/// The offset of the watchdog's seconds, for boot programs.
pub const WATCHDOG_OFFSET: usize = WATCHDOG;

/// The offset of the checksum, for boot programs.
pub const CRC_OFFSET: usize = CRC;

const FORMAT_VALUE: u16 = 1;

const MAGIC: usize = 0;
const FORMAT: usize = 8;
const LENGTH: usize = 10;
const CRC: usize = 12;
const SIZE: usize = 16;
const KEY_EPOCH: usize = 20;
const BUILT: usize = 24;
const WATCHDOG: usize = 304;

/// A text field: its name in messages, its offset, and its length with the terminating NUL.
struct Text {
    name: &'static str,
    at: usize,
    bytes: usize,
}

const VERSION: Text = Text { name: "version", at: 32, bytes: 64 };
const PRODUCT: Text = Text { name: "product", at: 96, bytes: 32 };
const BOARD: Text = Text { name: "board", at: 128, bytes: 32 };
const COMMIT: Text = Text { name: "commit", at: 160, bytes: 72 };
const BUILT_FROM: Text = Text { name: "world", at: 232, bytes: 72 };

/// An invalid header, or one that cannot be written. Reports show these errors within a line, so those of reading have no
/// hint line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// The input is not one sector.
    #[error(
        "reading a slot header: got {bytes} bytes, expected {HEADER_BYTES} (exactly sector 16 of the slice)"
    )]
    Length {
        /// The length of the input.
        bytes: usize,
    },
    /// There is no header.
    #[error(
        "reading a slot header: no header found; the slot is empty, or its system was not built by Sluice"
    )]
    Magic,
    /// The format is newer than this code.
    #[error(
        "reading a slot header: format {found} is not supported, only {FORMAT_VALUE}; a newer release wrote it, and its tools \
         are needed to read it"
    )]
    Format {
        /// The format version found.
        found: u16,
    },
    /// The checksum is wrong.
    #[error(
        "reading a slot header: checksum {found:#010x}, computed {computed:#010x}; the header is damaged, and the slot must \
         be written again"
    )]
    Checksum {
        /// The checksum in the header.
        found: u32,
        /// The checksum of the bytes found.
        computed: u32,
    },
    /// A text does not fit its field.
    #[error("writing a slot header: the {field} has {bytes} bytes, but only {room} fit\nhint: shorten it")]
    TooLong {
        /// The name of the field.
        field: &'static str,
        /// The length of the text in bytes.
        bytes: usize,
        /// The most bytes that fit.
        room: usize,
    },
    /// A text contains bytes that must not be sent to a console.
    #[error(
        "slot header: the {field} contains something other than printable ASCII; only letters, digits and punctuation are \
         allowed"
    )]
    NotPrintable {
        /// The name of the field.
        field: &'static str,
    },
    /// A text is not terminated within its field, or is followed by something other than NULs.
    #[error(
        "reading a slot header: the {field} is not padded with NULs; the program that wrote it did not follow the format"
    )]
    NotPadded {
        /// The name of the field.
        field: &'static str,
    },
    /// A required text is empty.
    #[error("slot header: the {field} is empty; every slot must name its product, board and version")]
    Empty {
        /// The name of the field.
        field: &'static str,
    },
    /// The size of the slot needs more than 32 bits.
    #[error("writing a slot header: a slot of {size} is beyond the reach of 32-bit sector numbers")]
    Size {
        /// The size given.
        size: Sectors,
    },
}

/// The description of a slot and its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotHeader {
    /// The product, such as `sluice`; at most 31 bytes.
    pub product: String,
    /// The board that the system runs on, such as `alix`; at most 31 bytes.
    pub board: String,
    /// The version, such as `0.1.0-dev.3+gabc`; at most 63 bytes.
    pub version: String,
    /// The commit of the product's repository; at most 71 bytes, may be empty.
    pub commit: String,
    /// The version of the world, such as `FreeBSD 13.2-RELEASE-p1`; at most 71 bytes, may be empty.
    pub built_from: String,
    /// The build time in seconds since 1970; 0 if unknown.
    pub built: u64,
    /// The size of the slot image, from the start of the slice.
    pub size: Sectors,
    /// How long the hardware's watchdog waits for the system to take it over, in seconds; 0 if it is not armed.
    pub watchdog: u16,
    /// The key epoch of the release ([`crate::revocations`]); 0 if no key was ever revoked.
    pub key_epoch: u32,
}

impl SlotHeader {
    /// The sector as it is stored on disk.
    ///
    /// # Errors
    /// A text is too long, not printable ASCII, or empty although it is required; or the size needs more than 32 bits.
    pub fn encode(&self) -> Result<[u8; HEADER_BYTES], SlotError> {
        let mut sector = [0; HEADER_BYTES];
        put(&mut sector, MAGIC, &MAGIC_VALUE);
        put(&mut sector, FORMAT, &FORMAT_VALUE.to_le_bytes());
        put(&mut sector, LENGTH, &(HEADER_BYTES as u16).to_le_bytes());
        let size = self.size.to_u32().ok_or(SlotError::Size { size: self.size })?;
        put(&mut sector, SIZE, &size.to_le_bytes());
        put(&mut sector, WATCHDOG, &self.watchdog.to_le_bytes());
        put(&mut sector, KEY_EPOCH, &self.key_epoch.to_le_bytes());
        put(&mut sector, BUILT, &self.built.to_le_bytes());
        VERSION.encode(&mut sector, &self.version)?;
        PRODUCT.encode(&mut sector, &self.product)?;
        BOARD.encode(&mut sector, &self.board)?;
        COMMIT.encode(&mut sector, &self.commit)?;
        BUILT_FROM.encode(&mut sector, &self.built_from)?;
        let crc = checksum(&sector, CRC);
        put(&mut sector, CRC, &crc.to_le_bytes());
        Ok(sector)
    }

    /// Reads sector 16 of a slot.
    ///
    /// # Errors
    /// There is no header, it is damaged, its format is unknown, or one of its texts is invalid.
    pub fn decode(sector: &[u8]) -> Result<Self, SlotError> {
        let sector: &[u8; HEADER_BYTES] =
            sector.try_into().map_err(|_| SlotError::Length { bytes: sector.len() })?;
        if array(sector, MAGIC) != MAGIC_VALUE {
            return Err(SlotError::Magic);
        }
        let (found, computed) = (le32(sector, CRC), checksum(sector, CRC));
        if found != computed {
            return Err(SlotError::Checksum { found, computed });
        }
        let format = le16(sector, FORMAT);
        if format != FORMAT_VALUE {
            return Err(SlotError::Format { found: format });
        }
        Ok(Self {
            product: PRODUCT.decode(sector)?,
            board: BOARD.decode(sector)?,
            version: VERSION.decode(sector)?,
            commit: COMMIT.decode(sector)?,
            built_from: BUILT_FROM.decode(sector)?,
            built: le64(sector, BUILT),
            size: Sectors(le32(sector, SIZE).into()),
            watchdog: le16(sector, WATCHDOG),
            key_epoch: le32(sector, KEY_EPOCH),
        })
    }

    /// Whether the slot image that this header describes fits `slice`.
    pub fn fits(&self, slice: &Slice) -> bool {
        self.size <= slice.size
    }
}

impl Text {
    /// Whether the text must not be empty.
    fn is_required(&self) -> bool {
        [VERSION.at, PRODUCT.at, BOARD.at].contains(&self.at)
    }

    fn check(&self, text: &[u8]) -> Result<(), SlotError> {
        let field = self.name;
        if text.is_empty() && self.is_required() {
            return Err(SlotError::Empty { field });
        }
        if !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Err(SlotError::NotPrintable { field });
        }
        Ok(())
    }

    fn encode(&self, sector: &mut [u8; HEADER_BYTES], text: &str) -> Result<(), SlotError> {
        self.check(text.as_bytes())?;
        let room = self.bytes - 1;
        if text.len() > room {
            return Err(SlotError::TooLong { field: self.name, bytes: text.len(), room });
        }
        put(sector, self.at, text.as_bytes());
        Ok(())
    }

    fn decode(&self, sector: &[u8; HEADER_BYTES]) -> Result<String, SlotError> {
        let all = &sector[self.at..self.at + self.bytes];
        let not_padded = SlotError::NotPadded { field: self.name };
        let Some(end) = all.iter().position(|&byte| byte == 0) else { return Err(not_padded) };
        let (text, rest) = all.split_at(end);
        if rest.iter().any(|&byte| byte != 0) {
            return Err(not_padded);
        }
        self.check(text)?;
        String::from_utf8(text.to_vec()).map_err(|_| SlotError::NotPrintable { field: self.name })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> SlotHeader {
        SlotHeader {
            product: "sluice".into(),
            board: "alix".into(),
            version: "0.1.0-dev.3+gabc".into(),
            commit: "3ed14b5".into(),
            built_from: "miniature".into(),
            built: 1_700_000_000,
            size: Sectors(409_248),
            watchdog: 300,
            key_epoch: 0x0102_0304,
        }
    }

    /// The same sector with a correct checksum.
    fn sealed(mut sector: [u8; HEADER_BYTES]) -> [u8; HEADER_BYTES] {
        let crc = checksum(&sector, CRC);
        put(&mut sector, CRC, &crc.to_le_bytes());
        sector
    }

    #[test]
    fn a_boot_program_finds_magic_and_version_at_their_offsets() {
        let sector = header().encode().unwrap();
        assert_eq!(sector[..12], *b"SluiceSl\x01\x00\x00\x02");
        assert_eq!(&sector[VERSION_OFFSET..VERSION_OFFSET + 17], b"0.1.0-dev.3+gabc\0");
        assert_eq!(le32(&sector, 16), 409_248);
        assert_eq!(le16(&sector, WATCHDOG_OFFSET), 300);
        assert_eq!(sector[20..24], [4, 3, 2, 1]);
        assert_eq!(sector[306..], [0; 206]);
        assert_eq!(le32(&sector, CRC_OFFSET), crc32(&sector));
    }

    /// CRC-32 by its definition, bit by bit, as the boot programs compute it.
    fn crc32(sector: &[u8; HEADER_BYTES]) -> u32 {
        let mut bytes = *sector;
        put(&mut bytes, CRC, &[0; 4]);
        !bytes.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }

    #[test]
    fn a_flipped_bit_is_detected_in_every_byte() {
        for at in 0..HEADER_BYTES {
            let mut sector = header().encode().unwrap();
            sector[at] ^= 1;
            assert!(SlotHeader::decode(&sector).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_later_release_may_use_the_spare_bytes() {
        let mut sector = header().encode().unwrap();
        sector[400] = 7;
        assert_eq!(SlotHeader::decode(&sealed(sector)), Ok(header()));
    }

    #[test]
    fn an_invalid_header_is_refused_with_the_reason() {
        assert_eq!(SlotHeader::decode(&[0; 13]), Err(SlotError::Length { bytes: 13 }));
        assert_eq!(SlotHeader::decode(&[0; 512]), Err(SlotError::Magic));
        let spoil = |at: usize, byte: u8| {
            let mut sector = header().encode().unwrap();
            sector[at] = byte;
            SlotHeader::decode(&sealed(sector))
        };
        assert_eq!(spoil(FORMAT, 2), Err(SlotError::Format { found: 2 }));
        assert_eq!(spoil(VERSION.at, 0x1b), Err(SlotError::NotPrintable { field: "version" }));
        assert_eq!(spoil(BOARD.at + 31, b'x'), Err(SlotError::NotPadded { field: "board" }));
        assert_eq!(spoil(COMMIT.at, 0), Err(SlotError::NotPadded { field: "commit" }));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused_and_never_truncated() {
        let write = |change: fn(&mut SlotHeader)| {
            let mut header = header();
            change(&mut header);
            header.encode().map(|_| ())
        };
        assert_eq!(write(|header| header.version = "v".repeat(63)), Ok(()));
        let too_long = SlotError::TooLong { field: "version", bytes: 64, room: 63 };
        assert_eq!(write(|header| header.version = "v".repeat(64)), Err(too_long));
        assert_eq!(write(|header| header.product.clear()), Err(SlotError::Empty { field: "product" }));
        assert_eq!(write(|header| header.commit.clear()), Ok(()));
        assert_eq!(
            write(|header| header.board = "größe".into()),
            Err(SlotError::NotPrintable { field: "board" })
        );
        assert!(write(|header| header.size = Sectors(1 << 32)).is_err());
    }

    proptest! {
        #[test]
        fn every_header_is_read_back(
            product in "[ -~]{1,31}", board in "[ -~]{1,31}", version in "[ -~]{1,63}",
            commit in "[ -~]{0,71}", built_from in "[ -~]{0,71}", built: u64, size: u32, key_epoch: u32,
            watchdog: u16,
        ) {
            let size = Sectors(size.into());
            let header =
                SlotHeader { product, board, version, commit, built_from, built, size, key_epoch, watchdog };
            let sector = header.encode().unwrap();
            prop_assert_eq!(SlotHeader::decode(&sector), Ok(header));
            prop_assert_ne!(&sector[510..], &[0x55u8, 0xaa]);
        }

        #[test]
        fn garbage_is_never_a_panic(mut sector: [u8; HEADER_BYTES]) {
            prop_assert_eq!(SlotHeader::decode(&sector).is_ok(), false);
            put(&mut sector, MAGIC, &MAGIC_VALUE);
            put(&mut sector, FORMAT, &FORMAT_VALUE.to_le_bytes());
            let _ = SlotHeader::decode(&sealed(sector));
        }
    }
}
