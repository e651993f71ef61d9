//! The boot manager's promises: on a disk put together by hand, with the miniature world's slots, judged by a BIOS.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use builder::assembler::{Source, assemble};
use firmware::boot_manager;
use firmware::layout::{DataSize, FIRST_SLICE, HEADER_SECTOR, Layout, Request, SlotCount};
use firmware::slot::{Slot, SlotHeader};
use firmware::state::{BootState, Failure, Mark, Trial};
use lab::qemu::{Disk, Guest, Machine, lba_off_floppy};

use crate::test_disk::{BOOT, CARD, SLOT_1, SLOT_2, TestDisk, header, manager, plan, programs, says, tools};

/// The time-out of stories without a key.
const AT_ONCE: u16 = 2;
/// The time-out of stories with a key, which would fail if it elapsed.
const LONG: u16 = 3000;

/// A disk with the boot manager, whose menu waits `ticks`; slot 1 is the default.
fn card(zig: &Path, ticks: u16) -> TestDisk {
    let layout = plan(Sectors::from_mib(64), CARD);
    let manager = manager(zig, ticks, &layout);
    TestDisk::new(&programs(zig, true), layout).with_manager(&manager)
}

fn factory() -> BootState {
    BootState::factory(Slot::First, [true; 2], None)
}

/// Slot 2 is on trial.
fn on_trial(tries: u8) -> BootState {
    BootState { trial: Some(Trial { slot: Slot::Second, tries }), ..factory() }
}

fn boot_kept(disk: &TestDisk) -> Guest {
    disk.start(Machine::new().disk(Disk::kept(disk.path())))
}

/// What it has said up to now, for people to read in a failure.
fn text(guest: &Guest) -> String {
    guest.console.transcript()
}

#[test]
fn the_menu_names_both_slots_with_version_and_state() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, 36);
    let (bad, good) = ([Mark::Good, Mark::Bad], [Mark::Good; 2]);
    let (untried, failed) = ([Mark::Good, Mark::Untried], [Mark::Good, Mark::Failed(Failure::RolledBack)]);
    for (trial, marks, second) in [
        (None, good, "good"),
        (None, bad, "bad"),
        (None, untried, "untried"),
        (None, failed, "failed"),
        (Some(0), failed, "failed"),
        (Some(1), untried, "trial, 1 left"),
        (Some(255), good, "trial, 255 left"),
        (Some(0), untried, "failed trial"),
        (Some(1), bad, "bad"),
    ] {
        let trial = trial.map(|tries| Trial { slot: Slot::Second, tries });
        disk.set_state(&BootState { trial, marks, ..factory() });
        let mut guest = disk.boot();
        let menu = guest.console.expect("to choose, 2 s: ", BOOT).unwrap();
        let wanted = format!(
            "\r\nSluice boot manager\r\n 1  0.1.0-dev.3+gabc  good, default\r\n 2  0.2.0-dev.3+gabc  {second}\r\n1, 2 or p "
        );
        assert!(menu.contains(&wanted), "{menu}");
    }
}

#[test]
fn a_slot_without_a_header_is_listed_and_started_all_the_same() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    disk.write(disk.layout.slots[0].start + BOOT_AREA, &[0; SECTOR_BYTES as usize]);
    let mut guest = disk.boot();
    guest.console.expect(" 1  no version  good, default\r\n", BOOT).unwrap();
    says(&mut guest, "sluice miniature: slot 1, no header: the slot is empty");
}

#[test]
fn a_trial_is_paid_for_before_its_slot_starts_and_a_power_cut_does_not_give_it_back() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    disk.set_state(&on_trial(2));
    for (tries, line, starts) in [(1, SLOT_2, 0), (0, SLOT_2, 0), (0, SLOT_1, 1)] {
        let mut guest = boot_kept(&disk);
        says(&mut guest, line);
        guest.power_cut().unwrap();
        assert_eq!(disk.state(), BootState { starts, ..on_trial(tries) });
    }
}

