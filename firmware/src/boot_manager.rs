//! The boot manager of a Sluice disk: its programs, and their positions before the first slice.
//!
//! | sector | what                                                                                     |
//! |-------:|------------------------------------------------------------------------------------------|
//! |      0 | MBR: [`STAGE1`], and the table of slices, none of which is active                        |
//! |      8 | [`MANAGER`], at most 16 sectors, sealed by [`seal`]                                      |
//! |     72 | second copy, 32 KiB after the first so that the two rarely share an erase block          |
//! |   2016 | first slice ([`crate::layout::FIRST_SLICE`])                                             |
//!
//! The MBR loads the first copy that can be read and has a valid checksum. Invariant: all of this is written once, in the
//! factory. Nothing on the unit writes the MBR or the gap, so no power cut can damage them; what changes is the boot state
//! ([`crate::state`]). An update does not replace the boot manager, so every slot, of any version, must boot with the old
//! one: it loads the 16 sectors of a slot's boot area and enters them as FreeBSD's boot1 does (`stand/i386/boot2/boot1.S`).
//!
//! A sealed copy, with all numbers little-endian:
//!
//! | offset | bytes | what                                                                                      |
//! |-------:|------:|-------------------------------------------------------------------------------------------|
//! |      0 |     8 | magic `SluiceBM`                                                                          |
//! |      8 |     4 | length in sectors, 1 to 16                                                                |
//! |     12 |     4 | checksum, which makes the sum of all 32-bit words 0; the sum is rotated left by a bit before each |
//! |     16 |       | the program, entered here in real mode with the drive number in `%dl`                     |
//!
//! `p` in the menu makes the loader stop at its prompt: boot2 then reads [`crate::paths::BOOT_PROMPT`] for its options.
//!
//! The sources are GNU assembly with C preprocessor directives. The builder assembles them and passes in the constants of
//! this crate; assembling does not belong here.

use std::ops::Range;

use bsd_disk::bytes::{le32, put};
use bsd_disk::units::{SECTOR_BYTES, Sectors};

/// The program of the MBR.
pub const STAGE1: &str = include_str!("../boot/stage1.S");

/// The boot manager.
pub const MANAGER: &str = include_str!("../boot/manager.S");

/// The files that these and other boot programs include: `console.inc` drives the serial port, `disk.inc` reads and writes
/// sectors through the BIOS, `crc32.inc` computes the checksum of a record, `relocate.inc` moves a boot sector, `watchdog.inc`
/// arms the hardware's watchdog.
pub const INCLUDES: &[(&str, &str)] = &[
    ("console.inc", include_str!("../boot/console.inc")),
    ("crc32.inc", include_str!("../boot/crc32.inc")),
    ("disk.inc", include_str!("../boot/disk.inc")),
    ("relocate.inc", include_str!("../boot/relocate.inc")),
    ("watchdog.inc", include_str!("../boot/watchdog.inc")),
];

/// The first sectors of the two copies of the manager. With 63 sectors per track, the copies are on different tracks.
pub const COPIES: [Sectors; 2] = [Sectors(8), Sectors(72)];

/// The most sectors of a copy.
pub const SECTORS_MAX: Sectors = Sectors(16);

/// A text in [`STAGE1`] by which sector 0 of a card is recognised: no other boot program has it.
pub const STAGE1_TEXT: &str = "boot manager copy ";

/// The address to which [`STAGE1`] moves itself, and for which it is linked.
pub const STAGE1_ORIGIN: u16 = 0x600;

/// The most bytes of [`STAGE1`]; the disk serial number follows.
pub const STAGE1_ROOM: usize = 440;

/// The address at which [`MANAGER`] is loaded, and for which it is linked.
pub const MANAGER_ORIGIN: u16 = 0x2000;

/// The first bytes of a sealed copy and of [`MANAGER`] itself.
pub const MAGIC_VALUE: [u8; 8] = *b"SluiceBM";

/// The offsets of the header's fields, for the boot programs.
pub mod offset {
    /// Length in sectors.
    pub const SECTORS: usize = 8;
    /// Checksum.
    pub const SUM: usize = 12;
    /// First byte of the program.
    pub const ENTRY: usize = 16;
}

/// Bytes of the words that the checksum adds up.
const WORD: usize = 4;

/// An invalid boot manager. Reports show these errors within a line, so those of reading have no hint line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// The program is too short or too long.
    #[error(
        "sealing the boot manager: the program has {bytes} bytes, but a copy has a header and at most {} bytes\nhint: shorten it",
        SECTORS_MAX.bytes()
    )]
    Length {
        /// The length of the program.
        bytes: usize,
    },
    /// The magic number is missing.
    #[error(
        "reading the boot manager: no boot manager found; the disk was made without it, or the gap before slice 1 was overwritten"
    )]
    Magic,
    /// The length or the checksum is wrong.
    #[error(
        "reading the boot manager: its length or checksum is wrong; the copy is damaged, and only a new image repairs it"
    )]
    Damaged,
}

