//! The watchdog of the CS5536, as `watchdog.inc` arms it: held against a model made after the AMD Geode CS5536 Companion
//! Device Data Book (publication 33238). QEMU has no such chip; with the watchdog that it has, a story starts a unit.

use std::collections::HashMap;

use firmware::boot_manager::INCLUDES;

use super::processor::{Bus, Processor};
use crate::assembler::{Source, assemble};
use crate::toolchain::{Group, ensure};

/// A program that has nothing but the routine, reached by a jump at its first byte.
const PROGRAM: Source = Source {
    name: "watchdog",
    text: ".code16\n.globl start\nstart: jmp watchdog_arm\n#include \"watchdog.inc\"\n",
    includes: INCLUDES,
    origin: 0x2000,
    room: 1024,
};

const HOST_BRIDGE: u32 = 0x2080_1022;
const NO_DEVICE: u32 = u32::MAX;

/// `DIVIL_LBAR_MFGPT` and its bit `LBAR_EN`.
const MSR_LBAR_MFGPT: u32 = 0x5140_000d;
const LBAR_EN: u64 = 1 << 32;
/// `MFGPT_NR` and its bit `MFGPT0_C2_RSTEN`.
const MSR_MFGPT_NR: u32 = 0x5140_0029;
const C2_RSTEN: u64 = 1 << 24;
const BASE: u16 = 0x6200;

/// `MFGPT0_SETUP`: counter enabled, set-up done, and the bits that can be written once.
const CNT_EN: u16 = 1 << 15;
const SETUP: u16 = 1 << 12;
const ONCE: u16 = 0x0fff;

/// PCI bus 0 and the CS5536 behind it.
struct Board {
    bridge: Option<u32>,
    selected: u32,
    msrs: HashMap<u32, u64>,
    comparators: [u16; 2],
    counter: u16,
    setup: u16,
}

impl Board {
    fn alix() -> Self {
        let msrs = [(MSR_LBAR_MFGPT, 0xf000 << 32 | LBAR_EN | u64::from(BASE)), (MSR_MFGPT_NR, 0)];
        Self {
            bridge: Some(HOST_BRIDGE),
            selected: 0,
            msrs: msrs.into(),
            comparators: [0; 2],
            counter: 0,
            setup: 0,
        }
    }

    /// The seconds from now to the reset, if timer 0 counts towards one: with the 32768 Hz clock divided by two to the power
    /// of `SCALE`, to the value of comparator 2, whose event, if it has one, resets.
    fn seconds_to_reset(&self) -> Option<u16> {
        let clock_is_32k = self.setup & 1 << 4 == 0;
        let has_event = self.setup >> 8 & 3 == 3;
        let resets = self.msrs[&MSR_MFGPT_NR] & C2_RSTEN != 0;
        let rate = 32_768 >> (self.setup & 0xf);
        (self.setup & CNT_EN != 0 && clock_is_32k && has_event && resets)
            .then(|| (self.comparators[1] - self.counter) / rate)
    }
}

impl Bus for Board {
    fn read(&mut self, port: u16, bytes: usize) -> u32 {
        match (port, bytes) {
            (0xcfc, 4) if self.selected == 0x8000_0800 => self.bridge.unwrap_or(NO_DEVICE),
            (0xcfc, 4) => {
                assert!(self.selected & 0xff00_07ff == 0x8000_0000, "{:#x}", self.selected);
                NO_DEVICE
            }
            (port, 2) if port == BASE + 6 => self.setup.into(),
            _ => panic!("{bytes} bytes from port {port:#x}"),
        }
    }

    fn write(&mut self, port: u16, bytes: usize, value: u32) {
        match (port, bytes) {
            (0xcf8, 4) => self.selected = value,
            (port, 2) if (BASE..BASE + 8).contains(&port) => {
                let value = value as u16;
                assert!(port == BASE + 6 || self.setup & CNT_EN == 0, "changed while it counts");
                match port - BASE {
                    0 => self.comparators[0] = value,
                    2 => self.comparators[1] = value,
                    4 => self.counter = value,
                    6 if self.setup & SETUP == 0 => self.setup = value & (CNT_EN | ONCE) | SETUP,
                    6 => self.setup = self.setup & (SETUP | ONCE) | value & CNT_EN,
                    _ => panic!("port {port:#x}"),
                }
            }
            _ => panic!("{bytes} bytes to port {port:#x}"),
        }
    }

    fn read_msr(&mut self, number: u32) -> u64 {
        // A read of a register that is not there is a fault, which ends the boot.
        self.msrs[&number]
    }

    fn write_msr(&mut self, number: u32, value: u64) {
        *self.msrs.get_mut(&number).unwrap() = value;
    }
}

/// Arms the board's watchdog. Returns the seconds that the routine returns, and the board.
fn arm(board: Board, seconds: u16) -> (Option<u16>, Board) {
    let tools = ensure(&[Group::Image], &mut |line| eprintln!("{line}")).unwrap();
    let program = assemble(tools.path("zig").unwrap(), &PROGRAM, &[]).unwrap();
    let mut processor = Processor::new(&program, PROGRAM.origin, board);
    let armed = processor.call(PROGRAM.origin, seconds);
    (armed, processor.bus)
}

#[test]
fn the_timer_resets_the_unit_after_the_seconds_given() {
    for (seconds, armed) in [(1, 1), (300, 300), (32_767, 32_767), (u16::MAX, 32_767)] {
        let (said, board) = arm(Board::alix(), seconds);
        assert_eq!((said, board.seconds_to_reset()), (Some(armed), Some(armed)));
    }
}

#[test]
fn what_freebsds_driver_left_behind_is_armed_again() {
    // 0x030e, counting, with the reset enabled, half a minute from its end.
    let mut left =
        Board { setup: CNT_EN | SETUP | 0x030e, comparators: [0, 256], counter: 200, ..Board::alix() };
    left.msrs.insert(MSR_MFGPT_NR, C2_RSTEN | 0xff);
    let (said, board) = arm(left, 300);
    assert_eq!((said, board.seconds_to_reset()), (Some(300), Some(300)));
    assert_eq!(board.msrs[&MSR_MFGPT_NR], C2_RSTEN | 0xff, "bits of other timers are kept");
}

#[test]
fn a_timer_that_the_bios_uses_is_left_alone() {
    let setup = CNT_EN | SETUP | 0x0301;
    let (said, board) = arm(Board { setup, comparators: [7, 9], counter: 3, ..Board::alix() }, 300);
    assert_eq!((said, board.setup, board.comparators, board.counter), (None, setup, [7, 9], 3));
    assert_eq!(board.msrs[&MSR_MFGPT_NR], 0);
}

#[test]
fn without_the_chip_or_its_registers_there_is_no_watchdog() {
    let mut disabled = Board::alix();
    disabled.msrs.insert(MSR_LBAR_MFGPT, u64::from(BASE));
    let other = Board { bridge: Some(0x1237_8086), msrs: HashMap::new(), ..Board::alix() };
    let none = Board { bridge: None, msrs: HashMap::new(), ..Board::alix() };
    for board in [disabled, other, none] {
        let (said, board) = arm(board, 300);
        assert_eq!((said, board.setup), (None, 0));
    }
}
