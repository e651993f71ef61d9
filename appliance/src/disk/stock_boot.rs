//! Cards whose sector 0 has one of FreeBSD's boot programs (`boot.code`) and not Sluice's: which slot starts, and what
//! changes it.
//!
//! The program only chooses a first sector. That is boot1 (`stand/i386/boot2/boot1.S`), which reads sector 0 again and
//! starts the first *active* FreeBSD slice, or the first FreeBSD slice if none is active:
//!
//! | program                         | loads the first sector of                                             |
//! |---------------------------------|-----------------------------------------------------------------------|
//! | `boot0`, `boot0sio` (`boot0.S`) | its default slice; waits for ever if that has no signature            |
//! | `mbr` (`mbr.S`)                 | the only active slice; stops if none or several are active            |
//!
//! So a slot starts whatever happens to the other one only if it is both the default and the active slice. Reading opens
//! nothing for writing. How the two are changed without writing the disk is in [`StockBoot::commands`].

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use bsd_disk::boot0::Boot0Options;
use bsd_disk::mbr::{KIND_FREEBSD, MBR_BYTES, Mbr};
use bsd_disk::units::SECTOR_BYTES;
use firmware::boot_manager::STAGE1_TEXT;
use firmware::slot::Slot;
use serde::Serialize;

use super::lookup;
use super::slot_devices::SlotDevices;

/// `int $0x14`: only the variant for the serial console calls the BIOS's serial services.
const SERIAL_CALL: [u8; 2] = [0xcd, 0x14];
/// A message of `mbr`.
const MBR_TEXT: &[u8] = b"Invalid partition table";
/// The signature of a first sector that can start, and where it is.
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
const SIGNATURE_AT: usize = 510;

const GPART: &str = "/sbin/gpart";
const BOOT0CFG: &str = "/usr/sbin/boot0cfg";

/// The program in sector 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    /// FreeBSD's boot manager, with its menu on the screen.
    Boot0,
    /// The same, with its menu on the serial console.
    Boot0Sio,
    /// FreeBSD's program without a menu.
    Mbr,
    /// Another program, of which is assumed that it starts the active slice.
    Unknown,
}

impl Program {
    /// Whether it has a default slice of its own.
    pub fn has_default(self) -> bool {
        matches!(self, Self::Boot0 | Self::Boot0Sio)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Boot0 => "FreeBSD's boot0",
            Self::Boot0Sio => "FreeBSD's boot0sio",
            Self::Mbr => "FreeBSD's mbr",
            Self::Unknown => "an unknown boot program",
        })
    }
}

/// What sector 0 of such a card says. Serialized, it is a part of `--json`: fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StockBoot {
    /// The program.
    pub program: Program,
    /// The name of the disk, without `/dev/`.
    pub disk: String,
    /// The program's default slice, if it has one and its menu offers it.
    pub default_slice: Option<u8>,
    /// The active slices; there should be one.
    pub active_slices: Vec<u8>,
    /// The slot that starts next, unless a key is pressed at the console; `None` if no slot does.
    pub next: Option<Slot>,
}

impl StockBoot {
    /// What `sector` 0 of `disk` says, if the first sectors of the slots have a signature where `is_armed` says so; `None`
    /// if it has Sluice's program.
    ///
    /// # Errors
    /// The sector is not an MBR.
    pub fn of(disk: &str, sector: &[u8], is_armed: [bool; 2]) -> Result<Option<Self>> {
        let mbr = Mbr::parse(sector)?;
        let has = |text: &[u8]| mbr.code().windows(text.len()).any(|bytes| bytes == text);
        if has(STAGE1_TEXT.as_bytes()) {
            return Ok(None);
        }
        let options = Boot0Options::read(&mbr).ok();
        let program = match options {
            Some(_) if has(&SERIAL_CALL) => Program::Boot0Sio,
            Some(_) => Program::Boot0,
            None if has(MBR_TEXT) => Program::Mbr,
            None => Program::Unknown,
        };
        let numbered = || (1..).zip(&mbr.partitions);
        let is_offered = |number: u8| {
            let is_used = mbr.slice(number).is_some();
            is_used && options.as_ref().is_some_and(|options| options.slices_mask & 1 << (number - 1) != 0)
        };
        let default_slice =
            options.as_ref().map(|options| options.default_slice).filter(|number| is_offered(*number));
        let active_slices: Vec<u8> =
            numbered().filter(|(_, entry)| entry.active).map(|(number, _)| number).collect();
        // The slice whose first sector is loaded.
        let first = match (program.has_default(), &*active_slices) {
            (true, _) => default_slice,
            (false, [active]) => Some(*active),
            (false, _) => None,
        };
        // The slice that this sector, boot1, starts.
        let freebsd = || numbered().filter(|(_, entry)| entry.kind == KIND_FREEBSD);
        let started = freebsd().find(|(_, entry)| entry.active).or_else(|| freebsd().next());
        let is_loaded = first.and_then(Slot::from_number).is_some_and(|slot| is_armed[slot.index()]);
        let next = started.filter(|_| is_loaded).and_then(|(number, _)| Slot::from_number(number));
        Ok(Some(Self { program, disk: disk.to_owned(), default_slice, active_slices, next }))
    }

