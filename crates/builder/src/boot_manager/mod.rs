//! The boot manager, made ready for an image: assembled with the product's console and waiting time, and sealed.
//!
//! Its sources and where they go on the disk are the `firmware` crate's; this is only the way from the one to the other.

#[cfg(test)]
mod processor;
#[cfg(test)]
mod watchdog;

use std::path::Path;

use anyhow::{Context, Result, bail};
use bsd_disk::units::Sectors;
use firmware::boot_manager::{
    COPIES, INCLUDES, MAGIC_VALUE, MANAGER, MANAGER_ORIGIN, SECTORS_MAX, STAGE1, STAGE1_ORIGIN, STAGE1_ROOM,
    offset, seal,
};
use firmware::layout::{HEADER_SECTOR, Layout};
use firmware::state::COPIES as COPIES_OF_STATE;
use firmware::{slot, state};

use crate::assembler::{self, Define, Source};

const FIRST: Source =
    Source { name: "stage1", text: STAGE1, includes: INCLUDES, origin: STAGE1_ORIGIN, room: STAGE1_ROOM };

const SECOND: Source = Source {
    name: "manager",
    text: MANAGER,
    includes: INCLUDES,
    origin: MANAGER_ORIGIN,
    room: SECTORS_MAX.bytes() as usize,
};

/// The clock of a 16550 in a PC, divided by 16: its highest rate.
const UART_CLOCK: u32 = 115_200;

/// Ticks of the BIOS's clock in ten seconds: it runs at 1193182 / 65536 Hz.
const TICKS_IN_10_S: u32 = 182;

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The rate of the serial console, in bits a second.
    pub speed: u32,
    /// How long the menu waits, in ticks of 1/18.2 s.
    pub ticks: u16,
    /// The sectors of the disk with the copies of the boot state.
    pub state: [Sectors; COPIES_OF_STATE],
}

impl Options {
    /// The options for a disk with this layout.
    pub fn new(speed: u32, ticks: u16, layout: &Layout) -> Self {
        Self { speed, ticks, state: layout.partitions().state.map(|copy| copy.start) }
    }
}

/// The boot manager, ready to go into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootManager {
    /// What goes before the table of the MBR.
    pub mbr: Vec<u8>,
    /// What goes to each of [`COPIES`]: whole sectors, with length and checksum.
    pub copy: Vec<u8>,
}

impl BootManager {
    /// The boot manager from the directory `cache`, where it is put if it has to be assembled.
    ///
    /// # Errors
    /// As [`BootManager::assemble`], or the cache cannot be written.
    pub fn cached_or_assembled(
        cache: &Path,
        zig: &Path,
        zig_version: &str,
        options: &Options,
    ) -> Result<Self> {
        Self::make(options, |source, defines| {
            assembler::cached_or_assembled(cache, zig, zig_version, source, defines)
        })
    }

    /// Assembles it with the program `zig`.
    ///
    /// # Errors
    /// A UART cannot have the speed, or [`assembler::assemble`] fails.
    pub fn assemble(zig: &Path, options: &Options) -> Result<Self> {
        Self::make(options, |source, defines| assembler::assemble(zig, source, defines))
    }

    fn make(options: &Options, assemble: impl Fn(&Source, &[Define]) -> Result<Vec<u8>>) -> Result<Self> {
        let mut defines = defines(options)?;
        let copy = seal(&assemble(&SECOND, &defines)?).context("making the boot manager")?;
        defines.push(("MANAGER_BYTES", copy.len().to_string()));
        Ok(Self { mbr: assemble(&FIRST, &defines)?, copy })
    }
}

/// The rate of the console, for `console.inc`.
///
/// # Errors
/// A UART cannot have it.
pub fn console(speed: u32) -> Result<Define> {
    if !UART_CLOCK.is_multiple_of(speed) || UART_CLOCK / speed > u32::from(u16::MAX) {
        bail!(
            "setting the console to {speed} bits a second: {UART_CLOCK} is no multiple of it; 38400 and 9600 are"
        );
    }
    Ok(("CONSOLE_DIVISOR", (UART_CLOCK / speed).to_string()))
}