#[test]
fn either_slot_is_chosen_by_any_key_that_a_terminal_or_a_keyboard_has_for_it() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, LONG);
    // The default is the other one, so that only the key can have done it.
    let other = |line| if line == SLOT_1 { Slot::Second } else { Slot::First };
    let state = |line| BootState { default: other(line), ..factory() };
    let cases = [
        ("1\r", SLOT_1),
        ("2\r", SLOT_2),
        ("\x1bOP", SLOT_1),
        ("\x1bOQ", SLOT_2),
        ("\x1b[11~", SLOT_1),
        ("\x1b[12~", SLOT_2),
        ("2p\r", SLOT_2),
        ("P1\r", SLOT_1),
    ];
    for (keys, line) in cases {
        disk.set_state(&state(line));
        let mut guest = boot_kept(&disk);
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send(keys).unwrap();
        says(&mut guest, line);
        guest.power_cut().unwrap();
        assert_eq!(disk.state(), state(line), "a key is a choice for one boot");
    }
    let keys: [(&[&str], _); 4] =
        [(&["1", "ret"], SLOT_1), (&["2", "ret"], SLOT_2), (&["f1"], SLOT_1), (&["f2"], SLOT_2)];
    for (keys, line) in keys {
        disk.set_state(&state(line));
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        keys.iter().for_each(|key| guest.press_key(key).unwrap());
        says(&mut guest, line);
    }
}

#[test]
fn enter_ends_the_waiting_and_chooses_nothing() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, LONG);
    for (state, line) in [
        (factory(), SLOT_1),
        (BootState { default: Slot::Second, ..factory() }, SLOT_2),
        (on_trial(1), SLOT_2),
        (on_trial(0), SLOT_1),
    ] {
        disk.set_state(&state);
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send("\r").unwrap();
        says(&mut guest, line);
    }
    let mut guest = disk.boot();
    guest.console.expect("to choose", BOOT).unwrap();
    guest.press_key("ret").unwrap();
    says(&mut guest, SLOT_1);
}

/// A boot area that prints the name of the file that boot2 would read its options from.
const NAMES_ITS_CONFIGURATION: &str = "
    .code16
    .globl start
start:
    .org 510
    .word 0xaa55
    .org 0x40a
    .word 0x200
    .org 0x410
    call console_open
    movw $name, %si
    call print
halt:
    hlt
    jmp halt
#include \"console.inc\"
name: .asciz \"reads /boot/config\\r\\n\"
";

fn names_its_configuration(zig: &Path) -> Vec<u8> {
    let source = Source {
        name: "names",
        text: NAMES_ITS_CONFIGURATION,
        includes: boot_manager::INCLUDES,
        origin: 0x8c00,
        room: BOOT_AREA.bytes() as usize,
    };
    assemble(zig, &source, &[("CONSOLE_DIVISOR", "3".to_owned())]).unwrap()
}

#[test]
fn p_makes_boot2_read_the_options_for_a_prompt() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, 36);
    let program = names_its_configuration(&zig);
    for slot in &disk.layout.slots {
        disk.write(slot.start, &program);
    }
    for (keys, slot, name) in [
        ("", 1, "/boot/config"),
        ("2\r", 2, "/boot/config"),
        ("p\r", 1, "/boot/prompt"),
        ("2p\r", 2, "/boot/prompt"),
        ("p", 1, "/boot/config"),
    ] {
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send(keys).unwrap();
        let said = guest.console.expect_line("reads ", BOOT).unwrap();
        assert_eq!(said, format!("reads {name}"), "{keys:?}");
        assert!(text(&guest).contains(&format!("slot {slot}: starting")), "{}", text(&guest));
    }
}

