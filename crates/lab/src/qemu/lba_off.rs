//! A BIOS without LBA, for which QEMU has no option: a boot floppy that disables the functions and boots the disk.

use std::path::Path;

use anyhow::{Context, Result};
use builder::assembler::{Source, assemble};
use firmware::boot_manager::INCLUDES;

/// The boot sector, which moves itself out of the way of the MBR.
const LBA_OFF: Source =
    Source { name: "lba_off", text: include_str!("lba_off.S"), includes: INCLUDES, origin: 0x600, room: 512 };

/// Bytes of a 3.5 inch floppy, from which QEMU derives its geometry: 1440 KiB.
const FLOPPY_BYTES: usize = 1440 * 1024;

/// Writes the floppy image `to`, for [`super::Machine::boot_floppy`].
///
/// # Errors
/// As [`assemble`], or `to` cannot be written.
pub fn lba_off_floppy(zig: &Path, to: &Path) -> Result<()> {
    let mut image = assemble(zig, &LBA_OFF, &[])?;
    image.resize(FLOPPY_BYTES, 0);
    std::fs::write(to, image).with_context(|| format!("writing the floppy image {}", to.display()))
}