    /// Whether `slot` starts next, and nothing that happens to the other slot changes that.
    pub fn starts_only(&self, slot: Slot) -> bool {
        let number = slot.number();
        let is_default = !self.program.has_default() || self.default_slice == Some(number);
        is_default && self.active_slices == [number] && self.next == Some(slot)
    }

    /// The commands that make `slot` active, and the default of the program if it has one.
    ///
    /// `gpart set` has the kernel write sector 0. `boot0cfg` does too, but only if it cannot open the disk for writing
    /// (`write_mbr()` in boot0cfg.c). On a unit that has everything mounted read-only it can, and its write makes GEOM
    /// taste the disk again, which unmounts the root. So a part of the disk has to be open for writing meanwhile.
    pub fn commands(&self, slot: Slot) -> Vec<Vec<String>> {
        let number = slot.to_string();
        let mut commands = vec![vec![GPART, "set", "-a", "active", "-i", &number, &self.disk]];
        if self.program.has_default() {
            commands.push(vec![BOOT0CFG, "-s", &number, &self.disk]);
        }
        commands.into_iter().map(|words| words.into_iter().map(str::to_owned).collect()).collect()
    }

    /// The same for a shell, in one line. The mount of `/cfg` is what keeps `boot0cfg` from writing the disk itself.
    pub fn typed(&self, slot: Slot) -> String {
        let disk = &self.disk;
        let gpart = format!("gpart set -a active -i {slot} {disk}");
        match self.program.has_default() {
            true => format!("{gpart}; mount /cfg && boot0cfg -s {slot} {disk}; umount /cfg"),
            false => gpart,
        }
    }
}

impl fmt::Display for StockBoot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next {
            Some(next) => write!(out, "slot {next} starts next")?,
            None => write!(out, "no slot starts by itself")?,
        }
        write!(out, ": {} has {}", self.disk, self.program)?;
        if self.program.has_default() {
            match self.default_slice {
                Some(number) => write!(out, ", default slice {number}")?,
                None => write!(out, ", no default slice")?,
            }
        }
        match &*self.active_slices {
            [] => write!(out, ", no active slice"),
            [number] => write!(out, ", active slice {number}"),
            slices => {
                let numbers: Vec<String> = slices.iter().map(u8::to_string).collect();
                write!(out, ", active slices {}", numbers.join(" and "))
            }
        }
    }
}

/// Reads sector 0 of the disk with these slots, and the first sectors of the slots.
///
/// # Errors
/// The disk is not known or cannot be read, or its sector 0 is not an MBR. A slot that cannot be read has no signature.
pub fn read_stock_boot(devices: &SlotDevices) -> Result<Option<StockBoot>> {
    let disk = lookup::disk_of(&devices.running_slice())?;
    let attempt = || format!("reading sector 0 of {disk}");
    let sector = first_sector(&format!("/dev/{disk}")).with_context(attempt)?;
    let is_armed = |slot| first_sector(&devices.path(slot)).is_ok_and(|sector| has_signature(&sector));
    StockBoot::of(&disk, &sector, Slot::ALL.map(is_armed)).with_context(attempt)
}

/// Whether a first sector has the signature without which no program starts it.
fn has_signature(sector: &[u8]) -> bool {
    sector[SIGNATURE_AT..].starts_with(&SIGNATURE)
}

fn first_sector(path: &str) -> std::io::Result<[u8; MBR_BYTES]> {
    const _: () = assert!(MBR_BYTES as u64 == SECTOR_BYTES);
    let mut sector = [0; MBR_BYTES];
    File::open(path)?.read_exact_at(&mut sector, 0)?;
    Ok(sector)
}

#[cfg(test)]
mod tests {
    use super::super::boot_sectors::{boot0, boot0sio, mbr, sluice, with_active, with_default};
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    fn found(sector: &[u8]) -> StockBoot {
        StockBoot::of("ada0", sector, [true; 2]).unwrap().unwrap()
    }