#[test]
fn a_slot_that_hangs_is_reset_by_the_watchdog() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    // It prints a line and halts for ever.
    let second = &disk.layout.slots[1];
    disk.write(second.start, &names_its_configuration(&zig));
    let header = SlotHeader { watchdog: 3, ..header(2, second.size) };
    disk.write(second.start + HEADER_SECTOR, &header.encode().unwrap());
    disk.set_state(&on_trial(1));
    let machine = || Machine::new().disk(Disk::kept(disk.path()));
    let mut guest = disk.start(machine().watchdog());
    guest.console.expect("watchdog: 3 s\r\nslot 2: starting\r\nreads /boot/config", BOOT).unwrap();
    guest.console.expect("Sluice boot manager", BOOT).unwrap();
    // The header of slot 1 leaves it alone.
    says(&mut guest, SLOT_1);
    assert_eq!(text(&guest).matches("watchdog: ").count(), 1, "{}", text(&guest));
    guest.power_cut().unwrap();
    assert_eq!(disk.state().pending(), None);

    // Without the device, nothing is armed or said.
    disk.set_state(&on_trial(1));
    let mut guest = disk.start(machine());
    guest.console.expect("to choose, 1 s: \r\nslot 2: starting\r\nreads /boot/config", BOOT).unwrap();
}

/// What is no choice: incomplete lines, more than a choice, other keys, and a choice that something follows or precedes.
#[test]
fn what_is_not_a_deliberate_choice_chooses_nothing() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, 36);
    for keys in [
        "2",
        "x2\r",
        "2x\r",
        "22\r",
        "12\r",
        "pp\r",
        "2\rx",
        "\x1bOQ2",
        "\x1bOQ\x1b",
        "2\x1bOQ",
        "\x1b[12~\0",
        "\x1b2\r",
        "\x1bOR",
        "\x1b[20~\x1b[21~\x1b[23~\x1b[24~",
        "\x1b[1;2Q",
        "\x1b[[B",
        "\x1b[112~\x1b[~",
    ] {
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send(keys).unwrap();
        says(&mut guest, SLOT_1);
    }
}

/// A line in a cupboard may send anything for ever: as fast as it can, or a byte now and then.
#[test]
fn a_stream_of_noise_neither_stops_the_boot_nor_chooses_a_slot() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, 9);
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noises: [&[u8]; 6] = [b"\0", b"\xff", b" ", b"2\r", b"\x1bOQ", b"\x1b["];
    let mut streams: Vec<Vec<u8>> =
        noises.iter().map(|noise| noise.iter().copied().cycle().take(60_000).collect()).collect();
    streams.push((0..60_000).map(|_| random()).collect());
    for stream in &streams {
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        // As much as fits in a pipe.
        guest.console.send_bytes(stream).unwrap();
        says(&mut guest, SLOT_1);
    }
    // Five bytes a second, with every wait for the slot as the pause.
    for stream in &streams {
        let mut guest = disk.boot();
        guest.console.expect("Sluice boot manager", BOOT).unwrap();
        let started = stream.iter().take(300).any(|byte| {
            guest.console.send_bytes(&[*byte]).unwrap();
            guest.console.expect("slot 1: starting", Duration::from_millis(200)).is_ok()
        });
        assert!(started, "{}", text(&guest));
    }
}

#[test]
fn a_choice_counts_again_when_the_line_has_become_quiet() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, LONG);
    let mut guest = disk.boot();
    guest.console.expect("to choose", BOOT).unwrap();
    guest.console.send("#$%!").unwrap();
    // A choice too early is noise, too; one of them comes after the quiet.
    let started = (0..20).any(|_| {
        guest.console.send("2\r").unwrap();
        guest.console.expect("slot 2: starting", Duration::from_secs(4)).is_ok()
    });
    assert!(started, "{}", text(&guest));
}

/// A boot floppy that spoils the BIOS in the way that is defined, and boots the disk as the BIOS would.
const SPOILT_BIOS: &str = "
    .code16
    .globl start
start:
    cli
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7c00, %sp
    movw %ax, %ds
    movw %ax, %es
    cld
    movw $0x7c00, %si
    movw $start, %di
    movw $256, %cx
    rep movsw
    ljmp $0, $moved
moved:
#ifdef CLOCK_STANDS
    inb $0x21, %al
    orb $1, %al
    outb %al, $0x21
#endif
#ifdef NEAR_MIDNIGHT
    movl $0x1800ad, 0x46c
