//! What an installation does when nothing goes wrong.

use std::io::Cursor;

use firmware::slot::Slot;
use firmware::state::{Failure, Mark, STARTS, TRIES};
use semver::Version;

use super::bench::{Bench, Plain, Recorder};
use super::bundles::{PART, bundle, digest, image, image_of, manifest, signed};
use super::disk::{HISTORY, STATE};
use crate::disk::boot_sectors::mbr;
use crate::update::change::{Change, change};
use crate::update::exit_code::ExitCode;
use crate::update::install::{Request, install};
use crate::update::precondition::Allowed;
use crate::update::progress::Phase;
use crate::update::verify::{Verdict, verify};
use crate::update::writer::BLOCK;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

#[test]
fn an_update_is_installed_tried_confirmed_and_followed_by_the_next() {
    let (old, new, newer) = (image("1.0.0"), image("1.1.0"), image("1.2.0"));
    let mut unit = Bench::new(&old, &image("0.9.0"));
    let update = bundle(&new);
    let mut recorder = Recorder::default();
    let report = install(&unit, Request::default(), || Ok(Plain(&*update)), &mut recorder).unwrap();
    assert_eq!((report.slot, &*report.version, report.source_bytes), (TWO, "1.1.0", update.len() as u64));
    assert!(unit.holds(TWO, &new) && unit.holds(ONE, &old));
    assert!(recorder.started && recorder.warnings.is_empty());
    for phase in [Phase::Write, Phase::Check] {
        let steps: Vec<_> =
            recorder.progress.iter().filter(|(of, _)| *of == phase).map(|(_, done)| *done).collect();
        assert!(steps.is_sorted() && steps.last() == Some(&(new.len() as u64 / 512)), "{steps:?}");
    }
    let state = unit.boot_state();
    assert_eq!((state.default, state.digest(TWO)), (ONE, Some(digest(&new))));
    assert_eq!(state.trial.map(|trial| (trial.slot, trial.tries)), Some((TWO, TRIES)));

    unit.restart();
    assert_eq!((unit.running, &*unit.release.version), (TWO, "1.1.0"));
    change(&unit, Change::Confirm).unwrap();
    assert_eq!(unit.boot_state().floor, Some(Version::new(1, 0, 0)), "the unit can still fall back to it");
    unit.install(&*bundle(&newer)).unwrap();
    assert!(unit.holds(ONE, &newer) && unit.holds(TWO, &new));
    unit.restart();
    assert_eq!(unit.running, ONE);
    // It is not confirmed.
    unit.restart();
    assert_eq!(unit.running, TWO);
}

#[test]
fn a_release_that_failed_its_trial_is_disarmed_and_installed_again_only_on_request() {
    let new = image("1.1.0");
    let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    let (manifest, stored) = manifest(&new, 256);
    let update = signed(&manifest.encode().unwrap(), &stored, 0);
    unit.install(&*update).unwrap();
    unit.restart();
    unit.restart();
    assert_eq!(unit.running, ONE);
    change(&unit, Change::Healthy).unwrap();
    assert!(!unit.disk.borrow().is_startable(TWO));
    assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Intact, "it is disarmed, not damaged");
    let operations = unit.disk.borrow().operations;
    change(&unit, Change::Healthy).unwrap();
    assert_eq!(unit.disk.borrow().operations, operations, "a second report writes nothing");

    assert_eq!(unit.install(&*update).unwrap_err().code(), ExitCode::FailedHere);
    let activate = |again| Change::Activate { slot: TWO, again };
    assert_eq!(change(&unit, activate(false)).unwrap_err().code(), ExitCode::FailedHere);
    let tried_again = unit.copy();
    change(&tried_again, activate(true)).unwrap();
    assert_eq!(tried_again.start(), Some(TWO));
    assert!(tried_again.holds(TWO, &new));

    // It is remembered when another release has taken its place.
    unit.install(&*bundle(&image("1.2.0"))).unwrap();
    assert_eq!(unit.install(&*update).unwrap_err().code(), ExitCode::FailedHere);
    let request = Request { again: true, ..Request::default() };
    install(&unit, request, || Ok(Plain(&*update)), &mut Recorder::default()).unwrap();
    unit.restart();
    change(&unit, Change::Confirm).unwrap();
    assert!(!unit.boot_state().has_failed(&manifest.image_digest()));
}

