//! The boot manager against its model (`firmware::state::choice`): states, keys and damage, each put on a disk and booted.
//!
//! The model says which slot starts and what is on the disk afterwards; the manager, which knows nothing of the model, has to
//! do so.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use bsd_disk::mbr::PartitionEntry;
use bsd_disk::units::Sectors;
use builder::boot_manager::BootManager;
use firmware::KeyId;
use firmware::boot_manager::offset::ENTRY;
use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::choice::without_state;
use firmware::state::store::{self, Medium};
use firmware::state::{BootState, COPIES, Failure, Mark, STATE_BYTES, Trial, offset};
use lab::qemu::{Disk, Machine};
use semver::Version;

use crate::test_disk::{BOOT, CARD, TestDisk, manager, plan, programs, tools};

/// A step through all cases that meets every value of everything in a run; it has no divisor in common with their number.
const STRIDE: usize = 1999;
/// Names a smaller step, for a longer run; 1 boots all of them.
const STRIDE_VARIABLE: &str = "SLUICE_TEST_BOOT_STRIDE";
/// The machine has few cores, and each boot takes one.
const THREADS: usize = 2;

const SLOTS: [Slot; 2] = Slot::ALL;
const KEYS: [Option<Slot>; 3] = [None, Some(Slot::First), Some(Slot::Second)];
const FAILED: Mark = Mark::Failed(Failure::NeverHealthy);
const MARKS: [[Mark; 2]; 9] = [
    [Mark::Good, Mark::Good],
    [Mark::Good, Mark::Untried],
    [Mark::Good, Mark::Bad],
    [Mark::Untried, Mark::Good],
    [Mark::Bad, Mark::Good],
    [Mark::Bad, Mark::Bad],
    [Mark::Good, FAILED],
    [FAILED, Mark::Good],
    [Mark::Untried, Mark::Failed(Failure::Unconfirmed)],
];
/// The starts of the default slot, the limit, and whether it may give way.
const STARTS: [(u8, u8, bool); 5] = [(0, 5, true), (4, 5, false), (5, 5, true), (5, 5, false), (7, 0, true)];
const TRIALS: [Option<Trial>; 7] = [
    None,
    Some(Trial { slot: Slot::First, tries: 0 }),
    Some(Trial { slot: Slot::First, tries: 1 }),
    Some(Trial { slot: Slot::First, tries: 3 }),
    Some(Trial { slot: Slot::Second, tries: 0 }),
    Some(Trial { slot: Slot::Second, tries: 1 }),
    Some(Trial { slot: Slot::Second, tries: 255 }),
];
const BOOTABLE: [[bool; 2]; 4] = [[true, true], [false, true], [true, false], [false, false]];

/// In which state the copies of the state are; copies count from 0.
#[derive(Clone, Copy, Debug)]
enum Copies {
    /// This one is the newest.
    Newest(usize),
    /// This one is the newest, and its number has gone past the end.
    Wrapped(usize),
    /// All have one number.
    Equal,
    /// This one is damaged, and the next one is the newest.
    Damaged(usize),
    /// This one was written by a later release, and the next one is the newest.
    Future(usize),
    /// All but this one are damaged.
    OnlyGood(usize),
    /// All but this one were written by a later release.
    OnlyPast(usize),
    AllDamaged,
    AllFuture,
}

const ALL_COPIES: [Copies; 21] = [
    Copies::Newest(0),
    Copies::Newest(1),
    Copies::Newest(2),
    Copies::Wrapped(0),
    Copies::Wrapped(1),
    Copies::Wrapped(2),
    Copies::Equal,
    Copies::Damaged(0),
    Copies::Damaged(1),
    Copies::Damaged(2),
    Copies::Future(0),
    Copies::Future(1),
    Copies::Future(2),
    Copies::OnlyGood(0),
    Copies::OnlyGood(1),
    Copies::OnlyGood(2),
    Copies::OnlyPast(0),
    Copies::OnlyPast(1),
    Copies::OnlyPast(2),
    Copies::AllDamaged,
    Copies::AllFuture,
];

/// One row of the table.
#[derive(Debug)]
struct Case {
    number: usize,
    default: Slot,
    trial: Option<Trial>,
    marks: [Mark; 2],
    starts: (u8, u8, bool),
    key: Option<Slot>,
    bootable: [bool; 2],
    copies: Copies,
}

