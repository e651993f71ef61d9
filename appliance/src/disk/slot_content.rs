//! What a slot contains, according to its header. Headers are read here, never written.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use firmware::layout::HEADER_SECTOR;
use firmware::slot::{HEADER_BYTES, SlotError, SlotHeader};
use serde::Serialize;

/// Reads the header of the slot whose slice is at `path`.
///
/// # Errors
/// The slice cannot be opened or read.
pub fn read_header(path: &str) -> io::Result<[u8; HEADER_BYTES]> {
    let mut header = [0; HEADER_BYTES];
    File::open(path)?.read_exact_at(&mut header, HEADER_SECTOR.bytes())?;
    Ok(header)
}

/// What a slot contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SlotContent {
    /// A release, complete as far as its header shows.
    Release {
        /// Its version.
        version: String,
        /// The commit it was built from.
        commit: String,
    },
    /// Nothing: the header is blank, as in the second slot of a new unit.
    Empty,
    /// A system that Sluice did not build.
    Foreign,
    /// A release with a damaged header.
    Damaged {
        /// What is wrong with the header.
        reason: String,
    },
    /// The header could not be read.
    Unknown,
}

impl SlotContent {
    /// The content that a header describes.
    pub fn from_header(header: &[u8; HEADER_BYTES]) -> Self {
        let blank = |value| header.iter().all(|&byte| byte == value);
        match SlotHeader::decode(header) {
            Ok(header) => Self::Release { version: header.version, commit: header.commit },
            // A flash card's erased blocks read as either.
            Err(_) if blank(0) || blank(0xff) => Self::Empty,
            Err(SlotError::Magic) => Self::Foreign,
            Err(error) => Self::Damaged { reason: error.to_string() },
        }
    }
}

impl fmt::Display for SlotContent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { version, commit } if commit.is_empty() => write!(out, "{version}"),
            Self::Release { version, commit } => write!(out, "{version} ({commit})"),
            Self::Empty => write!(out, "empty"),
            Self::Foreign => write!(out, "not a Sluice release"),
            Self::Damaged { reason } => write!(out, "damaged: {reason}"),
            Self::Unknown => write!(out, "unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bsd_disk::units::Sectors;

    use super::*;

    fn header(commit: &str) -> [u8; HEADER_BYTES] {
        SlotHeader {
            product: "sluice".into(),
            board: "alix2d13".into(),
            version: "1.4.0".into(),
            commit: commit.into(),
            built_from: "FreeBSD 13.2-RELEASE".into(),
            built: 0,
            size: Sectors::from_mib(200),
            watchdog: 300,
            key_epoch: 0,
        }
        .encode()
        .unwrap()
    }

    #[test]
    fn a_header_describes_the_content_of_its_slot() {
        let whole = header("3ed14b5");
        let content = SlotContent::from_header(&whole);
        assert_eq!(content, SlotContent::Release { version: "1.4.0".into(), commit: "3ed14b5".into() });
        assert_eq!(content.to_string(), "1.4.0 (3ed14b5)");
        assert_eq!(SlotContent::from_header(&header("")).to_string(), "1.4.0");
    }

    #[test]
    fn one_flipped_bit_is_a_damaged_slot() {
        let mut bytes = header("3ed14b5");
        bytes[40] ^= 1;
        let content = SlotContent::from_header(&bytes);
        assert!(
            matches!(&content, SlotContent::Damaged { reason } if reason.contains("checksum")),
            "{content:?}"
        );
    }

    #[test]
    fn a_blank_slot_is_empty_and_other_systems_are_foreign() {
        assert_eq!(SlotContent::from_header(&[0; HEADER_BYTES]), SlotContent::Empty);
        assert_eq!(SlotContent::from_header(&[0xff; HEADER_BYTES]), SlotContent::Empty);
        assert_eq!(SlotContent::from_header(&[7; HEADER_BYTES]), SlotContent::Foreign);
    }
}