#[test]
fn a_default_that_never_reports_health_gives_way_and_is_disarmed() {
    let mut unit = Bench::new(&image("1.0.0"), &image("1.0.0"));
    for _ in 0..STARTS {
        unit.restart();
        assert_eq!(unit.running, ONE);
    }
    unit.restart();
    assert_eq!(unit.running, TWO);
    change(&unit, Change::Healthy).unwrap();
    let state = unit.boot_state();
    assert_eq!((state.default, state.mark(ONE), state.starts), (TWO, Mark::Failed(Failure::NeverHealthy), 0));
    unit.lose_state();
    assert_eq!(unit.start(), Some(TWO), "without a state, slot 1 would come first");
    for _ in 0..3 * STARTS {
        unit.restart();
        assert_eq!(unit.running, TWO, "it swings once");
    }
}

#[test]
fn an_older_version_is_installed_only_on_request_and_never_below_the_floor() {
    let mut unit = Bench::new(&image("1.2.0"), &image("1.1.0"));
    change(&unit, Change::Confirm).unwrap();
    assert_eq!(unit.boot_state().floor, Some(Version::new(1, 1, 0)));
    let older = bundle(&image("1.1.5"));
    assert_eq!(unit.install(&*older).unwrap_err().code(), ExitCode::Downgrade);
    let request = Request { allowed: Allowed { downgrade: true, jump: false }, ..Request::default() };
    let downgrade =
        |unit: &Bench, update: &[u8]| install(unit, request, || Ok(Plain(update)), &mut Recorder::default());
    assert_eq!(downgrade(&unit, &bundle(&image("1.0.9"))).unwrap_err().code(), ExitCode::Floor);
    downgrade(&unit, &older).unwrap();
    unit.restart();
    assert_eq!(unit.release.version, "1.1.5");
}

#[test]
fn only_what_differs_is_written_and_nothing_past_the_image() {
    let (old, new) = (image("0.9.0"), image("1.1.0"));
    let unit = Bench::new(&image("1.0.0"), &old);
    let differing =
        |old: &[u8]| old.chunks(BLOCK).zip(new.chunks(BLOCK)).filter(|(old, new)| old != new).count() as u64;
    let blocks = new.len().div_ceil(BLOCK) as u64;
    let report = unit.install(&*bundle(&new)).unwrap();
    assert_eq!((report.blocks_written, report.blocks_skipped), (differing(&old), blocks - differing(&old)));
    assert!(report.blocks_skipped > 10, "the images have nothing in common");
    assert!(unit.disk.borrow().slot(TWO)[new.len()..].iter().all(|&byte| byte == 0xe5));

    // One byte of the first sector, one of the first block, and one in the middle.
    for at in [5, 700, 150_000] {
        unit.disk.borrow_mut().poke(TWO.index(), at, &[new[at] ^ 1]);
        let report = unit.install(&*bundle(&new)).unwrap();
        assert!(unit.holds(TWO, &new), "byte {at}");
        // Every change also writes the first sector.
        assert_eq!(report.blocks_written, if at < BLOCK { 1 } else { 2 }, "byte {at}");
    }
}

#[test]
fn installing_the_same_update_again_writes_no_block_of_the_slot() {
    let new = image("1.1.0");
    let unit = Bench::new(&image("1.0.0"), &new);
    unit.disk.borrow_mut().reset_counters();
    let report = unit.install(&*bundle(&new)).unwrap();
    assert_eq!((report.blocks_written, report.blocks_skipped), (0, new.len().div_ceil(BLOCK) as u64));
    // The boot state and the history, before and after.
    let written = unit.disk.borrow().regions_used()[1].to_vec();
    assert!(written.iter().all(|&region| region >= STATE), "{written:?}");
    assert_eq!(written.iter().filter(|&&region| region < HISTORY).count(), 2, "{written:?}");
    assert!(unit.boot_state().is_on_trial(TWO));
}

