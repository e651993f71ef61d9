//! Boots of small disks in QEMU: the miniature world's boot programs, with its own MBR and with FreeBSD's, judged by a BIOS.

use std::env;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bsd_disk::boot0::{self, Boot0Options};
use bsd_disk::geometry::Geometry;
use bsd_disk::mbr::Mbr;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use builder::assembler::{Source, assemble};
use builder::world::miniature::boot::{BootOptions, BootPrograms};
use firmware::boot_manager::INCLUDES;
use firmware::layout::HEADER_SECTOR;
use firmware::slot::VERSION_OFFSET;
use lab::qemu::{Disk, Machine, lba_off_floppy};

use crate::test_disk::{BOOT, CARD, SLOT_1, SLOT_2, TestDisk, header, plan, programs, says, tools};

#[test]
fn the_active_slot_boots_and_prints_its_version() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, true);
    let card = plan(Sectors::from_mib(64), CARD);
    let disk = TestDisk::new(&programs, card).activate(1);
    let mut guest = disk.boot();
    says(&mut guest, SLOT_1);
    guest.console.expect("no kernel, halted", BOOT).unwrap();
    guest.quit().unwrap();

    let disk = disk.activate(2);
    let mut guest = disk.boot();
    says(&mut guest, SLOT_2);
    assert!(!guest.console.transcript().contains("boot1"), "{}", guest.console.transcript());
    guest.reset().unwrap();
    says(&mut guest, SLOT_2);
    guest.power_cut().unwrap();
}

#[test]
fn a_bios_without_lba_starts_either_slot_by_its_own_geometry() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, true);
    // 255 heads in the MBR, which the BIOS does not have: nothing may go by the addresses in the table.
    let card = plan(Sectors::from_mib(1024), Geometry { sectors: 63, heads: 255 });
    let mut disk = TestDisk::new(&programs, card);
    let floppy = disk.dir.path().join("lba-off.img");
    lba_off_floppy(&zig, &floppy).unwrap();
    for (slot, line) in [(1, SLOT_1), (2, SLOT_2)] {
        disk = disk.activate(slot);
        let machine = Machine::new().disk(Disk::thrown_away(disk.path())).boot_floppy(&floppy);
        let mut guest = disk.start(machine);
        says(&mut guest, line);
    }
}

#[test]
fn a_slot_past_the_cylinders_of_a_bios_without_lba_is_reported_and_does_not_hang() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, true);
    let mut disk = TestDisk::new(&programs, plan(Sectors::from_mib(1536), CARD));
    let floppy = disk.dir.path().join("lba-off.img");
    lba_off_floppy(&zig, &floppy).unwrap();
    disk = disk.activate(1);
    let untranslated = Disk::thrown_away(disk.path()).untranslated();
    let mut guest = disk.start(Machine::new().disk(untranslated.clone()).boot_floppy(&floppy));
    says(&mut guest, SLOT_1);
    disk = disk.activate(2);
    let mut guest = disk.start(Machine::new().disk(untranslated.clone()).boot_floppy(&floppy));
    assert_eq!(guest.console.expect_line("mbr: ", BOOT).unwrap(), "mbr: read error");
    // With LBA the same slot of the same disk is in reach.
    let mut guest = disk.start(Machine::new().disk(untranslated));
    says(&mut guest, SLOT_2);
}

#[test]
fn boot_programs_built_without_packet_start_either_slot() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, false);
    let mut disk = TestDisk::new(&programs, plan(Sectors::from_mib(64), CARD));
    for (slot, line) in [(1, SLOT_1), (2, SLOT_2)] {
        disk = disk.activate(slot);
        says(&mut disk.boot(), line);
    }
}

#[test]
fn a_bad_header_is_reported_with_its_defect() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, true);
    let disk = TestDisk::new(&programs, plan(Sectors::from_mib(64), CARD)).activate(1);
    let at = disk.layout.slots[0].start + HEADER_SECTOR;
    let mut header = header(1, disk.layout.slots[0].size).encode().unwrap();
    header[VERSION_OFFSET] ^= 1;
    disk.write(at, &header);
    says(&mut disk.boot(), "sluice miniature: slot 1, header damaged: its checksum does not hold");
    disk.write(at, &[0; SECTOR_BYTES as usize]);
    says(&mut disk.boot(), "sluice miniature: slot 1, no header: the slot is empty");
}

#[test]
fn a_disk_that_cannot_be_booted_says_why() {
    let Some(zig) = tools() else { return };
    let programs = programs(&zig, true);
    let mut disk = TestDisk::new(&programs, plan(Sectors::from_mib(64), CARD));
    let line = |disk: &TestDisk| disk.boot().console.expect_line("mbr: ", BOOT).unwrap();
    assert_eq!(line(&disk), "mbr: no active slice");
    disk = disk.activate(1);
    disk.mbr.partitions[1].active = true;
    disk.write(Sectors::ZERO, &disk.mbr.encode());
    assert_eq!(line(&disk), "mbr: bad table");
    disk = disk.activate(1);
    disk.write(disk.layout.slots[0].start, &[0; SECTOR_BYTES as usize]);
    assert_eq!(line(&disk), "mbr: not bootable");
}