#endif
#ifdef WRITES_ARE_LOST
    movl 0x13 * 4, %eax
    movl %eax, bios
    decw 0x413
    movw 0x413, %ax
    shlw $6, %ax
    movw %ax, %es
    movw $handler, %si
    xorw %di, %di
    movw $(handler_end - handler), %cx
    rep movsb
    movw $0, 0x13 * 4
    movw %ax, 0x13 * 4 + 2
#endif
    sti
    xorw %ax, %ax
    movw %ax, %es
    movw $0x7c00, %bx
    movw $0x0201, %ax
    movw $1, %cx
    movw $0x80, %dx
    int $0x13
    movw $0x80, %dx
    ljmp $0, $0x7c00

handler:
    cmpb $0x43, %ah
    je lost
    cmpb $0x03, %ah
    je lost
    .byte 0x2e, 0xff, 0x2e
    .word bios - handler
lost:
    pushw %bp
    movw %sp, %bp
    andb $0xfe, 6(%bp)
    popw %bp
    movb $0, %ah
    iret
bios: .long 0
handler_end:

    .org 510
    .word 0xaa55
";

fn spoilt_bios(zig: &Path, disk: &TestDisk, how: &'static str) -> PathBuf {
    let (name, text) = ("spoilt", SPOILT_BIOS);
    let source = Source { name, text, includes: &[], origin: 0x600, room: 512 };
    let mut image = assemble(zig, &source, &[(how, "1".to_owned())]).unwrap();
    image.resize(1440 * 1024, 0);
    let path = disk.dir.path().join("floppy.img");
    std::fs::write(&path, image).unwrap();
    path
}

#[test]
fn a_stopped_clock_or_midnight_does_not_stop_the_time_out() {
    let Some(zig) = tools() else { return };
    // 65536 polls, each with a call of the BIOS, are long in the emulator: two such ticks are enough.
    for (how, ticks) in [("CLOCK_STANDS", 2), ("NEAR_MIDNIGHT", 36)] {
        let disk = card(&zig, ticks);
        let floppy = spoilt_bios(&zig, &disk, how);
        let mut guest = disk.start(Machine::new().disk(Disk::thrown_away(disk.path())).boot_floppy(floppy));
        guest.console.expect("to choose", BOOT).unwrap();
        says(&mut guest, SLOT_1);
    }
}

#[test]
fn a_bios_without_lba_starts_both_slots_and_pays_for_a_trial() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    let floppy = disk.dir.path().join("lba-off.img");
    lba_off_floppy(&zig, &floppy).unwrap();
    disk.set_state(&on_trial(1));
    for (line, starts) in [(SLOT_2, 0), (SLOT_1, 1)] {
        let mut guest = disk.start(Machine::new().disk(Disk::kept(disk.path())).boot_floppy(&floppy));
        says(&mut guest, line);
        guest.power_cut().unwrap();
        assert_eq!(disk.state(), BootState { starts, ..on_trial(0) });
    }
}

#[test]
fn a_trial_that_cannot_be_paid_for_is_not_started() {
    let Some(zig) = tools() else { return };
    let unpaid = "slot 2: trial not started, for the boot state cannot be written";
    let disk = card(&zig, 36);
    disk.set_state(&on_trial(1));
    let before = disk.records();
    let lost = spoilt_bios(&zig, &disk, "WRITES_ARE_LOST");
    let refused = Machine::new().disk(Disk::kept(disk.path()).failing_writes());
    let forgotten = Machine::new().disk(Disk::kept(disk.path())).boot_floppy(lost);
    for machine in [refused, forgotten] {
        for key in ["", "2\r"] {
            let mut guest = disk.start(machine.clone());
            guest.console.expect("to choose", BOOT).unwrap();
            guest.console.send(key).unwrap();
            says(&mut guest, SLOT_1);
            assert!(text(&guest).contains(unpaid), "{}", text(&guest));
            guest.power_cut().unwrap();
            assert!(disk.records() == before);
        }
        // A slot that is not on trial needs no writing.
        let mut guest = disk.start(machine);
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send("1\r").unwrap();
        says(&mut guest, SLOT_1);
        assert!(!text(&guest).contains("trial not started"), "{}", text(&guest));
    }
}