#[test]
fn a_lost_boot_state_is_recovered_from_what_is_running() {
    let new = image("1.1.0");
    let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    unit.lose_state();
    let mut recorder = Recorder::default();
    install(&unit, Request::default(), || Ok(Plain(Cursor::new(bundle(&new)))), &mut recorder).unwrap();
    assert!(recorder.warnings[0].contains("no copy of the boot state is intact"), "{:?}", recorder.warnings);
    assert!(
        recorder.warnings[0].contains("with slot 1 marked good since it is running"),
        "{:?}",
        recorder.warnings
    );
    unit.restart();
    assert_eq!(unit.running, TWO);

    unit.lose_state();
    let changed = change(&unit, Change::Confirm).unwrap();
    assert_eq!((changed.state.default, changed.state.floor), (TWO, Some(Version::new(1, 1, 0))));
    assert!(changed.warnings[0].contains("no copy of the boot state is intact"), "{:?}", changed.warnings);
}

#[test]
fn on_a_disk_without_our_boot_manager_the_report_shows_how_to_start_the_slot() {
    let new = image("1.1.0");
    let unit = Bench::new(&image("1.0.0"), &image("0.9.0")).with_sector(&mbr(1));
    let mut recorder = Recorder::default();
    let report =
        install(&unit, Request::default(), || Ok(Plain(Cursor::new(bundle(&new)))), &mut recorder).unwrap();
    assert!(unit.holds(TWO, &new));
    assert!(recorder.warnings[0].contains("there is no trial"), "{:?}", recorder.warnings);
    assert_eq!(report.commands, ["sluice update activate 2", "gpart set -a active -i 2 ada0"]);
}

#[test]
fn verify_checks_that_a_slot_still_holds_what_was_installed() {
    let new = image("1.1.0");
    let unit = Bench::new(&image("1.0.0"), &new);
    assert_eq!(verify(&unit, TWO).unwrap(), Verdict::NoDigest);
    let (manifest, stored) = manifest(&new, 256);
    unit.install(&*signed(&manifest.encode().unwrap(), &stored, 0)).unwrap();
    assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Intact);
    assert_eq!(verify(&unit, ONE).unwrap(), Verdict::NoDigest);
    for at in [0, 8192 + 17, 8192 + 40, new.len() - 1] {
        unit.disk.borrow_mut().poke(TWO.index(), at, &[new[at] ^ 4]);
        assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Differs, "byte {at}");
        unit.disk.borrow_mut().poke(TWO.index(), at, &[new[at]]);
    }
    assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Intact);
}

#[test]
fn verify_works_for_every_size_of_chunk_that_a_bundle_may_have() {
    let new = image("1.1.0");
    for sectors in [8, 16, 32, 64, 128, 256] {
        let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
        let (manifest, stored) = manifest(&new, sectors);
        unit.install(&*signed(&manifest.encode().unwrap(), &stored, 0)).unwrap();
        assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Intact, "{sectors} sectors");
        let last = new.len() - 1;
        unit.disk.borrow_mut().poke(TWO.index(), last, &[new[last] ^ 1]);
        assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Differs, "{sectors} sectors");
        unit.disk.borrow_mut().poke(TWO.index(), last, &[new[last]]);
        // A failed slot is disarmed, which is no damage.
        unit.restart();
        unit.restart();
        change(&unit, Change::Healthy).unwrap();
        assert!(!unit.disk.borrow().is_startable(TWO));
        assert_eq!(verify(&unit, TWO).unwrap(), Verdict::Intact, "{sectors} sectors");
    }
}

#[test]
fn a_development_build_installs_an_unsigned_image_with_all_other_checks() {
    let (old, new) = (image("1.0.0"), image("1.1.0"));
    let unit = Bench::new(&old, &image("0.9.0"));
    let request = Request { unsigned_image: true, ..Request::default() };
    let install =
        |image: Vec<u8>| install(&unit, request, || Ok(Plain(Cursor::new(image))), &mut Recorder::default());
    let report = install(new.clone()).unwrap();
    assert_eq!((&*report.version, report.source_bytes), ("1.1.0", new.len() as u64));
    assert!(unit.holds(TWO, &new));

    assert_eq!(install(bundle(&new)).unwrap_err().code().number(), 20);
    assert_eq!(install(new[..5000].to_vec()).unwrap_err().code().number(), 22);
    assert_eq!(install(image_of("1.1.0", "sluice", "apu", PART)).unwrap_err().code().number(), 31);
    assert_eq!(install(new[..new.len() - 1].to_vec()).unwrap_err().code().number(), 51);
    assert_eq!(install([&new[..], &[0]].concat()).unwrap_err().code().number(), 50);
    assert_eq!(unit.start(), Some(ONE));
}
