//! The settings of the product that the rules use. They are checked once, so that no rule has to handle a bad value.

use anyhow::{Result, ensure};

use firmware::layout::CFG_PARTITION;
use firmware::release::Release;

use crate::board;

/// The line speeds that boot manager, boot2 (`-S`), loader, kernel and getty all support.
const CONSOLE_SPEEDS: [u32; 5] = [9600, 19200, 38400, 57600, 115_200];

/// The smallest memory disk that could hold FreeBSD's own `/etc` or `/var`, in sectors (1 MiB). A smaller number was most
/// likely meant as megabytes.
const MIN_MEMORY_DISK: u32 = 2048;

/// The settings, in the units of NanoBSD's variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The device of the flash card in the running system, without `/dev/` (`NANO_DRIVE`), or `label/NAME` if its slices
    /// are found by their labels.
    pub drive: String,
    /// The slice of `/cfg` (`NANO_SLICE_CFG`), 3 or 4.
    pub cfg_slice: u8,
    /// The slice of `/data` (`NANO_SLICE_DATA`), if the product has one.
    pub data_slice: Option<u8>,
    /// Size of the memory disk on `/etc`, in 512-byte sectors (`NANO_RAM_ETCSIZE`).
    pub ram_etc: u32,
    /// Size of the memory disk on `/var`, with `/tmp` in it, in 512-byte sectors (`NANO_RAM_TMPVARSIZE`).
    pub ram_tmpvar: u32,
    /// Terminal device of the serial console.
    pub console: &'static str,
    /// Speed of the serial console in bits per second.
    pub console_speed: u32,
    /// The identification of the image.
    pub release: Release,
}

impl Settings {
    /// The settings of an ALIX: the card is `ada0`, `/cfg` is slice 3, the console runs at 38400 bits per second.
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

    /// The prefix of the labels of the slices, if they have labels.
    pub(super) fn label(&self) -> Option<&str> {
        self.drive.strip_prefix("label/")
    }

    /// The device of a slice in the running system.
    pub(super) fn slice(&self, number: u8) -> String {
        format!("/dev/{}s{number}", self.drive)
    }

    /// The device of the file system of `/cfg` in the running system.
    pub(super) fn cfg_device(&self) -> String {
        format!("{}{CFG_PARTITION}", self.slice(self.cfg_slice))
    }

    /// Refuses settings that cannot work on the device.
    pub(super) fn check(&self) -> Result<()> {
        let drive = self.drive.trim_end_matches(|c: char| c.is_ascii_digit());
        ensure!(
            self.label().is_some_and(|label| !label.is_empty() && !label.contains('/'))
                || !drive.is_empty()
                    && drive.len() < self.drive.len()
                    && drive.chars().all(|c| c.is_ascii_lowercase()),
            "the drive `{}` is not the name of a disk\nhint: an ALIX's CompactFlash card is `ada0`",
            self.drive
        );
        ensure!(
            matches!(self.cfg_slice, 3 | 4),
            "/cfg in slice {}: it must be slice 3 or 4, because slices 1 and 2 are the slots",
            self.cfg_slice
        );
        if let Some(data) = self.data_slice {
            ensure!(
                matches!(data, 3 | 4) && data != self.cfg_slice,
                "/data in slice {data}: slices 1 and 2 are the slots, and {} is /cfg",
                self.cfg_slice
            );
        }
        for (what, sectors) in [("/etc", self.ram_etc), ("/var", self.ram_tmpvar)] {
            ensure!(
                sectors >= MIN_MEMORY_DISK,
                "a memory disk of {sectors} sectors for {what}: the minimum is {MIN_MEMORY_DISK} (1 MiB)\n\
                 hint: sizes are in 512-byte sectors"
            );
        }
        ensure!(
            CONSOLE_SPEEDS.contains(&self.console_speed),
            "a console at {} bits per second: boot2, loader and getty support {CONSOLE_SPEEDS:?}",
            self.console_speed
        );
        Ok(self.release.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::settings;
    use super::*;

    fn refusal(change: impl Fn(&mut Settings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn the_settings_of_an_alix_are_valid() {
        settings().check().unwrap();
        Settings { data_slice: Some(4), ..settings() }.check().unwrap();
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for drive in ["", "ada", "0", "/dev/ada0", "ufs/slot", "ada0s1", "label/", "label/a/b"] {
            assert!(refusal(|s| s.drive = drive.into()).contains("not the name of a disk"), "{drive}");
        }
        assert!(refusal(|s| s.cfg_slice = 2).contains("/cfg in slice 2"));
        assert!(refusal(|s| s.data_slice = Some(3)).contains("/data in slice 3"));
        assert!(refusal(|s| s.ram_etc = 5).contains("512-byte sectors"));
        assert!(refusal(|s| s.console_speed = 38_000).contains("38000 bits per second"));
        assert!(refusal(|s| s.release.version = String::new()).contains("version"));
    }
}
