//! What the rules need to know of the product: checked once, so that no rule meets a value that cannot work.

use anyhow::{Result, ensure};

use super::Release;
use crate::board;

/// Line rates that the whole chain can set: boot manager, boot2 (`-S`), loader, kernel and getty.
const CONSOLE_SPEEDS: [u32; 5] = [9600, 19200, 38400, 57600, 115_200];

/// The smallest memory disk that FreeBSD's own `/etc` or `/var` could fit into, in sectors (1 MiB): whoever writes less
/// has most likely written megabytes.
const LEAST_MEMORY_DISK: u32 = 2048;

/// The product's choices, in the units of NanoBSD's variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The flash card as the running system names it, without `/dev/` (`NANO_DRIVE`); `label/NAME` where the names of its
    /// slices are labels.
    pub drive: String,
    /// The slice of `/cfg` (`NANO_SLICE_CFG`), 3 or 4.
    pub cfg_slice: u8,
    /// The slice of `/data` (`NANO_SLICE_DATA`), when the product has one.
    pub data_slice: Option<u8>,
    /// Size of the memory disk on `/etc`, in 512-byte sectors (`NANO_RAM_ETCSIZE`).
    pub ram_etc: u32,
    /// Size of the memory disk on `/var`, with `/tmp` in it, in 512-byte sectors (`NANO_RAM_TMPVARSIZE`).
    pub ram_tmpvar: u32,
    /// The terminal of the serial console.
    pub console: &'static str,
    /// Rate of the serial console in bits a second.
    pub console_speed: u32,
    /// What this image is.
    pub release: Release,
}

impl Settings {
    /// The settings of an ALIX as it leaves the factory: the card is `ada0`, `/cfg` is slice 3, 38400 bits a second.
    pub fn alix(release: Release) -> Self {
        Self {
            drive: board::DEFAULT.drive.into(),
            cfg_slice: 3,
            data_slice: None,
            ram_etc: 10_240,
            ram_tmpvar: 40_960,
            console: board::DEFAULT.console.device,
            console_speed: board::DEFAULT.console.factory_speed,
            release,
        }
    }

    /// What the labels of the slices begin with, if they have any.
    pub(super) fn label(&self) -> Option<&str> {
        self.drive.strip_prefix("label/")
    }

    /// The device of a slice as the running system names it.
    pub(super) fn slice(&self, number: u8) -> String {
        format!("/dev/{}s{number}", self.drive)
    }

    /// Refuses what cannot work on the device.
    pub(super) fn check(&self) -> Result<()> {
        let drive = self.drive.trim_end_matches(|c: char| c.is_ascii_digit());
        ensure!(
            self.label().is_some_and(|label| !label.is_empty() && !label.contains('/'))
                || !drive.is_empty()
                    && drive.len() < self.drive.len()
                    && drive.chars().all(|c| c.is_ascii_lowercase()),
            "the drive `{}` is no name of a disk; an ALIX's CompactFlash card is `ada0`",
            self.drive
        );
        ensure!(
            matches!(self.cfg_slice, 3 | 4),
            "/cfg in slice {}: slices 1 and 2 are the slots, so it is slice 3 or 4",
            self.cfg_slice
        );
        if let Some(data) = self.data_slice {
            ensure!(
                matches!(data, 3 | 4) && data != self.cfg_slice,
                "/data in slice {data}: slices 1 and 2 are the slots and {} is /cfg",
                self.cfg_slice
            );
        }
        for (what, sectors) in [("/etc", self.ram_etc), ("/var", self.ram_tmpvar)] {
            ensure!(
                sectors >= LEAST_MEMORY_DISK,
                "a memory disk of {sectors} sectors for {what}: sizes are in 512-byte sectors, at least \
                 {LEAST_MEMORY_DISK} (1 MiB)"
            );
        }
        ensure!(
            CONSOLE_SPEEDS.contains(&self.console_speed),
            "a console at {} bits a second: boot2, loader and getty know {CONSOLE_SPEEDS:?}",
            self.console_speed
        );
        Ok(self.release.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;

    fn refusal(change: impl Fn(&mut Settings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn the_alix_is_fine_as_it_is() {
        settings().check().unwrap();
        Settings { data_slice: Some(4), ..settings() }.check().unwrap();
    }

    #[test]
    fn what_cannot_work_is_told_at_the_desk() {
        for drive in ["", "ada", "0", "/dev/ada0", "ufs/slot", "ada0s1", "label/", "label/a/b"] {
            assert!(refusal(|s| s.drive = drive.into()).contains("no name of a disk"), "{drive}");
        }
        assert!(refusal(|s| s.cfg_slice = 2).contains("/cfg in slice 2"));
        assert!(refusal(|s| s.data_slice = Some(3)).contains("/data in slice 3"));
        assert!(refusal(|s| s.ram_etc = 5).contains("512-byte sectors"));
        assert!(refusal(|s| s.console_speed = 38_000).contains("38000 bits a second"));
        assert!(refusal(|s| s.release.version = String::new()).contains("version"));
    }
}
