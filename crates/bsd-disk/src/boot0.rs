//! The options of FreeBSD's boot manager, which `boot0cfg` stores among the boot code of the MBR.
//!
//! This module does what boot0cfg(8) does, for `boot0` and `boot0sio`, on hosts where that program does not run. The option
//! bytes have two layouts, distinguished by the position of the text `Drive `. FreeBSD builds the second one
//! (`-DVOLUME_SERIAL`, `stand/i386/boot0/Makefile`):
//!
//! | original | with serial | bytes | what                                                                   |
//! |---------:|------------:|------:|------------------------------------------------------------------------|
//! |        0 |           0 |    12 | the first instructions of every boot0                                  |
//! |    0x1b2 |       0x1ae |     6 | `Drive `                                                               |
//! |    0x1b8 |       0x1b4 |     1 | next drive, used by boot0 itself                                       |
//! |    0x1b9 |       0x1b5 |     1 | default: slice number minus one, 4 next drive, 5 network               |
//! |    0x1ba |       0x1b6 |     1 | drive number for `setdrv`                                              |
//! |    0x1bb |       0x1b7 |     1 | flags: 0x80 packet, 0x40 no update, 0x20 setdrv, 0x0f slices in the menu |
//! |        - |       0x1b8 |     4 | volume serial number                                                   |
//! |    0x1bc |       0x1bc |     2 | timeout in clock ticks, 18.2 per second                                |
//!
//! The bell character is the operand of the first instruction between 0x60 and 0x180 of the form `b0 BELL e8 .. .. 30 e4`.
//!
//! Sources: `usr.sbin/boot0cfg/boot0cfg.c` (`b0_ofs`, `boot0bs`, `set_bell`), `stand/i386/boot0/boot0.S`. Invariant: reading
//! the options and writing them back changes no byte.

use crate::bytes::{le16, put};
use crate::mbr::{MBR_BYTES, Mbr, MbrError};

/// The first instructions of a boot0: clear direction, zero the segments, stack at 0x7c00.
const ENTRY_CODE: [u8; 12] = [0xfc, 0x31, 0xc0, 0x8e, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c];

/// The text before the option bytes.
const DRIVE_TEXT: [u8; 6] = *b"Drive ";

const TICKS: usize = 0x1bc;
const SERIAL: usize = 0x1b8;

const PACKET: u8 = 0x80;
const NO_UPDATE: u8 = 0x40;
const SETDRV: u8 = 0x20;
const SLICES: u8 = 0x0f;

/// The range in which `boot0cfg` looks for the bell, and the code it looks for; `None` matches any byte.
const BELL_SEARCH: std::ops::Range<usize> = 0x60..0x180;
const BELL_CODE: [Option<u8>; 7] = [Some(0xb0), None, Some(0xe8), None, None, Some(0x30), Some(0xe4)];

/// The layout of the option bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot0Version {
    /// No volume serial number (`boot0cfg` shows 1.0).
    Original,
    /// With a volume serial number at 440 (`boot0cfg` shows 2.0).
    VolumeSerial,
}

impl Boot0Version {
    const fn drive_text(self) -> usize {
        match self {
            Self::Original => 0x1b2,
            Self::VolumeSerial => 0x1ae,
        }
    }

    const fn default_slice(self) -> usize {
        self.drive_text() + 7
    }

    const fn drive(self) -> usize {
        self.drive_text() + 8
    }

    const fn flags(self) -> usize {
        self.drive_text() + 9
    }
}

/// Options that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Boot0Error {
    /// The sector is not an MBR.
    #[error("looking for boot0: {0}")]
    Mbr(#[from] MbrError),
    /// The boot program is not a boot0.
    #[error(
        "looking for boot0: boot0cfg does not know this boot code\nhint: use /boot/boot0 or /boot/boot0sio of the world"
    )]
    Unknown,
    /// An option is out of range.
    #[error("setting boot0 options: {option} {value} is not between {least} and {most}")]
    Range {
        /// The name of the option.
        option: &'static str,
        /// The value given.
        value: u16,
        /// The smallest allowed value.
        least: u16,
        /// The largest allowed value.
        most: u16,
    },
    /// A bell was given, but the boot program has none.
    #[error("setting boot0 options: this boot0 has no bell\nhint: do not set a bell")]
    NoBell,
    /// A volume serial number was given, but the boot program has code in its place.
    #[error(
        "setting boot0 options: this boot0 was built without VOLUME_SERIAL and has no volume serial number\nhint: do not set \
         a serial number"
    )]
    NoSerial,
}

