//! The device nodes of the slots, and which slot the system runs from.
//!
//! The running slot is the one that is mounted, not the one that should have been started.

use anyhow::{Result, bail};
use firmware::layout::{CFG_SLICE, LABELLED_LAYOUT, LAYOUT, STATE_PARTITIONS};
use firmware::slot::Slot;

/// The ALIX's CompactFlash card, where the root device does not name the disk.
const DEFAULT_DISK: &str = "ada0";

/// The directory of labelled slices, under `/dev`.
const LABELS: &str = "label/";

/// The device nodes of a disk with two slots, and the slot that the system runs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotDevices {
    /// The part of the name before `sN`: `ada0`, `label/gw`.
    disk: String,
    /// The slot that is mounted on `/`.
    pub running: Slot,
}

impl SlotDevices {
    /// Derives them from the device that is mounted on `/`: `/dev/ada0s1a` is slot 1 on `ada0`, `/dev/label/gws1a` is
    /// slot 1 of the labels `gw`.
    ///
    /// # Errors
    /// The device is not a slot.
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
            _ => bail!("the root device is {device}, which is not a slot"),
        }
    }

    /// Derives them from the device that the loader was loaded from: `disk0s1a:` is slot 1. FreeBSD's name of the disk is
    /// not known then, and `ada0` is assumed.
    ///
    /// # Errors
    /// The device is not a slot.
    pub fn from_loader(device: &str) -> Result<Self> {
        let slice = device.strip_suffix("a:").and_then(|name| name.rsplit_once('s'));
        match slice.and_then(|(_, digit)| slot_of(digit)) {
            Some(running) => Ok(Self { disk: DEFAULT_DISK.to_owned(), running }),
            None => bail!("the loader was loaded from {device}, which is not a slot"),
        }
    }

    /// The path of a slot's slice.
    pub fn path(&self, slot: Slot) -> String {
        format!("/dev/{}s{slot}", self.disk)
    }

    /// GEOM's name of the running slot's slice, without `/dev/`.
    pub fn running_slice(&self) -> String {
        format!("{}s{}", self.disk, self.running)
    }

    /// The version of the disk layout, which says whether the slices are found by labels.
    pub fn layout(&self) -> u32 {
        if self.disk.starts_with(LABELS) { LABELLED_LAYOUT } else { LAYOUT }
    }

    /// The path of the device on which changes are locked: the first copy of the boot state.
    pub fn locked(&self) -> String {
        let [first, ..] = STATE_PARTITIONS;
        self.partition(first)
    }

    /// The path of a partition of slice 3.
    pub fn partition(&self, letter: char) -> String {
        format!("/dev/{}s{CFG_SLICE}{letter}", self.disk)
    }
}

/// The slot whose number is `digit`.
fn slot_of(digit: &str) -> Option<Slot> {
    Slot::ALL.into_iter().find(|slot| slot.to_string() == digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mounted_root_gives_slot_and_disk() {
        for (device, path, running) in
            [("/dev/ada0s1a", "/dev/ada0s2", Slot::First), ("/dev/da10s2a", "/dev/da10s2", Slot::Second)]
        {
            let slots = SlotDevices::from_root(device).unwrap();
            assert_eq!((slots.running, slots.path(Slot::Second)), (running, path.to_owned()));
            assert_eq!(slots.partition('e'), path.replace("s2", "s3e"));
            assert_eq!(slots.locked(), path.replace("s2", "s3d"));
            assert_eq!(slots.layout(), LAYOUT);
        }
    }

    #[test]
    fn labelled_slices_are_found_on_any_disk() {
        let slots = SlotDevices::from_root("/dev/label/gws2a").unwrap();
        assert_eq!((slots.running, slots.layout()), (Slot::Second, LABELLED_LAYOUT));
        assert_eq!(slots.path(Slot::First), "/dev/label/gws1");
        assert_eq!(slots.partition('a'), "/dev/label/gws3a");
        assert_eq!(slots.running_slice(), "label/gws2");
    }

    #[test]
    fn a_root_that_is_not_a_slot_is_refused() {
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
            let message = SlotDevices::from_root(device).unwrap_err().to_string();
            assert_eq!(message, format!("the root device is {device}, which is not a slot"));
        }
    }

    #[test]
    fn the_loader_device_gives_the_slot() {
        assert_eq!(SlotDevices::from_loader("disk0s2a:").unwrap().running, Slot::Second);
        for device in ["disk0s3a:", "disk0s1a", "disk0p2:", "pxe0:", ""] {
            assert!(SlotDevices::from_loader(device).is_err(), "{device}");
        }
    }
}
