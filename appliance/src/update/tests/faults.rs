//! What goes wrong after the first write: the target is left marked bad, the running slot starts, and the exit code names the
//! reason.

use std::io::{self, Read};

use firmware::bundle::ChunkContent;
use firmware::slot::Slot;
use firmware::state::{COPIES, Mark};

use super::bench::Bench;
use super::bundles::{CHUNK_SECTORS, bundle, first_chunk, image, manifest};
use super::disk::{STATE, Trouble};
use crate::update::change::{Change, change};
use crate::update::error::UpdateError;
use crate::update::exit_code::ExitCode;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

fn unit() -> Bench {
    Bench::new(&image("1.0.0"), &image("0.9.0"))
}

/// The number of the n-th operation that concerns a slot in an installation: of writes and flushes (0), of writes (1), or of
/// reads (2).
fn nth_of_slot(kind: usize, nth: usize) -> usize {
    let whole = unit();
    whole.disk.borrow_mut().reset_counters();
    whole.install(&*bundle(&image("1.1.0"))).unwrap();
    let disk = whole.disk.borrow();
    let of_slot = (1..).zip(disk.regions_used()[kind]).filter(|(_, region)| **region < STATE);
    of_slot.map(|(number, _)| number).nth(nth - 1).unwrap()
}

/// Checks that an installation fails after the first write.
#[track_caller]
fn fails(unit: &Bench, update: impl Read, code: u8, at: &str) -> UpdateError {
    let old = image("1.0.0");
    let error = unit.install(update).expect_err(at);
    assert_eq!(error.code().number(), code, "{at}: {error}");
    unit.disk.borrow_mut().trouble = Trouble::None;
    let state = unit.boot_state();
    assert_eq!((state.default, state.mark(TWO), state.trial), (ONE, Mark::Bad, None), "{at}: {state:?}");
    assert_eq!(state.digest(TWO), None, "{at}");
    assert!(unit.holds(ONE, &old), "{at}");
    assert_eq!(unit.start(), Some(ONE), "{at}");
    error
}

/// The offsets in a bundle at which a chunk begins, and its end.
fn boundaries(update: &[u8]) -> Vec<usize> {
    let (manifest, _) = manifest(&image("1.1.0"), CHUNK_SECTORS);
    let mut places = vec![first_chunk(update)];
    for chunk in manifest.chunks() {
        if let ChunkContent::Stored { bytes, .. } = chunk.content {
            places.push(places.last().unwrap() + bytes as usize);
        }
    }
    assert_eq!(places.last(), Some(&update.len()));
    places
}

#[test]
fn a_flipped_bit_in_any_chunk_is_found_and_the_slot_is_not_started() {
    let good = bundle(&image("1.1.0"));
    let places = boundaries(&good);
    for chunk in places.windows(2) {
        for at in [chunk[0], usize::midpoint(chunk[0], chunk[1]), chunk[1] - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let error = fails(&unit(), &*bad, 50, &format!("byte {at}"));
            assert!(error.to_string().contains(" is damaged"), "{error}");
        }
    }
    let error = fails(&unit(), &*[&good[..], b"more"].concat(), 50, "trailing data");
    insta::assert_snapshot!(error);
}

#[test]
fn an_update_that_ends_too_early_is_found_wherever_it_ends() {
    let good = bundle(&image("1.1.0"));
    for &place in &boundaries(&good) {
        for at in [place.saturating_sub(1), place, place + 1] {
            if (first_chunk(&good)..good.len()).contains(&at) {
                fails(&unit(), &good[..at], 51, &format!("cut off after {at} bytes"));
            }
        }
    }
    let error = fails(&unit(), &good[..good.len() - 1], 51, "the last byte");
    insta::assert_snapshot!(error);
}

#[test]
fn a_source_that_fails_midway_is_reported_with_its_reason() {
    struct Breaks<'a>(&'a [u8]);
    impl Read for Breaks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the line is dead")),
                bytes => Ok(bytes),
            }
        }
    }
    let good = bundle(&image("1.1.0"));
    let middle = usize::midpoint(first_chunk(&good), good.len());
    let error = fails(&unit(), Breaks(&good[..middle]), 51, "in the middle");
    assert!(error.to_string().contains("the line is dead"), "{error}");
}

