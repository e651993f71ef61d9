//! The boot programs of the miniature world: what stands in its images where a FreeBSD world has `boot/mbr` and
//! `boot/boot`.
//!
//! They are assembled from the source beside this file; its MBR stands in for FreeBSD's, and is not used where the boot
//! manager ([`crate::boot_manager`]) is. They have the shapes of FreeBSD's (a program before the table of
//! an MBR, 8 KiB with sector 1 free for the label), so that an image is put together from them as from a real world's;
//! and the slot program can be started by FreeBSD's boot managers as well as by ours. The constants of the slot header come
//! from the `firmware` crate.

use std::path::Path;

use anyhow::Result;
use bsd_disk::disklabel::BOOT_AREA;
use firmware::boot_manager::INCLUDES;

use crate::assembler::{self, Define, Source};
use crate::board;
use crate::boot_manager::{console, slot_header};

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
        Self { speed: board::DEFAULT.console.factory_speed, packet: true }
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
    /// The boot programs from the directory `cache`, where they are put if they have to be assembled.
    ///
    /// # Errors
    /// As [`BootPrograms::assemble`], or the cache cannot be written.
    pub fn cached_or_assembled(
        cache: &Path,
        zig: &Path,
        zig_version: &str,
        options: &BootOptions,
    ) -> Result<Self> {
        Self::make(options, |source, defines| {
            assembler::cached_or_assembled(cache, zig, zig_version, source, defines)
        })
    }

    /// Assembles them with the program `zig`.
    ///
    /// # Errors
    /// A UART cannot have the speed, or [`assembler::assemble`] fails.
    pub fn assemble(zig: &Path, options: &BootOptions) -> Result<Self> {
        Self::make(options, |source, defines| assembler::assemble(zig, source, defines))
    }

    fn make(options: &BootOptions, assemble: impl Fn(&Source, &[Define]) -> Result<Vec<u8>>) -> Result<Self> {
        let mut defines = vec![console(options.speed)?];
        defines.extend(slot_header());
        if !options.packet {
            defines.push(("NO_EDD", "1".to_owned()));
        }
        let mbr = assemble(&MBR, &defines)?;
        let mut slot = assemble(&SLOT_FIRST, &defines)?;
        slot.resize(2 * SECTOR, 0);
        slot.extend(assemble(&SLOT_SECOND, &defines)?);
        slot.resize(BOOT_AREA.0 as usize * SECTOR, 0);
        Ok(Self { mbr, slot })
    }
}
