//! Cards with FreeBSD's boot programs: whatever happens, a complete slot starts.

use std::fmt::Write as _;

use firmware::slot::Slot;

use super::bench::{Bench, Plain, Recorder};
use super::bundles::{bundle, image};
use super::disk::{HISTORY, MBR, STATE};
use crate::disk::Program;
use crate::disk::boot_sectors::{Sector, boot0, boot0sio, mbr, with_active};
use crate::update::change::{Change, change};
use crate::update::deadline::{self, Outcome};
use crate::update::error::UpdateError;
use crate::update::exit_code::ExitCode;
use crate::update::install::{Report, Request, install};
use crate::update::status::Status;
use crate::update::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// Every default and active slice of every program. `mbr` has no default.
fn sectors() -> Vec<(String, Sector)> {
    let numbers = [(1, 1), (1, 2), (2, 1), (2, 2)];
    let of_boot0 = numbers.into_iter().flat_map(|(default, active)| {
        let at = format!("default {default}, active {active}");
        [
            (format!("boot0, {at}"), boot0(default, active)),
            (format!("boot0sio, {at}"), boot0sio(default, active)),
        ]
    });
    of_boot0.chain([1, 2].map(|active| (format!("mbr, active {active}"), mbr(active)))).collect()
}

/// A unit that runs from `running` and has 0.9.0 in the other slot.
fn unit(running: Slot, sector: &Sector) -> Bench {
    let mut slots = [image("1.0.0"), image("0.9.0")];
    slots.rotate_right(running.index());
    let state = firmware::state::BootState::factory(running, [true; 2], None);
    Bench::with(running, slots, &state).with_sector(sector)
}

fn activate(slot: Slot) -> Change {
    Change::Activate { slot, again: false }
}

fn report(unit: &Bench, update: &[u8]) -> (Report, Recorder) {
    let mut recorder = Recorder::default();
    let report = install(unit, Request::default(), || Ok(Plain(update)), &mut recorder).unwrap();
    (report, recorder)
}

#[test]
fn before_a_slot_is_written_the_running_one_is_made_default_and_active() {
    let update = bundle(&image("1.1.0"));
    for (name, sector) in sectors() {
        for running in Slot::ALL {
            let unit = unit(running, &sector);
            let before = unit.stock_boot().unwrap().unwrap();
            let (report, _) = report(&unit, &update);
            let now = unit.stock_boot().unwrap().unwrap();
            assert!(now.starts_only(running), "{name}, from slot {running}: {now}");
            assert_eq!(unit.ran.borrow().is_empty(), before.starts_only(running), "{name}: {:?}", unit.ran);
            assert_eq!(unit.start(), Some(running), "{name}");
            let target = running.other();
            assert!(unit.holds(target, &image("1.1.0")), "{name}");
            assert_eq!(report.commands, [format!("sluice update activate {target}"), now.typed(target)]);
            assert_eq!(report.commands[1].contains("boot0cfg"), now.program != Program::Mbr, "{name}");
            change(&unit, activate(target)).unwrap();
            assert_eq!(unit.start(), Some(target), "{name}");
        }
    }
}

#[test]
fn a_card_that_cannot_be_made_to_start_the_running_slot_gets_no_update() {
    let update = bundle(&image("1.1.0"));
    let mut out = String::new();
    for (broken, sector) in [
        (("gpart", true), boot0sio(1, 2)),
        (("gpart", false), mbr(2)),
        (("boot0cfg", true), boot0(2, 1)),
        (("boot0cfg", false), boot0sio(2, 1)),
        (("boot0cfg", true), boot0sio(5, 1)),
    ] {
        let unit = unit(ONE, &sector);
        let before = unit.copy();
        unit.broken.set(Some(broken));
        let error = unit.install(&*update).unwrap_err();
        assert_eq!((error.code(), error.code().number()), (ExitCode::NotStarting, 44), "{error}");
        assert!(unit.disk.borrow().all() == before.disk.borrow().all(), "{broken:?}: the card was changed");
        let _ = writeln!(
            out,
            "{} does not work{}\n{error}\n",
            broken.0,
            if broken.1 { "" } else { ", and does not say so" }
        );
        unit.broken.set(None);
        unit.install(&*update).unwrap();
    }
    // The running slot itself would not start again.
    let unit = unit(TWO, &boot0sio(1, 2));
    unit.disk.borrow_mut().poke(TWO.index(), 510, &[0; 2]);
    let error = unit.install(&*update).unwrap_err();
    assert_eq!(error.code(), ExitCode::NotStarting, "{error}");
    assert!(unit.holds(ONE, &image("0.9.0")));
    insta::assert_snapshot!(out);
}

