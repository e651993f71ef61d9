//! `[boot]`: what chooses a slot.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};
use bsd_disk::geometry::Geometry;
use firmware::layout::Layout;
use firmware::slot::Slot;

use super::raw::RawBoot;

/// What chooses a slot.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Which program.
    pub code: BootCode,
    /// boot0's: read with the BIOS's LBA calls.
    pub packet: bool,
    /// boot0's: write the choice back to the MBR.
    pub update: bool,
    /// boot0's: the slices that the menu offers, slice 1 in bit 0.
    pub menu: u8,
    /// The slot that starts by itself.
    pub default_slot: Slot,
    /// How long the menu waits, in ticks of 1/18.2 s.
    pub ticks: u16,
    /// How long the hardware's watchdog waits for the system to take it over, in seconds; 0 if it is not armed.
    pub watchdog: u16,
}

/// What stands in the MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootCode {
    /// Our own boot manager, with its boot state in `/cfg`.
    Sluice,
    /// One of the world's.
    World(WorldCode),
}

/// The world's boot codes for an MBR. They know no boot state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldCode {
    /// `/boot/boot0sio`: a menu on the serial console.
    Boot0Sio,
    /// `/boot/boot0`: a menu on a screen.
    Boot0,
    /// `/boot/mbr`: starts the active slice.
    Mbr,
}

impl WorldCode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Boot0Sio, Self::Boot0, Self::Mbr];

    /// Its file in the world's `/boot`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Boot0Sio => "boot0sio",
            Self::Boot0 => "boot0",
            Self::Mbr => "mbr",
        }
    }

    /// Whether it has boot0's table of options.
    pub const fn has_options(self) -> bool {
        !matches!(self, Self::Mbr)
    }
}

/// Seconds that are ample for an ALIX to start, and short enough for someone who waits at the other end.
const WATCHDOG: u16 = 300;

/// The seconds that a watchdog may have: enough for a loader to load a kernel, and what the CS5536 can count.
const WATCHDOG_SECONDS: RangeInclusive<u16> = 20..=32_767;

/// The last cylinder that an MBR and INT 13h/02h can name.
const LAST_CYLINDER: u64 = 1023;

impl Boot {
    /// Why slot 2 may not start, if it begins behind what the BIOS can address by cylinders and heads.
    pub(super) fn unreachable_slot(&self, layout: &Layout) -> Option<String> {
        let second = layout.slots.get(1)?;
        let cylinder = second.start.0 / layout.geometry.cylinder().0;
        if cylinder <= LAST_CYLINDER {
            return None;
        }
        let Geometry { sectors, heads } = layout.geometry;
        let begins = format!(
            "slot 2 begins in cylinder {cylinder} of {heads} heads and {sectors} sectors, and without LBA a BIOS reads no \
             further than cylinder {LAST_CYLINDER}"
        );
        let hint = "hint: use a card with more heads (media.heads, up to 255), if the BIOS shows it so, or smaller slots \
                    (slices.code)";
        match self.code {
            BootCode::World(code) if code.has_options() && !self.packet => Some(format!(
                "boot.packet: {} does not use LBA (boot.packet = false) and cannot start slot 2: {begins}\n{hint}, or set \
                 boot.packet = true",
                code.file()
            )),
            BootCode::World(_) => None,
            BootCode::Sluice => {
                Some(format!("boot.code: slot 2 cannot start on a board without LBA: {begins}\n{hint}"))
            }
        }
    }

    pub(super) fn check(raw: RawBoot, slots: usize, fill_second: bool) -> Result<Self> {
        let code = match raw.code.as_deref().unwrap_or("sluice") {
            "sluice" => BootCode::Sluice,
            other => {
                let code = WorldCode::ALL.into_iter().find(|code| code.file() == other).with_context(|| {
                    format!(
                        "boot.code: `{other}` is not a boot program\nhint: it is `sluice`, or one of the world's: `boot0sio`, `boot0`, `mbr`"
                    )
                })?;
                BootCode::World(code)
            }
        };
        let menu = raw.menu.unwrap_or_else(|| vec![1, 2]);
        ensure!(
            !menu.is_empty() && menu.iter().all(|slice| (1..=4).contains(slice)),
            "boot.menu: {menu:?}\nhint: a menu has at least one of the slices 1 to 4"
        );
        let default = raw.default.unwrap_or(1);
        let default_slot = Slot::from_number(default).filter(|_| usize::from(default) <= slots);
        let default_slot = default_slot.with_context(|| {
            format!("boot.default: slice {default} is not a slot; this product has {slots}")
        })?;
        ensure!(
            default_slot == Slot::First || fill_second,
            "boot.default: slot 2 cannot start by itself: slices.fill_second = false leaves it empty"
        );
        let ticks = raw.ticks.unwrap_or(182);
        ensure!(ticks > 0, "boot.ticks: 0\nhint: the menu waits at least 1 tick of 1/18.2 s");
        let watchdog = raw.watchdog.unwrap_or(WATCHDOG);
        ensure!(
            watchdog == 0 || WATCHDOG_SECONDS.contains(&watchdog),
            "boot.watchdog: {watchdog} s\nhint: it is 0, for none, or {} to {} s",
            WATCHDOG_SECONDS.start(),
            WATCHDOG_SECONDS.end()
        );
        Ok(Self {
            code,
            packet: raw.packet.unwrap_or(true),
            update: raw.update.unwrap_or(true),
            menu: menu.iter().fold(0, |mask, slice| mask | 1 << (slice - 1)),
            default_slot,
            ticks,
            watchdog,
        })
    }
}
