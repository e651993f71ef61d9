//! The two slots: which one the system runs from, and what each holds.
//!
//! The running slot is what is mounted, not what should have been started. Headers are read, never written.

use std::fmt;

use anyhow::{Result, bail};
use firmware::layout::{CFG_SLICE, HEADER_SECTOR, LABELLED_LAYOUT, LAYOUT};
use firmware::slot::{HEADER_BYTES, Slot, SlotError, SlotHeader};
use serde::Serialize;

/// Where a slot's header is, in bytes from the start of its slice.
pub const HEADER_OFFSET: u64 = HEADER_SECTOR.bytes();
/// The ALIX's CompactFlash card, should the root's device not tell the disk.
const DEFAULT_DISK: &str = "ada0";

/// Where labelled slices are, under `/dev`.
const LABELS: &str = "label/";

/// The disk with the slots, and the slot that the system runs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// What stands before `sN`.
    disk: String,
    /// The one that is mounted on `/`.
    pub running: Slot,
}

impl Slots {
    /// From what is mounted on `/`: `/dev/ada0s1a` is slot 1 on `ada0`, `/dev/label/gws1a` slot 1 of the labels `gw`.
    pub fn from_root(device: &str) -> Result<Self> {
        let parts = device
            .strip_prefix("/dev/")
            .and_then(|name| name.strip_suffix('a'))
            .and_then(|slice| slice.rsplit_once('s'))
            .filter(|(disk, _)| {
                let name = disk.strip_prefix(LABELS).unwrap_or(disk);
                !name.is_empty() && !name.contains('/')
            });
        match parts.map(|(disk, digit)| (disk, slot_of(digit))) {
            Some((disk, Some(running))) => Ok(Self { disk: disk.to_owned(), running }),
            _ => bail!("the root is {device}, which is no slot"),
        }
    }

    /// From what the loader was loaded from: `disk0s1a:` is slot 1. It does not tell what FreeBSD calls the disk.
    pub fn from_loader(device: &str) -> Result<Self> {
        let slice = device.strip_suffix("a:").and_then(|name| name.rsplit_once('s'));
        match slice.and_then(|(_, digit)| slot_of(digit)) {
            Some(running) => Ok(Self { disk: DEFAULT_DISK.to_owned(), running }),
            None => bail!("the loader comes from {device}, which is no slot"),
        }
    }

    /// The slice of a slot, under `/dev`.
    pub fn path(&self, slot: Slot) -> String {
        format!("/dev/{}s{slot}", self.disk)
    }

    /// The running slot's slice without `/dev/`, as GEOM names it.
    pub fn running_slice(&self) -> String {
        format!("{}s{}", self.disk, self.running)
    }

    /// The version of the disk's layout: whether its slices are found by labels.
    pub fn layout(&self) -> u32 {
        if self.disk.starts_with(LABELS) { LABELLED_LAYOUT } else { LAYOUT }
    }

    /// The slice of `/cfg`, with the boot state at its head.
    pub fn cfg_path(&self) -> String {
        format!("/dev/{}s{CFG_SLICE}", self.disk)
    }
}

/// The slot that a device name ends in.
fn slot_of(digit: &str) -> Option<Slot> {
    Slot::ALL.into_iter().find(|slot| slot.to_string() == digit)
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Held {
    /// A release, complete as far as its header tells.
    Release {
        /// Its version.
        version: String,
        /// The commit it was built from.
        commit: String,
    },
    /// Nothing: the header is blank, as in a new device's second slot or while an update is being written.
    Empty,
    /// Something that Sluice did not build.
    Foreign,
    /// A release whose header cannot be believed.
    Damaged {
        /// Why not.
        reason: String,
    },
    /// Its header could not be read.
    Unknown,
}

impl Held {
    /// What a header says.
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

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { version, commit } if commit.is_empty() => write!(out, "{version}"),
            Self::Release { version, commit } => write!(out, "{version} ({commit})"),
            Self::Empty => write!(out, "empty"),
            Self::Foreign => write!(out, "not a release of ours"),
            Self::Damaged { reason } => write!(out, "damaged: {reason}"),
            Self::Unknown => write!(out, "unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::header;

    #[test]
    fn the_mounted_root_tells_slot_and_disk() {
        for (device, path, running) in
            [("/dev/ada0s1a", "/dev/ada0s2", Slot::First), ("/dev/da10s2a", "/dev/da10s2", Slot::Second)]
        {
            let slots = Slots::from_root(device).unwrap();
            assert_eq!((slots.running, slots.path(Slot::Second)), (running, path.to_owned()));
            assert_eq!(slots.cfg_path(), path.replace("s2", "s3"));
            assert_eq!(slots.layout(), LAYOUT);
        }
    }

    #[test]
    fn by_labels_the_slices_are_found_on_any_disk() {
        let slots = Slots::from_root("/dev/label/gws2a").unwrap();
        assert_eq!((slots.running, slots.layout()), (Slot::Second, LABELLED_LAYOUT));
        assert_eq!(slots.path(Slot::First), "/dev/label/gws1");
        assert_eq!(slots.cfg_path(), "/dev/label/gws3");
        assert_eq!(slots.running_slice(), "label/gws2");
    }

    #[test]
    fn a_root_that_is_no_slot_is_not_guessed_at() {
        for device in [
            "/dev/ada0s3a",
            "/dev/ada0s1",
            "/dev/ada0s12a",
            "/dev/ufs/root1a",
            "/dev/label/s1a",
            "/dev/label/a/bs1a",
            "/dev/s1a",
            "ada0s1a",
            "",
            "tmpfs",
        ] {
            let message = Slots::from_root(device).unwrap_err().to_string();
            assert_eq!(message, format!("the root is {device}, which is no slot"));
        }
    }

    #[test]
    fn the_loader_tells_the_slot() {
        assert_eq!(Slots::from_loader("disk0s2a:").unwrap().running, Slot::Second);
        for device in ["disk0s3a:", "disk0s1a", "disk0p2:", "pxe0:", ""] {
            assert!(Slots::from_loader(device).is_err(), "{device}");
        }
    }

    #[test]
    fn a_header_tells_what_its_slot_holds() {
        let whole = header("1.4.0", "3ed14b5");
        let held = Held::from_header(&whole);
        assert_eq!(held, Held::Release { version: "1.4.0".into(), commit: "3ed14b5".into() });
        assert_eq!(held.to_string(), "1.4.0 (3ed14b5)");
        assert_eq!(Held::from_header(&header("1.4.0", "")).to_string(), "1.4.0");
    }

    #[test]
    fn one_flipped_bit_is_a_damaged_slot() {
        let mut bytes = header("1.4.0", "3ed14b5");
        bytes[40] ^= 1;
        let held = Held::from_header(&bytes);
        assert!(matches!(&held, Held::Damaged { reason } if reason.contains("checksum")), "{held:?}");
    }

    #[test]
    fn a_blank_slot_is_empty_and_other_systems_are_foreign() {
        assert_eq!(Held::from_header(&[0; HEADER_BYTES]), Held::Empty);
        assert_eq!(Held::from_header(&[0xff; HEADER_BYTES]), Held::Empty);
        assert_eq!(Held::from_header(&[7; HEADER_BYTES]), Held::Foreign);
    }
}