    #[test]
    fn each_boot_program_is_recognised() {
        for (sector, program, default) in [
            (boot0(1, 1), Program::Boot0, Some(1)),
            (boot0sio(1, 1), Program::Boot0Sio, Some(1)),
            (mbr(1), Program::Mbr, None),
            (with_active([0; MBR_BYTES], &[1]), Program::Unknown, None),
        ] {
            let stock = found(&sector);
            assert_eq!((stock.program, stock.default_slice), (program, default));
            assert_eq!((&*stock.active_slices, stock.next), (&[1][..], Some(ONE)), "{program}");
        }
        assert_eq!(StockBoot::of("ada0", &sluice(), [true; 2]).unwrap(), None);
        assert!(StockBoot::of("ada0", &[0; MBR_BYTES], [true; 2]).is_err());
    }

    #[test]
    fn boot0_loads_its_default_slice_which_starts_the_active_one() {
        for (default, active, is_armed, next) in [
            (1, 1, [true, true], Some(ONE)),
            (2, 2, [true, true], Some(TWO)),
            // `gpart set -a active` alone starts the slot, by way of the other one.
            (1, 2, [true, true], Some(TWO)),
            // `boot0cfg -s` alone has no effect.
            (2, 1, [true, true], Some(ONE)),
            // The default slice is being written: boot0 waits, whatever is active.
            (1, 2, [false, true], None),
            (2, 2, [true, false], None),
            (2, 1, [false, true], Some(ONE)),
            // Neither the next drive nor /cfg is a slot.
            (5, 1, [true, true], None),
            (3, 1, [true, true], None),
        ] {
            let stock = StockBoot::of("ada0", &boot0sio(default, active), is_armed).unwrap().unwrap();
            assert_eq!(stock.next, next, "default {default}, active {active}, {is_armed:?}");
            for slot in Slot::ALL {
                let is_both = default == slot.number() && active == slot.number();
                assert_eq!(stock.starts_only(slot), is_both && next == Some(slot), "{default} {active}");
            }
        }
    }

    #[test]
    fn a_default_slice_that_the_menu_does_not_offer_starts_nothing() {
        let mut sector = boot0sio(2, 2);
        sector[0x1b7] &= !0x02;
        let stock = found(&sector);
        assert_eq!((stock.default_slice, stock.next), (None, None));
        assert!(!stock.starts_only(TWO));
    }

    #[test]
    fn mbr_needs_one_active_slice_and_boot1_manages_without() {
        for (active, next) in [(&[2][..], Some(TWO)), (&[], None), (&[1, 2], None), (&[3], None)] {
            let stock = found(&with_active(mbr(1), active));
            assert_eq!((stock.next, &*stock.active_slices), (next, active));
        }
        let stock = found(&with_active(boot0(2, 1), &[]));
        assert_eq!(stock.next, Some(ONE), "boot1 starts the first FreeBSD slice if none is active");
        assert!(!found(&with_active(boot0(1, 1), &[1, 2])).starts_only(ONE));
        assert_eq!(found(&with_default(boot0(1, 1), 2)).default_slice, Some(2));
    }

    #[test]
    fn it_is_described_with_the_commands_of_its_program() {
        let described: Vec<String> =
            [boot0(2, 1), mbr(2), with_active(boot0sio(5, 1), &[]), with_active(mbr(1), &[1, 2])]
                .iter()
                .map(|sector| {
                    let stock = found(sector);
                    let commands =
                        stock.commands(TWO).iter().map(|words| words.join(" ")).collect::<Vec<_>>();
                    format!("{stock}\n  {}\n  {}\n", stock.typed(TWO), commands.join("\n  "))
                })
                .collect();
        insta::assert_snapshot!(described.concat(), @r"
        slot 1 starts next: ada0 has FreeBSD's boot0, default slice 2, active slice 1
          gpart set -a active -i 2 ada0; mount /cfg && boot0cfg -s 2 ada0; umount /cfg
          /sbin/gpart set -a active -i 2 ada0
          /usr/sbin/boot0cfg -s 2 ada0
        slot 2 starts next: ada0 has FreeBSD's mbr, active slice 2
          gpart set -a active -i 2 ada0
          /sbin/gpart set -a active -i 2 ada0
        no slot starts by itself: ada0 has FreeBSD's boot0sio, no default slice, no active slice
          gpart set -a active -i 2 ada0; mount /cfg && boot0cfg -s 2 ada0; umount /cfg
          /sbin/gpart set -a active -i 2 ada0
          /usr/sbin/boot0cfg -s 2 ada0
        no slot starts by itself: ada0 has FreeBSD's mbr, active slices 1 and 2
          gpart set -a active -i 2 ada0
          /sbin/gpart set -a active -i 2 ada0
        ");
    }
}