/// Everything that `boot0cfg` can set. Read the options of a boot program, change some, and apply them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot0Options {
    /// `-o packet`: read by sector number (INT 13h/42h). boot0 does not probe for it: a BIOS without it does not boot.
    pub packet: bool,
    /// `-o update`: write the choice back to the MBR on every boot.
    pub update: bool,
    /// `-o setdrv`: use [`Boot0Options::drive`] instead of the number passed by the BIOS.
    pub setdrv: bool,
    /// `-d`: the BIOS drive number, 0x80 for the first disk.
    pub drive: u8,
    /// `-m`: the slices in the menu; bit 0 is slice 1.
    pub slices_mask: u8,
    /// `-s`: the default; 1 to 4 is a slice, 5 the next drive, 6 the network.
    pub default_slice: u8,
    /// `-t`: the timeout in clock ticks, 18.2 per second.
    pub ticks: u16,
    /// `-e`: the character printed after an invalid key; `None` if the boot program has no bell.
    pub bell: Option<u8>,
    /// `-i`: the volume serial number; `None` if the boot program has none.
    pub serial: Option<[u8; 4]>,
}

impl Boot0Options {
    /// The layout of the boot0 in `mbr`.
    ///
    /// # Errors
    /// The boot program is not a boot0 that `boot0cfg` knows.
    pub fn version(mbr: &Mbr) -> Result<Boot0Version, Boot0Error> {
        let code = mbr.code();
        let is = |version: &Boot0Version| code[version.drive_text()..].starts_with(&DRIVE_TEXT);
        if !code.starts_with(&ENTRY_CODE) {
            return Err(Boot0Error::Unknown);
        }
        [Boot0Version::Original, Boot0Version::VolumeSerial].into_iter().find(is).ok_or(Boot0Error::Unknown)
    }

    /// Reads the options of the boot0 in `mbr`.
    ///
    /// # Errors
    /// The boot program is not a boot0.
    pub fn read(mbr: &Mbr) -> Result<Self, Boot0Error> {
        let version = Self::version(mbr)?;
        let code = mbr.code();
        let flags = code[version.flags()];
        Ok(Self {
            packet: flags & PACKET != 0,
            update: flags & NO_UPDATE == 0,
            setdrv: flags & SETDRV != 0,
            drive: code[version.drive()],
            slices_mask: flags & SLICES,
            default_slice: code[version.default_slice()].saturating_add(1),
            ticks: le16(code, TICKS),
            bell: bell_at(code).map(|at| code[at]),
            serial: (version == Boot0Version::VolumeSerial).then(|| mbr.serial()),
        })
    }

    /// Reads the options from the bytes of sector 0 or of the file `boot0`.
    ///
    /// # Errors
    /// They are not an MBR, or not a boot0.
    pub fn parse(sector: &[u8]) -> Result<Self, Boot0Error> {
        Self::read(&Mbr::parse(sector)?)
    }

    /// Sets the options of the boot0 in `mbr`. Everything else is kept, including the unused flag bit.
    ///
    /// # Errors
    /// The boot program is not a boot0, an option is out of the range that `boot0cfg` accepts, or the program does not
    /// have the option. Nothing is changed.
    pub fn apply(&self, mbr: &mut Mbr) -> Result<(), Boot0Error> {
        let version = Self::version(mbr)?;
        let before = Self::read(mbr)?;
        // A boot0 may contain values that boot0cfg does not accept; keeping them unchanged is not an error.
        if self.default_slice != before.default_slice {
            in_range("default slice", self.default_slice.into(), 1, 6)?;
        }
        if self.slices_mask != before.slices_mask {
            in_range("slices mask", self.slices_mask.into(), 0, SLICES.into())?;
        }
        if self.ticks != before.ticks {
            in_range("ticks", self.ticks, 1, u16::MAX)?;
        }
        let mut sector = mbr.encode();
        match (self.bell, bell_at(mbr.code())) {
            (Some(bell), Some(at)) => sector[at] = bell,
            (Some(_), None) => return Err(Boot0Error::NoBell),
            (None, _) => {}
        }
        match (self.serial, version) {
            (Some(serial), Boot0Version::VolumeSerial) => put(&mut sector, SERIAL, &serial),
            (Some(_), Boot0Version::Original) => return Err(Boot0Error::NoSerial),
            (None, _) => {}
        }
        let flags = &mut sector[version.flags()];
        *flags &= !(PACKET | NO_UPDATE | SETDRV | SLICES);
        *flags |= self.slices_mask;
        for (set, bit) in [(self.packet, PACKET), (!self.update, NO_UPDATE), (self.setdrv, SETDRV)] {
            *flags |= if set { bit } else { 0 };
        }
        sector[version.drive()] = self.drive;
        if self.default_slice != before.default_slice {
            sector[version.default_slice()] = self.default_slice - 1;
        }
        put(&mut sector, TICKS, &self.ticks.to_le_bytes());
        *mbr = Mbr::parse(&sector)?;
        Ok(())
    }
}