#[test]
fn unreadable_sectors_are_reported_and_worked_around() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    let first = disk.layout.slots[0].start;
    let [one, two, three] = disk.layout.partitions().state.map(|copy| copy.start);
    for (at, message, line) in [
        (first, "slot 1: read error", SLOT_2),
        (first + Sectors(15), "slot 1: read error", SLOT_2),
        (one, "boot state: copy 1 unreadable", SLOT_1),
        (two, "boot state: copy 2 unreadable", SLOT_1),
        (three, "boot state: copy 3 unreadable", SLOT_1),
        (boot_manager::COPIES[0], "boot manager copy 1 unreadable", SLOT_1),
        (boot_manager::COPIES[0] + Sectors(1), "boot manager copy 1 unreadable", SLOT_1),
    ] {
        disk.set_state(&factory());
        let mut guest = disk.start(Machine::new().disk(Disk::kept(disk.path()).failing_reads_of(at)));
        says(&mut guest, line);
        assert!(text(&guest).contains(message), "{at}: {}", text(&guest));
    }
    // Its header is the menu's affair only: the slot starts, and finds the same.
    let header = Machine::new().disk(Disk::kept(disk.path()).failing_reads_of(first + BOOT_AREA));
    let mut guest = disk.start(header);
    guest.console.expect(" 1  no version  good", BOOT).unwrap();
    says(&mut guest, "sluice miniature: slot 1, cannot read its header from the disk");
}

#[test]
fn the_second_copy_of_the_boot_manager_is_as_good_as_the_first() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    let [first, second] = boot_manager::COPIES;
    let copy = disk.read(first, boot_manager::SECTORS_MAX);
    boot_manager::check(&copy).unwrap();
    let sectors = manager(&zig, AT_ONCE, &disk.layout).copy.len() / SECTOR_BYTES as usize;
    // A bit of each sector in turn; the magic, the length and the sum are in the first.
    let spots = [0, 4, 8, 12].into_iter().chain((0..sectors).map(|sector| sector * 512 + 100));
    for at in spots {
        let mut damaged = copy.clone();
        damaged[at] ^= 0x10;
        disk.write(first, &damaged);
        let mut guest = disk.boot();
        says(&mut guest, SLOT_1);
        assert!(text(&guest).contains("boot manager copy 1 damaged\r\n"), "{at}: {}", text(&guest));
    }
    for nothing in [0, 0xff] {
        disk.write(first, &vec![nothing; copy.len()]);
        let mut guest = disk.boot();
        says(&mut guest, SLOT_1);
        assert!(text(&guest).contains("boot manager copy 1 damaged\r\n"), "{}", text(&guest));
    }
    disk.write(second + Sectors(1), &[0x55; SECTOR_BYTES as usize]);
    let mut guest = disk.boot();
    let end = guest.console.expect("no boot manager\r\n", BOOT).unwrap();
    assert!(end.contains("copy 1 damaged\r\nboot manager copy 2 damaged\r\n"), "{end}");
}

#[test]
fn with_no_slot_to_start_it_waits_for_better_times_and_restarts() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    let slot = disk.read(disk.layout.slots[1].start, BOOT_AREA);
    for slice in &disk.layout.slots {
        disk.write(slice.start, &[0; SECTOR_BYTES as usize]);
    }
    let mut guest = boot_kept(&disk);
    let text = guest.console.expect("1 or 2 and Enter tries again, restart in 10 s", BOOT).unwrap();
    assert!(
        text.contains("slot 1: not bootable\r\nslot 2: not bootable\r\nno slot can be started\r\n"),
        "{text}"
    );
    // Nobody does anything: it comes back by itself, and not at once.
    let soon = guest.console.expect("Sluice boot manager", Duration::from_secs(5));
    assert!(soon.is_err(), "it restarted at once");
    guest.console.expect("Sluice boot manager", BOOT).unwrap();
    guest.console.expect("1 or 2 and Enter tries again", BOOT).unwrap();
    // Somebody mends slot 2, with a card reader say, and asks for it.
    disk.write(disk.layout.slots[1].start, &slot);
    guest.console.send("2\r").unwrap();
    says(&mut guest, SLOT_2);
}

