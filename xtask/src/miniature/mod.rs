//! The boot programs of the miniature world: what stands in its images where a FreeBSD world has `boot/mbr` and
//! `boot/boot`.
//!
//! They are assembled from the source beside this file. They have the shapes of FreeBSD's (a program before the table of
//! an MBR, 8 KiB with sector 1 free for the label), so that an image is put together from them as from a real world's;
//! and the slot program can be started by FreeBSD's boot managers as well as by ours. The constants of the slot header come
//! from the `firmware` crate.

use std::path::Path;

use anyhow::{Result, bail};
use firmware::layout::{BOOT_AREA, HEADER_SECTOR};
use firmware::slot::{CRC_OFFSET, MAGIC_VALUE, VERSION_OFFSET};

use crate::assembler::{Define, Source, assemble};

/// What boot programs include: `console.inc` speaks to the serial port, `disk.inc` reads sectors through the BIOS.
pub const INCLUDES: &[(&str, &str)] =
    &[("console.inc", include_str!("console.inc")), ("disk.inc", include_str!("disk.inc"))];

/// Sectors of 512 bytes, in the sizes below.
const SECTOR: usize = 512;

/// The MBR ends before the disk's serial number.
const MBR: Source =
    Source { name: "mbr", text: include_str!("mbr.S"), includes: INCLUDES, origin: 0x600, room: 440 };

/// Sector 0 of a slot, moved to where boot1 loads the boot area (`MEM_BUF`, `stand/i386/boot2/boot1.S`).
const SLOT_FIRST: Source =
    Source { name: "slot1", text: include_str!("slot1.S"), includes: INCLUDES, origin: 0x8c00, room: SECTOR };

/// Sectors 2 to 15 of a slot, where boot1 puts boot2 (`MEM_BTX`).
const SLOT_SECOND: Source = Source {
    name: "slot2",
    text: include_str!("slot2.S"),
    includes: INCLUDES,
    origin: 0x9000,
    room: 14 * SECTOR,
};

/// The clock of a 16550 in a PC, divided by 16: its highest rate.
const UART_CLOCK: u32 = 115_200;

/// The rate that the ALIX's BIOS has out of the box.
pub const DEFAULT_SPEED: u32 = 38_400;

/// How the boot programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootOptions {
    /// The rate of the serial console, in bits a second.
    pub speed: u32,
    /// Whether to ask the BIOS for reads by sector number. Without (`nopacket`) the BIOS's geometry is always used.
    pub packet: bool,
}

impl Default for BootOptions {
    fn default() -> Self {
        Self { speed: DEFAULT_SPEED, packet: true }
    }
}

/// The boot programs, ready to go into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPrograms {
    /// What goes before the table of the MBR, at most 440 bytes. It starts the active slice.
    pub mbr: Vec<u8>,
    /// The boot area of a slot, 8 KiB; sector 1 is zero and takes the label.
    pub slot: Vec<u8>,
}

impl BootPrograms {
    /// Assembles them with the program `zig`.
    ///
    /// # Errors
    /// A UART cannot have the speed, or [`assemble`] fails.
    pub fn assemble(zig: &Path, options: &BootOptions) -> Result<Self> {
        let defines = defines(options)?;
        let mbr = assemble(zig, &MBR, &defines)?;
        let mut slot = assemble(zig, &SLOT_FIRST, &defines)?;
        slot.resize(2 * SECTOR, 0);
        slot.extend(assemble(zig, &SLOT_SECOND, &defines)?);
        slot.resize(BOOT_AREA.0 as usize * SECTOR, 0);
        Ok(Self { mbr, slot })
    }
}

fn defines(options: &BootOptions) -> Result<Vec<Define>> {
    let speed = options.speed;
    if !UART_CLOCK.is_multiple_of(speed) || UART_CLOCK / speed > u32::from(u16::MAX) {
        bail!(
            "setting the console to {speed} bits a second: {UART_CLOCK} is no multiple of it; 38400 and 9600 are"
        );
    }
    let magic = u64::from_le_bytes(MAGIC_VALUE);
    let (low, high) = (magic as u32, magic >> 32);
    let mut defines = vec![
        ("CONSOLE_DIVISOR", (UART_CLOCK / speed).to_string()),
        ("SLOT_HEADER_SECTOR", HEADER_SECTOR.0.to_string()),
        ("SLOT_MAGIC_LOW", format!("{low:#x}")),
        ("SLOT_MAGIC_HIGH", format!("{high:#x}")),
        ("SLOT_VERSION", VERSION_OFFSET.to_string()),
        ("SLOT_CRC", CRC_OFFSET.to_string()),
    ];
    if !options.packet {
        defines.push(("NO_EDD", "1".to_owned()));
    }
    Ok(defines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_no_uart_has_is_refused() {
        for speed in [0, 1, 14_401, 230_400] {
            let error = defines(&BootOptions { speed, packet: true }).unwrap_err().to_string();
            assert!(error.contains(&speed.to_string()), "{error}");
        }
        let defines = defines(&BootOptions { speed: 9600, packet: true }).unwrap();
        assert!(defines.contains(&("CONSOLE_DIVISOR", "12".to_owned())));
    }

    #[test]
    fn the_magic_is_compared_as_two_little_endian_words() {
        let defines = defines(&BootOptions::default()).unwrap();
        assert!(defines.contains(&("SLOT_MAGIC_LOW", "0x69756c53".to_owned())));
        assert!(defines.contains(&("SLOT_MAGIC_HIGH", "0x6c536563".to_owned())));
    }
}