/// Cuts the power at every write and flush of `operation`, and checks what starts then. Returns the number of cuts.
fn cut_everywhere(
    name: &str,
    bench: &Bench,
    operation: &dyn Fn(&Bench),
    judge: &dyn Fn(&str, Bench),
) -> usize {
    let whole = bench.copy();
    whole.disk.borrow_mut().reset_counters();
    operation(&whole);
    let operations = whole.disk.borrow().operations;
    assert!(operations > 0, "{name} writes nothing");
    for cut in 1..=operations {
        for seed in 0..4 {
            let unit = bench.copy();
            unit.disk.borrow_mut().reset_counters();
            unit.disk.borrow_mut().cut = Some(cut);
            operation(&unit);
            unit.disk.borrow_mut().power_up(seed);
            judge(&format!("{name}, cut {cut} of {operations}, seed {seed}"), unit);
        }
    }
    operations
}

#[test]
fn an_interrupted_second_update_leaves_a_unit_that_starts_the_running_slot() {
    let (first, second) = (image("1.1.0"), bundle(&image("1.2.0")));
    // The operator made the first update active as the release before said, or with boot0cfg, or both.
    let mut total = 0;
    for (name, sector) in sectors() {
        let mut bench = unit(ONE, &mbr(1));
        bench.install(&*bundle(&first)).unwrap();
        bench.run(TWO);
        let bench = bench.with_sector(&sector);
        // Some cannot have started slot 2, which is then chosen at the console.
        let judge = |at: &str, mut unit: Bench| {
            let started = unit.start();
            let is_begun = unit.disk.borrow().all()[0] != bench.disk.borrow().all()[0];
            if is_begun {
                assert_eq!(started, Some(TWO), "{at}");
            }
            let started = started.unwrap_or_else(|| panic!("{at}: no slot starts"));
            assert!([image("1.0.0"), first.clone()].iter().any(|image| unit.holds(started, image)), "{at}");
            unit.run(TWO);
            unit.install(&*second).unwrap_or_else(|error| panic!("{at}: {error}"));
            change(&unit, activate(ONE)).unwrap_or_else(|error| panic!("{at}: {error}"));
            unit.restart();
            assert_eq!((unit.running, &*unit.release.version), (ONE, "1.2.0"), "{at}");
        };
        total += cut_everywhere(&name, &bench, &|unit| drop(unit.install(&*second)), &judge);
    }
    assert!(total > 200, "{total}");
}

#[test]
fn a_power_cut_while_a_slot_is_activated_leaves_a_complete_slot() {
    for (name, sector) in sectors() {
        for what in [Change::Rollback, activate(TWO), activate(ONE)] {
            let bench = unit(ONE, &sector);
            let target = if what == activate(ONE) { ONE } else { TWO };
            if bench.stock_boot().unwrap().unwrap().next == Some(TWO) && what == Change::Rollback {
                continue;
            }
            let judge = |at: &str, unit: Bench| {
                assert!(unit.start().is_some(), "{at}");
                change(&unit, activate(target)).unwrap_or_else(|error| panic!("{at}: {error}"));
                assert_eq!(unit.start(), Some(target), "{at}");
            };
            cut_everywhere(&format!("{name}, {what:?}"), &bench, &|unit| drop(change(unit, what)), &judge);
        }
    }
}

#[test]
fn only_a_complete_slot_is_activated() {
    for (at, bytes) in [(510, &[0; 2][..]), (8192 + 20, &[0xff; 8])] {
        for what in [activate(TWO), Change::Rollback] {
            let unit = unit(ONE, &boot0sio(1, 1));
            unit.disk.borrow_mut().poke(TWO.index(), at, bytes);
            let error = change(&unit, what).unwrap_err();
            assert_eq!(error.code(), ExitCode::NotPossible, "{error}");
            assert!(error.to_string().starts_with("slot 2 cannot start: its "), "{error}");
            assert!(unit.ran.borrow().is_empty());
            assert_eq!(unit.start(), Some(ONE));
        }
    }
}