impl Case {
    const COUNT: usize = SLOTS.len()
        * TRIALS.len()
        * MARKS.len()
        * STARTS.len()
        * KEYS.len()
        * BOOTABLE.len()
        * ALL_COPIES.len();

    fn new(number: usize) -> Self {
        let mut rest = number;
        let mut digit = |radix: usize| {
            let digit = rest % radix;
            rest /= radix;
            digit
        };
        Self {
            number,
            default: SLOTS[digit(SLOTS.len())],
            trial: TRIALS[digit(TRIALS.len())],
            marks: MARKS[digit(MARKS.len())],
            starts: STARTS[digit(STARTS.len())],
            key: KEYS[digit(KEYS.len())],
            bootable: BOOTABLE[digit(BOOTABLE.len())],
            copies: ALL_COPIES[digit(ALL_COPIES.len())],
        }
    }

    fn state(&self) -> BootState {
        let (starts, limit, fallback) = self.starts;
        BootState {
            default: self.default,
            trial: self.trial,
            marks: self.marks,
            starts,
            limit,
            fallback,
            floor: Some(Version::new(1, 2, 3)),
            digests: [Some([7; 32]), None],
            failed: vec![[8; 32]],
            revocations: Revocations { epoch: 3, keys: vec![KeyId(*b"revoked!")] },
        }
    }

    /// The copies as they are before the boot. Those that do not rule say another default, and no trial.
    fn records(&self) -> Records {
        let other = BootState { default: self.default.other(), trial: None, ..self.state() };
        let record = |state: &BootState, sequence| state.encode(sequence).unwrap();
        let (rules, not) = (|sequence| record(&self.state(), sequence), |sequence| record(&other, sequence));
        let damaged = |mut record: [u8; STATE_BYTES]| {
            let bit = self.number * 31 % (STATE_BYTES * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            record
        };
        // The copies from `first` on.
        let place = |first: usize, records: [[u8; STATE_BYTES]; COPIES]| {
            let mut places = records;
            places.rotate_right(first);
            Records(places)
        };
        match self.copies {
            Copies::Newest(copy) => place(copy, [rules(8), not(6), not(7)]),
            Copies::Wrapped(copy) => place(copy, [rules(1), not(u32::MAX), not(u32::MAX - 1)]),
            Copies::Equal => Records([rules(5), not(5), not(5)]),
            Copies::Damaged(copy) => place(copy, [damaged(not(9)), rules(8), not(7)]),
            Copies::Future(copy) => place(copy, [future(not(9)), rules(8), not(7)]),
            Copies::OnlyGood(copy) => place(copy, [rules(8), damaged(not(9)), damaged(not(7))]),
            Copies::OnlyPast(copy) => place(copy, [rules(8), future(not(9)), future(not(7))]),
            Copies::AllDamaged => Records([damaged(not(9)), damaged(rules(8)), damaged(not(7))]),
            Copies::AllFuture => Records([future(not(9)), future(rules(8)), future(not(7))]),
        }
    }

    /// What the manager has to say of the copies.
    fn complaints(&self) -> Vec<String> {
        let all = 0..COPIES;
        let (copies, what) = match self.copies {
            Copies::Damaged(copy) => (vec![copy], "damaged"),
            Copies::Future(copy) => (vec![copy], "has a format of the future"),
            Copies::OnlyGood(copy) => (all.filter(|other| *other != copy).collect(), "damaged"),
            Copies::OnlyPast(copy) => {
                (all.filter(|other| *other != copy).collect(), "has a format of the future")
            }
            Copies::AllDamaged => (all.collect(), "damaged"),
            Copies::AllFuture => (all.collect(), "has a format of the future"),
            Copies::Newest(_) | Copies::Wrapped(_) | Copies::Equal => (Vec::new(), ""),
        };
        let none = (copies.len() == COPIES).then(|| "boot state: none".to_owned());
        let complaint = |copy: usize| format!("boot state: copy {} {what}", copy + 1);
        copies.into_iter().map(complaint).chain(none).collect()
    }

    /// Makes `slot` one that cannot be started, each time in another way.
    fn spoil(&self, disk: &mut TestDisk, slot: Slot) {
        let start = disk.layout.slot(slot.number()).unwrap().start;
        let entry = &mut disk.mbr.partitions[slot.index()];
        match self.number % 6 {
            0 => disk.write(start, &[0; STATE_BYTES]),
            1 => disk.write(start + Sectors(2), &[0; ENTRY]),
            2 => disk.write(start + Sectors(2), &[0xff; ENTRY]),
            3 => entry.kind = 0x83,
            4 => entry.size = 0,
            _ => *entry = PartitionEntry::UNUSED,
        }
    }
}

/// A record that a later release may write.
fn future(mut record: [u8; STATE_BYTES]) -> [u8; STATE_BYTES] {
    record[offset::FORMAT] = 2;
    record[offset::CRC..offset::CRC + 4].fill(0);
    let crc = crc32fast::hash(&record);
    record[offset::CRC..offset::CRC + 4].copy_from_slice(&crc.to_le_bytes());
    record
}

/// The copies in memory, for the model.
#[derive(Clone, Debug, PartialEq)]
struct Records([[u8; STATE_BYTES]; COPIES]);

impl Medium for Records {
    fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        *sector = self.0[copy];
        Ok(())
    }
    fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.0[copy] = *sector;
        Ok(())
    }
    fn flush(&mut self, _: usize) -> io::Result<()> {
        Ok(())
    }
}