/// At every read and write of an installation, the card reports an error or loses what was written.
#[test]
fn a_failing_card_is_found_at_every_read_and_write() {
    let good = bundle(&image("1.1.0"));
    let whole = unit();
    whole.disk.borrow_mut().reset_counters();
    whole.install(&*good).unwrap();
    // Where the boot state and the history are concerned, another copy serves.
    let slots = |regions: &[usize]| regions.iter().map(|&region| region < STATE).collect::<Vec<bool>>();
    let [operations, writes, reads] = whole.disk.borrow().regions_used().map(slots);

    let mut failed = [0; 3];
    let mut check = |kind: usize, trouble, codes: &[u8]| {
        let unit = unit();
        unit.disk.borrow_mut().reset_counters();
        unit.disk.borrow_mut().trouble = trouble;
        let Err(error) = unit.install(&*good) else { return false };
        unit.disk.borrow_mut().trouble = Trouble::None;
        assert!(codes.contains(&error.code().number()), "{trouble:?}: {} {error}", error.code().number());
        let state = unit.boot_state();
        let is_whole = unit.holds(TWO, &image("1.1.0"));
        // A save of the state that was reported as failed may have reached the card all the same.
        let nothing_written = error.code().number() < 50;
        assert!(state.mark(TWO) == Mark::Bad || is_whole || nothing_written, "{trouble:?}: {state:?}");
        assert!(!nothing_written || unit.holds(TWO, &image("0.9.0")), "{trouble:?}");
        assert_eq!(state.default, ONE, "{trouble:?}");
        let started = unit.start().unwrap();
        assert!(started == ONE || (is_whole && !nothing_written), "{trouble:?}");
        failed[kind] += 1;
        true
    };
    for (nth, is_slot) in (1..).zip(operations) {
        assert_eq!(check(0, Trouble::Write(nth), &[52]), is_slot, "write {nth}");
    }
    for (nth, is_slot) in (1..).zip(writes) {
        assert_eq!(check(1, Trouble::Forgets(nth), &[53]), is_slot, "lost write {nth}");
    }
    let failures = (1..).zip(&reads).filter(|(nth, _)| check(2, Trouble::Read(*nth), &[45, 52])).count();
    let slot_reads = reads.iter().filter(|is_slot| **is_slot).count();
    assert_eq!(failures, slot_reads, "{reads:?}");
    assert!(failed[2] > 40, "{failed:?}");
}

/// A sector that is dead for ever must not end all changes, and a release that is running on trial must not be lost to it.
#[test]
fn a_dead_copy_of_the_boot_state_ends_no_change() {
    let update = bundle(&image("1.1.0"));
    for copy in 0..COPIES {
        let mut unit = unit();
        unit.disk.borrow_mut().trouble = Trouble::Dead(STATE + copy);
        unit.install(&*update).unwrap();
        unit.restart();
        assert_eq!(unit.running, TWO, "copy {copy}");
        let changed = change(&unit, Change::Confirm).unwrap();
        let warning = &changed.warnings[0];
        assert!(warning.starts_with("2 of 3 copies of the boot state are intact; copy "), "{warning}");
        unit.restart();
        assert_eq!(unit.running, TWO, "copy {copy}");
        change(&unit, Change::Rollback).unwrap();
        unit.restart();
        assert_eq!(unit.running, ONE, "copy {copy}");
        change(&unit, Change::Healthy).unwrap();
    }
    let unit = unit();
    unit.disk.borrow_mut().trouble = Trouble::StateUnwritable;
    assert_eq!(unit.install(&*update).unwrap_err().code().number(), 43);
    assert!(unit.holds(TWO, &image("0.9.0")));
}

#[test]
fn a_lost_write_is_found_at_once() {
    let good = bundle(&image("1.1.0"));
    let unit = unit();
    unit.disk.borrow_mut().reset_counters();
    // The signature, and the first block.
    unit.disk.borrow_mut().trouble = Trouble::Forgets(nth_of_slot(1, 2));
    assert_eq!(unit.install(&*good).unwrap_err().code().number(), 53);
    let disk = unit.disk.borrow();
    let written = disk.regions_used()[1].iter().filter(|&&region| region < STATE).count();
    assert_eq!(written, 2, "it continued to write");
}