/// Makes a copy for the disk from the assembled [`MANAGER`]: whole sectors, with length and checksum in the header.
///
/// # Errors
/// The program has no header, or is longer than [`SECTORS_MAX`].
pub fn seal(program: &[u8]) -> Result<Vec<u8>, ManagerError> {
    let sectors = program.len().div_ceil(SECTOR_BYTES as usize);
    if program.len() < offset::ENTRY || sectors as u64 > SECTORS_MAX.0 {
        return Err(ManagerError::Length { bytes: program.len() });
    }
    if !program.starts_with(&MAGIC_VALUE) {
        return Err(ManagerError::Magic);
    }
    let mut copy = program.to_vec();
    copy.resize(sectors * SECTOR_BYTES as usize, 0);
    put(&mut copy, offset::SECTORS, &(sectors as u32).to_le_bytes());
    // The sum required after the checksum's own word, computed backwards from the end, and the sum before it.
    let after = words(&copy, offset::ENTRY..copy.len()).rev();
    let required = after.fold(0_u32, |sum, word| sum.wrapping_sub(word).rotate_right(1));
    let before = sum(words(&copy, 0..offset::SUM));
    put(&mut copy, offset::SUM, &required.wrapping_sub(before.rotate_left(1)).to_le_bytes());
    Ok(copy)
}

/// Checks that `bytes`, the [`SECTORS_MAX`] sectors from one of [`COPIES`] on, are a copy that the MBR would enter.
///
/// # Errors
/// There is no copy, or it is damaged.
pub fn check(bytes: &[u8]) -> Result<(), ManagerError> {
    if !bytes.starts_with(&MAGIC_VALUE) {
        return Err(ManagerError::Magic);
    }
    let length = bytes.get(offset::SECTORS..offset::ENTRY).map(|_| le32(bytes, offset::SECTORS));
    let length = length.filter(|&sectors| sectors > 0 && u64::from(sectors) <= SECTORS_MAX.0);
    let copy = length.and_then(|sectors| bytes.get(..sectors as usize * SECTOR_BYTES as usize));
    match copy {
        Some(copy) if sum(words(copy, 0..copy.len())) == 0 => Ok(()),
        _ => Err(ManagerError::Damaged),
    }
}

/// The 32-bit words of a part of a copy.
fn words(copy: &[u8], part: Range<usize>) -> impl DoubleEndedIterator<Item = u32> {
    part.step_by(WORD).map(|at| le32(copy, at))
}

/// The checksum of a copy. The rotation makes it depend on the order of the words, which a failing card may change.
fn sum(words: impl Iterator<Item = u32>) -> u32 {
    words.fold(0, |sum: u32, word| sum.rotate_left(1).wrapping_add(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::FIRST_SLICE;

    fn program(bytes: usize) -> Vec<u8> {
        let mut program: Vec<u8> = (0..bytes).map(|at| (at * 7 % 251) as u8).collect();
        program[..MAGIC_VALUE.len()].copy_from_slice(&MAGIC_VALUE);
        program
    }

    #[test]
    fn stage_1_has_the_text_by_which_it_is_recognised() {
        assert!(STAGE1.contains(&format!(".ascii \"{STAGE1_TEXT}\"")));
    }

    #[test]
    fn the_copies_are_between_the_mbr_and_the_first_slice() {
        let [first, second] = COPIES;
        assert!(first > Sectors::ZERO && first + SECTORS_MAX <= second);
        assert!(second + SECTORS_MAX <= FIRST_SLICE);
        // Below the buffers of the manager, which start at 0x4000.
        assert!(u64::from(MANAGER_ORIGIN) + SECTORS_MAX.bytes() <= 0x4000);
    }

    #[test]
    fn a_sealed_copy_is_whole_sectors_and_passes_the_check() {
        for (bytes, sectors) in [(16, 1), (512, 1), (513, 2), (8192, 16)] {
            let copy = seal(&program(bytes)).unwrap();
            assert_eq!(copy.len(), sectors * 512);
            assert_eq!(check(&copy), Ok(()));
            let mut longer = copy.clone();
            longer.resize(8192, 0xff);
            assert_eq!(check(&longer), Ok(()), "the bytes after the copy are ignored");
        }
    }

    #[test]
    fn an_invalid_program_or_copy_is_refused() {
        assert_eq!(seal(&program(8193)), Err(ManagerError::Length { bytes: 8193 }));
        assert_eq!(seal(&program(15)), Err(ManagerError::Length { bytes: 15 }));
        assert_eq!(seal(&[0; 600]), Err(ManagerError::Magic));
        assert_eq!(check(&[0; 8192]), Err(ManagerError::Magic));
        assert_eq!(check(&MAGIC_VALUE), Err(ManagerError::Damaged));
    }

    #[test]
    fn swapped_sectors_are_damage() {
        let mut copy = seal(&program(1536)).unwrap();
        let (one, two) = copy.split_at_mut(1024);
        one[512..].swap_with_slice(two);
        assert_eq!(check(&copy), Err(ManagerError::Damaged));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_damage(bytes in 16..2000_usize, bit in 0..512 * 8_usize) {
            let mut copy = seal(&program(bytes)).unwrap();
            copy[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(check(&copy).is_err());
        }

        #[test]
        fn garbage_is_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..2000), magic: bool) {
            let mut noise = noise;
            if magic && noise.len() >= 8 {
                noise[..8].copy_from_slice(&MAGIC_VALUE);
            }
            let _ = check(&noise);
        }
    }
}
