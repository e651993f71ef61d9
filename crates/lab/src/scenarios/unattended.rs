//! Scenarios of boots that must not end in waiting for somebody.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bsd_disk::units::SECTOR_BYTES;
use firmware::slot::Slot;
use firmware::state::{Failure, Mark, STARTS};

use super::states::arm;
use crate::qemu::{Disk, Machine};
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(Needs::FreeBsd, "noisy-boot", "a noisy line does not stop a boot at any stage", noisy_boot),
    Scenario::new(
        Needs::FreeBsd,
        "loader-prompt",
        "p in the menu stops at the loader's prompt, and `boot` goes on from there",
        loader_prompt,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "kernel-unreadable",
        "a trial whose kernel cannot be read restarts, and the previous system boots",
        kernel_unreadable,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "kernel-destroyed",
        "a default slot whose kernel is destroyed gives way to the other by itself",
        kernel_destroyed,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "watchdog-no-files",
        "a trial without a file system is reset, and the previous system boots",
        |unit| hangs(unit, Fault::NoSuperblock, "slot 2: starting"),
    ),
    Scenario::new(
        Needs::FreeBsd,
        "watchdog-boot2",
        "a trial that stops at the prompt of boot2 is reset, and the previous system boots",
        |unit| hangs(unit, Fault::Unreadable("/boot/loader"), "boot: "),
    ),
    Scenario::new(
        Needs::FreeBsd,
        "watchdog-loader",
        "a trial that stops at the prompt of the loader is reset, and the previous system boots",
        |unit| hangs(unit, Fault::Unreadable("/boot/lua/loader.lua"), "OK "),
    ),
    Scenario::new(
        Needs::FreeBsd,
        "watchdog-kernel",
        "a system that does not take the watchdog over is reset",
        unfed,
    ),
    Scenario::new(
        Needs::FreeBsd,
        "watchdog-stopped",
        "a system that takes the watchdog over is not reset",
        stopped,
    ),
];

/// Bytes per second that a bad line sends.
const NOISE_RATE: u32 = 20;
/// The time in which a boot under noise must have reached the login prompt.
const NOISY_BOOT: Duration = Duration::from_secs(300);
/// Seconds of the watchdog in scenarios in which it fires: a boot of FreeBSD in an emulator takes longer.
const SHORT: u16 = 30;
/// Seconds of the watchdog in scenarios in which FreeBSD comes up first.
const LONG: u16 = 120;

/// What a bad line may send, the worst first: everything, then one key again and again.
const NOISES: [&[u8]; 7] =
    [b"\x03x\r\n7 p\x1b\x1c\x04q\x1a\x14\xf0", b"\x1c", b"\x03", b"\xff", b"\0", b" ", b"2\r"];

fn noisy_boot(unit: &mut Unit<'_>) -> Result<()> {
    let rounds = unit.rig.rounds as usize;
    for noise in NOISES.into_iter().take(rounds) {
        unit.boot()?;
        let begin = Instant::now();
        let mut bytes = noise.iter().copied().cycle();
        while !unit.transcript()?.contains("login: ") {
            ensure!(begin.elapsed() < NOISY_BOOT, "noise of {noise:x?}: no login prompt");
            let byte = bytes.next().unwrap_or_default();
            unit.console()?.send_bytes(&[byte])?;
            std::thread::sleep(Duration::from_secs(1) / NOISE_RATE);
        }
        let said = unit.transcript()?;
        ensure!(said.contains("slot 1: starting"), "noise of {noise:x?} chose a slot: {said}");
        unit.cut_power()?;
    }
    Ok(())
}

fn loader_prompt(unit: &mut Unit<'_>) -> Result<()> {
    unit.equip(Machine::watchdog);
    unit.card.set_watchdog(TWO, SHORT)?;
    unit.boot()?;
    unit.press("2p\r")?;
    unit.expect("OK ")?;
    // Nobody resets a unit at whose console an engineer is.
    std::thread::sleep(Duration::from_secs((SHORT * 2).into()));
    unit.type_line("boot")?;
    unit.expect_slot(TWO)?;
    ensure!(!unit.transcript()?.contains("watchdog: "), "the watchdog was armed");
    unit.cut_power()
}