/// Replaces the boot program of `mbr` with `boot0`, as `boot0cfg -B` does: the table is kept, and so is the volume serial
/// number if the program has room for it.
///
/// # Errors
/// `boot0` is not a boot program that `boot0cfg` knows.
pub fn install(boot0: &[u8], mbr: &Mbr) -> Result<Mbr, Boot0Error> {
    let mut new = Mbr::parse(boot0)?;
    let version = Boot0Options::version(&new)?;
    if version == Boot0Version::VolumeSerial {
        new.set_serial(mbr.serial());
    }
    new.partitions = mbr.partitions;
    Ok(new)
}

const _: () = assert!(TICKS + 2 == crate::mbr::CODE_BYTES && MBR_BYTES > TICKS);

fn in_range(option: &'static str, value: u16, least: u16, most: u16) -> Result<(), Boot0Error> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(Boot0Error::Range { option, value, least, most })
    }
}

/// The position of the bell character in the boot code.
fn bell_at(code: &[u8]) -> Option<usize> {
    let found = |at: &usize| {
        BELL_CODE
            .iter()
            .zip(&code[*at..])
            .all(|(expected, byte)| expected.is_none_or(|expected| expected == *byte))
    };
    BELL_SEARCH.into_iter().find(found).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Geometry;
    use crate::mbr::PartitionEntry;
    use crate::slice::Slice;
    use crate::units::Sectors;

    /// A sector with the identifying bytes of a boot0 and the options that FreeBSD builds it with.
    fn sector(version: Boot0Version) -> [u8; MBR_BYTES] {
        let mut sector = [0x90; MBR_BYTES];
        put(&mut sector, 0, &ENTRY_CODE);
        put(&mut sector, 0xe0, &[0xb0, b'#', 0xe8, 0x5a, 0x00, 0x30, 0xe4]);
        put(&mut sector, 446, &[0; 64]);
        put(&mut sector, 510, &[0x55, 0xaa]);
        // "Drive ", next drive, default F1, drive 0x80, flags.
        let table: &[u8] = match version {
            Boot0Version::Original => b"Drive \0\0\x80\x8f\xb6\0",
            Boot0Version::VolumeSerial => b"Drive \0\0\x80\x8f\xa8\xa8\xa8\xa8\xb6\0",
        };
        put(&mut sector, 446 - table.len(), table);
        sector
    }

    fn stock() -> Boot0Options {
        Boot0Options {
            packet: true,
            update: true,
            setdrv: false,
            drive: 0x80,
            slices_mask: 0x0f,
            default_slice: 1,
            ticks: 182,
            bell: Some(b'#'),
            serial: Some([0xa8; 4]),
        }
    }

    #[test]
    fn a_stock_boot0_has_the_options_of_its_makefile() {
        assert_eq!(Boot0Options::parse(&sector(Boot0Version::VolumeSerial)), Ok(stock()));
        let original = Boot0Options { serial: None, ..stock() };
        assert_eq!(Boot0Options::parse(&sector(Boot0Version::Original)), Ok(original));
    }

    #[test]
    fn the_bytes_written_are_those_that_boot0cfg_writes() {
        // boot0cfg -o nopacket,noupdate -m 3 -s 2 -t 36 -e '!' -i 0102-0304
        let options = Boot0Options {
            packet: false,
            update: false,
            slices_mask: 3,
            default_slice: 2,
            ticks: 36,
            bell: Some(b'!'),
            serial: Some([1, 2, 3, 4]),
            ..stock()
        };
        let before = sector(Boot0Version::VolumeSerial);
        let mut mbr = Mbr::parse(&before).unwrap();
        options.apply(&mut mbr).unwrap();
        let mut expected = before;
        for (at, byte) in [
            (0xe1, b'!'),
            (0x1b5, 1),
            (0x1b6, 0x80),
            (0x1b7, 0x43),
            (0x1b8, 1),
            (0x1b9, 2),
            (0x1ba, 3),
            (0x1bb, 4),
            (0x1bc, 36),
            (0x1bd, 0),
        ] {
            expected[at] = byte;
        }
        assert_eq!(mbr.encode(), expected);
    }

    #[test]
    fn the_original_layout_has_its_options_four_bytes_later() {
        let mut mbr = Mbr::parse(&sector(Boot0Version::Original)).unwrap();
        let options = Boot0Options { setdrv: true, drive: 0x81, default_slice: 5, serial: None, ..stock() };
        options.apply(&mut mbr).unwrap();
        assert_eq!(mbr.encode()[0x1b8..0x1be], [0, 4, 0x81, 0xaf, 0xb6, 0]);
        let serial = Boot0Options { serial: Some([0; 4]), ..options };
        assert_eq!(serial.apply(&mut mbr), Err(Boot0Error::NoSerial));
    }

    #[test]
    fn options_out_of_range_change_nothing() {
        let mut mbr = Mbr::parse(&sector(Boot0Version::VolumeSerial)).unwrap();
        for (options, option) in [
            (Boot0Options { default_slice: 0, ..stock() }, "default slice"),
            (Boot0Options { default_slice: 7, ..stock() }, "default slice"),
            (Boot0Options { slices_mask: 16, ..stock() }, "slices mask"),
            (Boot0Options { ticks: 0, ..stock() }, "ticks"),
        ] {
            let error = options.apply(&mut mbr).unwrap_err();
            assert!(matches!(error, Boot0Error::Range { option: found, .. } if found == option), "{error}");
        }
        assert_eq!(mbr.encode(), sector(Boot0Version::VolumeSerial));
    }

    #[test]
    fn other_boot_programs_are_refused() {
        let mut other = sector(Boot0Version::VolumeSerial);
        other[3] ^= 1;
        assert_eq!(Boot0Options::parse(&other), Err(Boot0Error::Unknown));
        let mut moved = sector(Boot0Version::VolumeSerial);
        moved[0x1ae] = b'd';
        assert_eq!(Boot0Options::parse(&moved), Err(Boot0Error::Unknown));
        let mut mute = sector(Boot0Version::VolumeSerial);
        mute[0xe0] = 0x90;
        let mut mbr = Mbr::parse(&mute).unwrap();
        assert_eq!(stock().apply(&mut mbr), Err(Boot0Error::NoBell));
    }

    #[test]
    fn installing_keeps_the_table_and_the_serial_number() {
        let slice = Slice { number: 1, start: Sectors(4032), size: Sectors(972_720) };
        let mut old = Mbr::with_code(&[]).unwrap();
        old.partitions[0] = PartitionEntry::freebsd(&slice, Geometry { sectors: 63, heads: 16 }).unwrap();
        old.set_serial([9, 8, 7, 6]);
        let new = install(&sector(Boot0Version::VolumeSerial), &old).unwrap();
        assert_eq!(new.partitions, old.partitions);
        assert_eq!(Boot0Options::read(&new), Ok(Boot0Options { serial: Some([9, 8, 7, 6]), ..stock() }));
        assert_eq!(install(&old.encode(), &old), Err(Boot0Error::Unknown));
    }

    proptest! {
        #[test]
        fn options_that_are_read_and_written_back_change_nothing(
            noise in prop::collection::vec(any::<u8>(), MBR_BYTES), original: bool,
        ) {
            let version = if original { Boot0Version::Original } else { Boot0Version::VolumeSerial };
            let mut bytes = [0; MBR_BYTES];
            put(&mut bytes, 0, &noise);
            put(&mut bytes, 0, &ENTRY_CODE);
            put(&mut bytes, version.drive_text(), &DRIVE_TEXT);
            put(&mut bytes, 446, &[0; 64]);
            put(&mut bytes, 510, &[0x55, 0xaa]);
            let mut mbr = Mbr::parse(&bytes).unwrap();
            Boot0Options::read(&mbr).unwrap().apply(&mut mbr).unwrap();
            prop_assert_eq!(mbr.encode(), bytes);
        }

        #[test]
        fn garbage_is_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Boot0Options::parse(&noise);
        }
    }
}