#[test]
fn there_is_no_boot_state_and_no_trial_to_fail() {
    let mut unit = unit(ONE, &boot0sio(1, 1));
    unit.lose_state();
    unit.disk.borrow_mut().reset_counters();
    unit.install(&*bundle(&image("1.1.0"))).unwrap();
    change(&unit, activate(TWO)).unwrap();
    unit.restart();
    assert_eq!(unit.running, TWO);
    change(&unit, Change::Healthy).unwrap();
    unit.uptime.set(100_000);
    assert_eq!(deadline::watch(&unit).unwrap(), Outcome::Decided);
    assert_eq!(unit.restarts.get(), 0, "a deadline would restart the unit for ever");
    // The second update needs no confirmation of the first one.
    unit.install(&*bundle(&image("1.2.0"))).unwrap();
    let used = unit.disk.borrow().regions_used()[0].to_vec();
    assert!(used.iter().all(|region| !(STATE..HISTORY).contains(region)), "{used:?}");
    assert!(used.contains(&MBR) && used.contains(&HISTORY));
}

#[test]
fn an_update_that_breaks_off_leaves_a_slot_that_cannot_start() {
    let update = bundle(&image("1.1.0"));
    let unit = unit(ONE, &boot0sio(1, 2));
    let error = unit.install(&update[..update.len() - 1]).unwrap_err();
    assert_eq!(error.code(), ExitCode::EndedEarly);
    assert_eq!(unit.start(), Some(ONE));
    assert!(
        error
            .to_string()
            .starts_with("slot 2 is incomplete and cannot start, slot 1 keeps running and starts next: "),
        "{error}"
    );
}

#[test]
fn each_command_says_what_is_true_on_such_a_card() {
    let mut out = String::new();
    let said = |unit: &Bench, what| match change(unit, what) {
        Ok(changed) => changed.stock.unwrap().to_string(),
        Err(error) => format!("{} {error}", error.code().number()),
    };
    let mut cards = sectors();
    cards.retain(|(name, _)| !name.starts_with("boot0,"));
    cards.push(("boot0, default 5, active 1".to_owned(), boot0(5, 1)));
    cards.push(("another program".to_owned(), with_active([0; 512], &[1])));
    for (name, sector) in cards {
        let bench = unit(ONE, &sector);
        let _ = writeln!(out, "== {name}\n{}", Status::gather(&bench).unwrap().text());
        for (command, what) in [
            ("confirm", Change::Confirm),
            ("rollback", Change::Rollback),
            ("activate 1", activate(ONE)),
            ("activate 2", activate(TWO)),
        ] {
            let _ = writeln!(out, "{command}: {}", said(&bench.copy(), what));
        }
        out.push('\n');
    }
    let half = unit(ONE, &boot0sio(1, 1));
    half.disk.borrow_mut().poke(TWO.index(), 510, &[0; 2]);
    let _ = writeln!(out, "== a half-written slot\n{}", Status::gather(&half).unwrap().text());
    let _ = writeln!(out, "rollback: {}", said(&half, Change::Rollback));
    let (_, recorder) = report(&half, &bundle(&image("1.1.0")));
    let _ = writeln!(out, "install warns: {}", recorder.warnings.join("\n"));
    insta::assert_snapshot!(out);
}

#[test]
fn programs_read_the_boot_program_as_json() {
    let json = |sector: &Sector| -> serde_json::Value {
        serde_json::from_str(&Status::gather(&unit(ONE, sector)).unwrap().json()).unwrap()
    };
    let stock = json(&boot0sio(1, 2));
    assert_eq!(
        stock["boot_program"],
        serde_json::json!({
            "program": "boot0sio", "disk": "ada0", "default_slice": 1, "active_slices": [2], "next": 2
        })
    );
    assert_eq!((&stock["next"], &stock["trial"]), (&serde_json::json!(2), &serde_json::Value::Null));
    let none = json(&boot0sio(5, 2));
    assert!(none.get("next").is_none() && none["boot_program"]["next"].is_null(), "{none}");
}

#[test]
fn confirm_is_refused_with_the_reason() {
    let error = change(&unit(ONE, &boot0sio(1, 1)), Change::Confirm).unwrap_err();
    assert!(matches!(error, UpdateError::NoTrials { .. }));
    assert_eq!(error.code().number(), 46);
}