/// What keeps slot 2 from booting.
enum Fault {
    /// The superblock is cleared.
    NoSuperblock,
    /// The first sector of this file cannot be read.
    Unreadable(&'static str),
}

/// Starts a trial of slot 2, which has the fault: it hangs after it has said `last`, until the watchdog resets it.
fn hangs(unit: &mut Unit<'_>, fault: Fault, last: &str) -> Result<()> {
    unit.equip(Machine::watchdog);
    unit.card.set_watchdog(TWO, SHORT)?;
    arm(unit)?;
    match fault {
        Fault::NoSuperblock => {
            unit.card.blank_superblock(TWO)?;
            unit.boot()?;
        }
        Fault::Unreadable(path) => boot_unreadable(unit, path, 0)?,
    }
    unit.expect(&format!("watchdog: {SHORT} s"))?;
    unit.expect(last)?;
    comes_back(unit)
}

fn kernel_unreadable(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    boot_unreadable(unit, "/boot/kernel/kernel", 1_000_000)?;
    unit.expect("no kernel could be loaded; restarting")?;
    comes_back(unit)
}

fn kernel_destroyed(unit: &mut Unit<'_>) -> Result<()> {
    let sector = unit.card.sector_of(ONE, "/boot/kernel/kernel", 0)?;
    unit.card.write(sector, &[0; SECTOR_BYTES as usize])?;
    unit.boot()?;
    for _ in 0..STARTS {
        unit.expect("no kernel could be loaded; restarting")?;
    }
    unit.expect("slot 1: never reported health, gives way")?;
    unit.expect_slot(TWO)?;
    let state = unit.card.state()?.state;
    let failed = Mark::Failed(Failure::NeverHealthy);
    ensure!(state.default == TWO && state.mark(ONE) == failed, "slot 1 did not give way: {state:?}");
    unit.cut_power()
}

/// Switches the unit on with a card that cannot read the sector at `offset` of a file in slot 2.
fn boot_unreadable(unit: &mut Unit<'_>, path: &str, offset: u64) -> Result<()> {
    let sector = unit.card.sector_of(TWO, path, offset)?;
    unit.boot_from(Disk::kept(unit.card.path()).failing_reads_of(sector))
}

/// Waits for the restart after the trial, into slot 1.
fn comes_back(unit: &mut Unit<'_>) -> Result<()> {
    let begin = Instant::now();
    unit.expect("Sluice boot manager")?;
    unit.note(format!("restarted {} s after the slot's last words", begin.elapsed().as_secs()));
    unit.expect_slot(ONE)?;
    let state = unit.card.state()?.state;
    ensure!(state.default == ONE && state.pending().is_none(), "{state:?}");
    unit.cut_power()
}

fn unfed(unit: &mut Unit<'_>) -> Result<()> {
    unit.equip(Machine::watchdog);
    unit.card.set_watchdog(ONE, LONG)?;
    unit.boot()?;
    unit.expect(&format!("watchdog: {LONG} s"))?;
    unit.expect_slot(ONE)?;
    unit.expect("Sluice boot manager")?;
    unit.expect_slot(ONE)?;
    unit.cut_power()
}

fn stopped(unit: &mut Unit<'_>) -> Result<()> {
    unit.equip(Machine::watchdog);
    unit.card.set_watchdog(ONE, LONG)?;
    unit.boot()?;
    unit.expect(&format!("watchdog: {LONG} s"))?;
    unit.expect_slot(ONE)?;
    unit.log_in()?;
    // FreeBSD has no driver for QEMU's watchdog: the lab clears the bit that runs it, where a driver would.
    let device = unit.ask("pciconf -l | awk '/25ab8086|device=0x25ab/ { sub(/^.*@/, \"\", $1); sub(/:$/, \"\", $1); print $1 }'")?;
    let device = device.trim();
    ensure!(device.starts_with("pci0:"), "pciconf lists no watchdog: {device}");
    unit.ask(&format!("pciconf -w -b {device} 0x68 0"))?;
    std::thread::sleep(Duration::from_secs(u64::from(LONG) + 60));
    let uptime = unit.ask("sysctl -n kern.boottime")?;
    ensure!(uptime.contains("sec"), "the unit does not answer: {uptime}");
    let starts = unit.transcript()?.matches("Sluice boot manager").count();
    ensure!(starts == 1, "the unit was reset");
    unit.cut_power()
}