#[test]
fn a_disk_with_one_slot_starts_it_and_says_that_there_is_no_other() {
    let Some(zig) = tools() else { return };
    let layout = Layout::plan(&Request {
        media: Sectors::from_mib(64),
        geometry: CARD,
        slots: SlotCount::One,
        code: None,
        cfg: Sectors::from_mib(1),
        data: DataSize::None,
    });
    let layout = layout.unwrap();
    let manager = manager(&zig, 36, &layout);
    let disk = TestDisk::new(&programs(&zig, true), layout).with_manager(&manager);
    assert_eq!(disk.state().marks, [Mark::Good, Mark::Bad]);
    for key in ["", "1\r", "2\r"] {
        let mut guest = disk.boot();
        guest.console.expect(" 2  no slot\r\n", BOOT).unwrap();
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send(key).unwrap();
        says(&mut guest, SLOT_1);
        assert_eq!(text(&guest).contains("slot 2: cannot be chosen"), key == "2\r", "{}", text(&guest));
    }
}

#[test]
fn the_boot_state_is_found_without_the_table_of_slices() {
    let Some(zig) = tools() else { return };
    let mut disk = card(&zig, AT_ONCE);
    disk.set_state(&BootState { default: Slot::Second, ..factory() });
    disk.mbr.partitions[2].kind = 0;
    disk.write(Sectors::ZERO, &disk.mbr.encode());
    let mut guest = disk.boot();
    says(&mut guest, SLOT_2);
    assert!(!text(&guest).contains("boot state:"), "{}", text(&guest));
}

#[test]
fn a_copy_of_the_state_that_cannot_be_written_costs_no_trial() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, AT_ONCE);
    let [first, second, _] = disk.layout.partitions().state.map(|copy| copy.start);
    disk.set_state(&on_trial(1));
    // Copy 3 is the newest, so copy 1 would be written.
    let machine = Machine::new().disk(Disk::kept(disk.path()).failing_reads_of(first));
    let mut guest = disk.start(machine);
    says(&mut guest, SLOT_2);
    guest.power_cut().unwrap();
    assert_eq!(disk.state(), on_trial(0));
    let written = disk.read(second, Sectors(1));
    assert_eq!(BootState::decode(&written).unwrap(), (4, on_trial(0)), "copy 2 was written instead");
}

#[test]
fn a_slot_that_is_bad_or_has_failed_starts_only_as_a_last_resort() {
    let Some(zig) = tools() else { return };
    let disk = card(&zig, 36);
    for mark in [Mark::Bad, Mark::Failed(Failure::Unconfirmed)] {
        disk.set_state(&BootState { marks: [Mark::Good, mark], ..factory() });
        let mut guest = disk.boot();
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send("2\r").unwrap();
        guest.console.expect("slot 2: cannot be chosen, it is bad or has failed\r\n", BOOT).unwrap();
        says(&mut guest, SLOT_1);
    }
    disk.write(disk.layout.slots[0].start, &[0; SECTOR_BYTES as usize]);
    let mut guest = disk.boot();
    guest.console.expect("slot 2: not marked good, started as a last resort\r\n", BOOT).unwrap();
    says(&mut guest, SLOT_2);
}

#[test]
fn it_is_small_and_the_same_each_time() {
    let Some(zig) = tools() else { return };
    let layout = plan(Sectors::from_mib(64), CARD);
    let (one, other) = (manager(&zig, 36, &layout), manager(&zig, 36, &layout));
    assert_eq!(one, other);
    assert!(one.mbr.len() <= boot_manager::STAGE1_ROOM);
    boot_manager::check(&one.copy).unwrap();
    let _ = writeln!(
        std::io::stderr(),
        "boot manager: {} bytes in the MBR, {} in the gap before sector {}",
        one.mbr.len(),
        one.copy.len(),
        FIRST_SLICE.0
    );
}