/// A failing card does not only lose writes; a write can also change what was right before.
#[test]
fn what_a_write_changes_elsewhere_is_found_in_the_end() {
    let new = image("1.1.0");
    let good = bundle(&new);
    let whole = unit();
    whole.disk.borrow_mut().reset_counters();
    whole.install(&*good).unwrap();
    let writes = whole.disk.borrow().regions_used()[1].iter().filter(|&&region| region < STATE).count();
    // Nothing is read again after the last one.
    for nth in (1..writes).map(|nth| nth_of_slot(1, nth)) {
        for byte in [5, 600, 9000, 13_000] {
            let unit = unit();
            unit.disk.borrow_mut().reset_counters();
            unit.disk.borrow_mut().trouble = Trouble::Disturbs(nth, byte);
            match unit.install(&*good) {
                Err(error) => {
                    assert_eq!(error.code().number(), 53, "write {nth} changes byte {byte}: {error}");
                }
                // It was overwritten afterwards.
                Ok(_) => assert!(unit.holds(TWO, &new), "write {nth} changes byte {byte}"),
            }
        }
    }
    let unit = unit();
    unit.disk.borrow_mut().reset_counters();
    unit.disk.borrow_mut().trouble = Trouble::Disturbs(nth_of_slot(1, writes - 1), 9000);
    fails(&unit, &*good, 53, "the last block changes another");
}

#[test]
fn the_message_names_the_slot_and_what_keeps_running() {
    let good = bundle(&image("1.1.0"));
    let failing = |trouble| {
        let unit = unit();
        unit.disk.borrow_mut().reset_counters();
        unit.disk.borrow_mut().trouble = trouble;
        let error = unit.install(&*good).unwrap_err();
        format!("{} {error}\n", error.code().number())
    };
    let text = [
        Trouble::Write(nth_of_slot(0, 1)),
        Trouble::Forgets(nth_of_slot(1, 4)),
        Trouble::Read(nth_of_slot(2, 9)),
        Trouble::StateUnwritable,
    ]
    .map(failing)
    .concat();
    insta::assert_snapshot!(text);
}

/// The first operation of an installation that saves its end in the boot state.
fn first_of_the_last_save() -> usize {
    let whole = unit();
    whole.disk.borrow_mut().reset_counters();
    whole.install(&*bundle(&image("1.1.0"))).unwrap();
    let disk = whole.disk.borrow();
    let regions = disk.regions_used()[0];
    let last_of_slot = regions.iter().rposition(|&region| region < STATE).unwrap();
    assert!((STATE..STATE + COPIES).contains(&regions[last_of_slot + 1]));
    last_of_slot + 2
}

#[test]
fn a_trial_that_cannot_be_saved_is_reported_as_the_card_has_it() {
    let (good, nth) = (bundle(&image("1.1.0")), first_of_the_last_save());
    let installed = |trouble| {
        let unit = unit();
        unit.disk.borrow_mut().reset_counters();
        unit.disk.borrow_mut().trouble = trouble;
        let result = unit.install(&*good).map(drop);
        unit.disk.borrow_mut().trouble = Trouble::None;
        assert!(unit.holds(TWO, &image("1.1.0")));
        (unit, result)
    };
    let (unit, result) = installed(Trouble::StateUnwritableFrom(nth));
    let error = result.unwrap_err();
    assert_eq!(error.code(), ExitCode::DiskError);
    assert_eq!((unit.boot_state().mark(TWO), unit.start()), (Mark::Bad, Some(ONE)));
    let not_armed = error.to_string();

    let (unit, result) = installed(Trouble::StateDeadFrom(nth));
    let error = result.unwrap_err();
    assert_eq!(error.code(), ExitCode::Unclear);
    insta::assert_snapshot!(format!("{not_armed}\n\n{error}"));
    unit.install(&*good).unwrap();

    // The card reports an error, and has the trial all the same.
    let (unit, result) = installed(Trouble::StateUnflushableFrom(nth));
    result.unwrap();
    assert_eq!((unit.boot_state().mark(TWO), unit.start()), (Mark::Untried, Some(TWO)));
}