/// A boot manager in one sector, which does the work of boot1 for slot 2 as FreeBSD's boot2 wants it: drive and slice number
/// at 0x900, the 16 sectors of the boot area at 0x8c00, entry at 0x9010.
const BOOT_MANAGER: &str = "
    .code16
    .globl start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, 0x900
    movb $2, 0x901
    movw $packet, %si
    movb $0x42, %ah
    int $0x13
    ljmp $0, $0x9010
packet:
    .byte 16, 0, 16, 0
    .word 0x8c00, 0
    .long SLOT_START, 0
";

#[test]
fn a_boot_manager_that_does_the_work_of_boot1_needs_no_active_slice() {
    let Some(zig) = tools() else { return };
    let mut disk = TestDisk::new(&programs(&zig, true), plan(Sectors::from_mib(64), CARD));
    let (name, text, includes) = ("manager", BOOT_MANAGER, &[][..]);
    let source = Source { name, text, includes, origin: 0x7c00, room: 440 };
    let start = disk.layout.slots[1].start.0.to_string();
    let program = assemble(&zig, &source, &[("SLOT_START", start)]).unwrap();
    disk.mbr =
        Mbr::with_code(&program).unwrap().with_slices(disk.layout.slices(), disk.layout.geometry).unwrap();
    disk.write(Sectors::ZERO, &disk.mbr.encode());
    says(&mut disk.boot(), SLOT_2);
}

/// FreeBSD's own boot manager, when `SLUICE_TEST_WORLD` names a world.
#[test]
fn boot0sio_of_a_world_starts_the_slot_that_its_options_say() {
    let Some(zig) = tools() else { return };
    let Some(world) = env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let boot0sio = std::fs::read(Path::new(&world).join("root/boot/boot0sio")).unwrap();
    let mut disk = TestDisk::new(&programs(&zig, true), plan(Sectors::from_mib(64), CARD));
    for (default_slice, packet, line) in [(1, true, SLOT_1), (2, true, SLOT_2), (2, false, SLOT_2)] {
        disk.mbr = boot0::install(&boot0sio, &disk.mbr).unwrap();
        let options = Boot0Options::read(&disk.mbr).unwrap();
        let options =
            Boot0Options { packet, update: false, default_slice, ticks: 1, slices_mask: 3, ..options };
        options.apply(&mut disk.mbr).unwrap();
        disk.write(Sectors::ZERO, &disk.mbr.encode());
        let mut guest = disk.boot();
        guest.console.expect("Boot:", BOOT).unwrap();
        says(&mut guest, line);
        // No slice is active on the disk: boot1 of a real slot would have gone on in slice 1.
        assert_eq!(guest.console.transcript().contains("(boot1: slice 1)"), default_slice == 2);
    }
}

/// Writes itself to sector 1 of the disk through the BIOS, and prints when that is done.
const WRITER: &str = "
    .code16
    .globl start
start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    call console_open
    movw $packet, %si
    movw $0x4300, %ax
    movb $0x80, %dl
    int $0x13
    movw $done, %si
    jnc print
    movw $failed, %si
print:
    call print
halt:
    hlt
    jmp halt
#include \"console.inc\"
done: .asciz \"written\"
failed: .asciz \"failed\"
packet:
    .byte 16, 0, 1, 0
    .word 0x7c00, 0
    .long 1, 0
";

#[test]
fn a_power_cut_keeps_what_was_written_and_a_thrown_away_disk_nothing() {
    let Some(zig) = tools() else { return };
    let (name, text, includes) = ("writer", WRITER, INCLUDES);
    let source = Source { name, text, includes, origin: 0x7c00, room: 440 };
    let program = assemble(&zig, &source, &[("CONSOLE_DIVISOR", "3".to_owned())]).unwrap();
    let mut disk = TestDisk::new(&programs(&zig, true), plan(Sectors::from_mib(64), CARD));
    disk.mbr = Mbr::with_code(&program).unwrap();
    disk.write(Sectors::ZERO, &disk.mbr.encode());
    for (connected, kept) in [(Disk::thrown_away(disk.path()), false), (Disk::kept(disk.path()), true)] {
        let mut guest = disk.start(Machine::new().disk(connected));
        guest.console.expect("written", BOOT).unwrap();
        guest.power_cut().unwrap();
        let mut sector = [0; SECTOR_BYTES as usize];
        disk.file.read_exact_at(&mut sector, SECTOR_BYTES).unwrap();
        assert_eq!(sector == disk.mbr.encode(), kept);
    }
}

#[test]
fn assembling_twice_gives_the_same_bytes() {
    let Some(zig) = tools() else { return };
    let again = BootPrograms::assemble(&zig, &BootOptions::default()).unwrap();
    assert_eq!(programs(&zig, true), again);
    assert!(again.mbr.len() <= 440);
    assert_eq!(again.slot.len(), 8192);
    assert_eq!(again.slot[510..1024].iter().map(|&byte| u32::from(byte)).sum::<u32>(), 0x55 + 0xaa);
}