/// Where the slot header is, and what in it.
pub fn slot_header() -> Vec<Define> {
    // One routine checks both records, so their checksums stand in one place.
    const { assert!(slot::CRC_OFFSET == state::offset::CRC) };
    let [low, high] = magic(slot::MAGIC_VALUE);
    vec![
        ("SLOT_HEADER_SECTOR", HEADER_SECTOR.0.to_string()),
        ("SLOT_MAGIC_LOW", low),
        ("SLOT_MAGIC_HIGH", high),
        ("SLOT_VERSION", slot::VERSION_OFFSET.to_string()),
        ("SLOT_WATCHDOG", slot::WATCHDOG_OFFSET.to_string()),
        ("RECORD_CRC", slot::CRC_OFFSET.to_string()),
    ]
}

fn defines(options: &Options) -> Result<Vec<Define>> {
    let seconds = (u32::from(options.ticks) * 10 + TICKS_IN_10_S / 2) / TICKS_IN_10_S;
    let [manager_low, manager_high] = magic(MAGIC_VALUE);
    let [state_low, state_high] = magic(state::MAGIC_VALUE);
    let sectors = |at: Sectors| at.0.to_string();
    let mut defines = vec![
        console(options.speed)?,
        ("MENU_TICKS", options.ticks.to_string()),
        ("MENU_SECONDS", format!("\"{}\"", seconds.max(1))),
        ("MANAGER_FIRST", sectors(COPIES[0])),
        ("MANAGER_SECOND", sectors(COPIES[1])),
        ("MANAGER_ORIGIN", format!("{MANAGER_ORIGIN:#x}")),
        ("MANAGER_MAGIC_LOW", manager_low),
        ("MANAGER_MAGIC_HIGH", manager_high),
        ("MANAGER_ENTRY", offset::ENTRY.to_string()),
        ("STATE_FIRST", sectors(options.state[0])),
        ("STATE_SECOND", sectors(options.state[1])),
        ("STATE_THIRD", sectors(options.state[2])),
        ("STATE_MAGIC_LOW", state_low),
        ("STATE_MAGIC_HIGH", state_high),
        ("STATE_FORMAT_VALUE", state::FORMAT_VALUE.to_string()),
        ("STATE_FORMAT", state::offset::FORMAT.to_string()),
        ("STATE_LENGTH", state::offset::LENGTH.to_string()),
        ("STATE_SEQUENCE", state::offset::SEQUENCE.to_string()),
        ("STATE_DEFAULT", state::offset::DEFAULT.to_string()),
        ("STATE_TRIAL", state::offset::TRIAL.to_string()),
        ("STATE_TRIES", state::offset::TRIES.to_string()),
        ("STATE_STARTS", state::offset::STARTS.to_string()),
        ("STATE_MARKS", state::offset::MARKS.to_string()),
        ("STATE_LIMIT", state::offset::LIMIT.to_string()),
        ("STATE_FALLBACK", state::offset::FALLBACK.to_string()),
        ("MARK_BAD", state::mark::BAD.to_string()),
        ("MARK_UNTRIED", state::mark::UNTRIED.to_string()),
        ("MARK_GOOD", state::mark::GOOD.to_string()),
        ("MARK_NEVER_HEALTHY", state::mark::NEVER_HEALTHY.to_string()),
    ];
    defines.extend(slot_header());
    Ok(defines)
}

/// The first bytes of a record as two little-endian words, the way a boot program compares them.
fn magic(value: [u8; 8]) -> [String; 2] {
    let value = u64::from_le_bytes(value);
    [value as u32, (value >> 32) as u32].map(|word| format!("{word:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_no_uart_has_is_refused() {
        for speed in [0, 1, 14_401, 230_400] {
            let error = console(speed).unwrap_err().to_string();
            assert!(error.contains(&speed.to_string()), "{error}");
        }
        assert_eq!(console(9600).unwrap(), ("CONSOLE_DIVISOR", "12".to_owned()));
    }

    #[test]
    fn the_magic_is_compared_as_two_little_endian_words() {
        assert_eq!(magic(*b"SluiceSl"), ["0x69756c53".to_owned(), "0x6c536563".to_owned()]);
    }

    #[test]
    fn the_menu_tells_its_time_in_seconds() {
        for (ticks, seconds) in [(1, "\"1\""), (36, "\"2\""), (182, "\"10\""), (u16::MAX, "\"3601\"")] {
            let options = Options { speed: 38_400, ticks, state: [Sectors(1); COPIES_OF_STATE] };
            let defines = defines(&options).unwrap();
            assert!(defines.contains(&("MENU_SECONDS", seconds.to_owned())), "{ticks}: {defines:?}");
        }
    }
}