/// What the model makes of the copies: the slots in the order in which they are tried, and the copies as they are when one
/// starts.
fn predict(mut records: Records, key: Option<Slot>) -> (Vec<Slot>, Records) {
    let Ok(loaded) = store::load(&mut records) else { return (without_state(key).order, records) };
    let choice = loaded.state.choose(key);
    let paid = choice.payment.is_none_or(|payment| {
        let state = loaded.state.after(payment);
        store::save(&mut records, loaded, &state).is_ok()
    });
    (if paid { choice.order } else { choice.unpaid }, records)
}

fn check(case: &Case, zig: &Path, managers: &[BootManager; 2]) {
    let manager = &managers[usize::from(case.key.is_some())];
    let programs = programs(zig, true);
    let mut disk = TestDisk::new(&programs, plan(Sectors::from_mib(16), CARD)).with_manager(manager);
    for slot in SLOTS {
        if !case.bootable[slot.index()] {
            case.spoil(&mut disk, slot);
        }
    }
    disk.write(Sectors::ZERO, &disk.mbr.encode());
    let before = case.records();
    disk.set_records(&before.0);
    let factory = disk.layout.partitions().state[0].start;
    let head = disk.read(Sectors::ZERO, factory);
    let (order, after) = predict(before, case.key);
    let failed: Vec<Slot> = order.iter().copied().take_while(|slot| !case.bootable[slot.index()]).collect();

    let mut guest = disk.start(Machine::new().disk(Disk::kept(disk.path())));
    if let Some(key) = case.key {
        guest.console.expect("to choose", BOOT).unwrap();
        guest.console.send(&format!("{key}\r")).unwrap();
    }
    let ends = ["sluice miniature: slot 1", "sluice miniature: slot 2", "no slot can be started"];
    let (end, _) = guest.console.expect_any(&ends, BOOT).unwrap();
    let text = guest.console.transcript();
    guest.power_cut().unwrap();

    let wanted = order.get(failed.len()).map_or(2, |slot| slot.index());
    assert_eq!(ends[end], ends[wanted], "{case:?}, {order:?}:\n{text}");
    for slot in failed {
        assert!(text.contains(&format!("slot {slot}: not bootable")), "{case:?}:\n{text}");
    }
    for complaint in case.complaints() {
        assert!(text.contains(&complaint), "{case:?} does not print {complaint:?}:\n{text}");
    }
    let complaints = text.matches("boot state:").count();
    assert_eq!(complaints, case.complaints().len(), "{case:?}:\n{text}");
    assert!(disk.read(Sectors::ZERO, factory) == head, "{case:?}: MBR, boot manager or label were written");
    assert!(disk.records() == after.0, "{case:?}: the state is not what the model says:\n{text}");
}

#[test]
fn the_boot_manager_does_what_its_model_says() {
    let Some(zig) = tools() else { return };
    let layout = plan(Sectors::from_mib(16), CARD);
    let managers = [2, 1000].map(|ticks| manager(&zig, ticks, &layout));
    let stride = std::env::var(STRIDE_VARIABLE).map_or(STRIDE, |text| text.parse().unwrap());
    let cases: Vec<Case> = (0..Case::COUNT).step_by(stride).map(Case::new).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(case, &zig, &managers);
                }
            });
        }
    });
    println!("{} of {} cases", cases.len(), Case::COUNT);
}
