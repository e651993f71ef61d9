//! The power goes at every write and at every flush, and the unit starts again.

use std::io::Write as _;

use firmware::slot::Slot;
use firmware::state::choice::without_state;
use firmware::state::store;
use firmware::state::{BootState, Mark, TRIES};

use super::bench::Bench;
use super::bundles::{bundle, digest, image};
use crate::update::{Change, change};

/// What may become of a cache: each cut is judged with as many.
const SEEDS: u64 = 24;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// Something that a unit does, which a power cut may end.
type Deed<'a> = &'a dyn Fn(&Bench);

/// Cuts the power at every operation of `deed`; tells at how many.
fn cut_everywhere(name: &str, bench: &Bench, images: &[Vec<u8>], update: &[u8], deed: Deed) -> usize {
    let whole = bench.copy();
    whole.disk.borrow_mut().count_anew();
    deed(&whole);
    let operations = whole.disk.borrow().operations;
    assert!(operations > 0, "{name} writes nothing");
    for cut in 1..=operations {
        for seed in 0..SEEDS {
            let unit = bench.copy();
            unit.disk.borrow_mut().count_anew();
            unit.disk.borrow_mut().cut = Some(cut);
            deed(&unit);
            unit.disk.borrow_mut().power_up(seed);
            judge(&format!("{name}, cut {cut} of {operations}, seed {seed}"), unit, images, update);
        }
    }
    operations
}

/// Whether a unit that was cut off may be like this, and can go on.
fn judge(at: &str, mut unit: Bench, images: &[Vec<u8>], update: &[u8]) {
    let is_whole = |unit: &Bench, slot| images.iter().any(|image| unit.holds(slot, image));
    let state = store::load(&mut unit.medium()).unwrap_or_else(|error| panic!("{at}: {error}")).state;
    assert_eq!(state.mark(state.default), Mark::Good, "{at}: {state:?}");
    for slot in Slot::ALL {
        let is_good = state.mark(slot) == Mark::Good;
        assert!(!is_good || is_whole(&unit, slot), "{at}: slot {slot} is marked good: {state:?}");
    }

    // Should the boot state be lost on top of that: what is started then is whole, too.
    let bare = without_state(None).order.into_iter().find(|&slot| unit.disk.borrow().is_startable(slot));
    let bare = bare.unwrap_or_else(|| panic!("{at}: no slot can be started without a state"));
    assert!(is_whole(&unit, bare), "{at}: without a state, slot {bare} is started");
    let lost = unit.copy();
    lost.lose_state();
    go_on(&format!("{at}, state lost"), lost, update);

    let next = unit.start().unwrap_or_else(|| panic!("{at}: no slot can be started"));
    assert!(is_whole(&unit, next), "{at}: slot {next} is started and is neither the old nor the new one");
    unit.run(next);
    go_on(at, unit, update);
}

/// The update can be installed from here on, and is what runs then.
fn go_on(at: &str, mut unit: Bench, update: &[u8]) {
    unit.restart();
    let running = unit.running;
    if store::load(&mut unit.medium()).is_ok_and(|loaded| loaded.state.is_on_trial(running)) {
        change(&unit, Change::Confirm).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    unit.install(update).unwrap_or_else(|error| panic!("{at}: {error}"));
    unit.restart();
    assert_eq!(unit.running, running.other(), "{at}");
    change(&unit, Change::Confirm).unwrap_or_else(|error| panic!("{at}: {error}"));
    unit.restart();
    assert_eq!(unit.running, running.other(), "{at}");
}

#[test]
fn a_power_cut_at_any_write_leaves_a_bootable_slot() {
    let old = image("1.0.0");
    let older = image("0.9.0");
    let new = image("1.1.0");
    let update = bundle(&new);
    let images = [old.clone(), older.clone(), new.clone()];
    let mut points = Vec::new();
    let mut cut = |name: &str, bench: &Bench, deed: Deed| {
        points.push((name.to_owned(), cut_everywhere(name, bench, &images, &update, deed)));
    };

    let good = |default| BootState::factory(default, [true; 2], Some(digest(&old)));
    let mut half = [older.clone(), older.clone()].concat()[..older.len()].to_vec();
    half[510..512].fill(0);
    half[20_000..30_000].fill(0xff);
    let bad = |default: Slot| BootState { marks: Slot::ALL.map(|slot| if slot == default { Mark::Good } else { Mark::Bad }), ..good(default) };
    let install: Deed = &|unit| drop(unit.install(&*update));
    for running in Slot::ALL {
        let slots = |running_image: &Vec<u8>, other: &Vec<u8>| {
            let mut slots = [running_image.clone(), other.clone()];
            if running == TWO {
                slots.reverse();
            }
            slots
        };
        let unit = |other: &Vec<u8>, state: &BootState| Bench::with(running, slots(&old, other), state);
        let from = format!("from slot {running}");
        cut(&format!("install over an older one {from}"), &unit(&older, &good(running)), install);
        cut(&format!("install over the same {from}"), &unit(&new, &good(running)), install);
        cut(&format!("install over a half one {from}"), &unit(&half, &bad(running)), install);
        cut(&format!("install in an empty slot {from}"), &unit(&vec![0; older.len()], &bad(running)), install);
        let lost = unit(&older, &good(running));
        lost.lose_state();
        // With no state at all there is none to be found after a cut in the first write of one.
        if running == ONE {
            lost_state_install(&lost, &images, &update);
        }

        let mut trial = unit(&older, &good(running));
        trial.install(&*update).unwrap();
        cut(&format!("the boot manager takes a try {from}"), &trial, &|unit| {
            unit.start();
        });
        cut(&format!("rollback of a pending trial {from}"), &trial, &|unit| drop(change(unit, Change::Rollback)));
        trial.restart();
        cut(&format!("confirm {from}"), &trial, &|unit| drop(change(unit, Change::Confirm)));
        cut(&format!("rollback of a running trial {from}"), &trial, &|unit| drop(change(unit, Change::Rollback)));

        let quiet = unit(&older, &good(running));
        cut(&format!("rollback without a trial {from}"), &quiet, &|unit| drop(change(unit, Change::Rollback)));
        let activate = Change::Activate(running.other());
        cut(&format!("activate the other slot {from}"), &quiet, &|unit| drop(change(unit, activate)));
        let chosen = unit(&older, &good(running.other()));
        let activate = Change::Activate(running);
        cut(&format!("activate what was chosen at the console {from}"), &chosen, &|unit| drop(change(unit, activate)));
    }
    let total: usize = points.iter().map(|(_, points)| points).sum();
    let mut out = std::io::stderr();
    for (name, points) in &points {
        let _ = writeln!(out, "{points:5} cut points: {name}");
    }
    let _ = writeln!(out, "{total:5} cut points in all, each with {SEEDS} fates of the cache, with and without the boot state");
    assert!(total > 500, "{total}");
}

/// With both copies lost before, the boot manager goes by what can be started, until there is a state again.
fn lost_state_install(bench: &Bench, images: &[Vec<u8>], update: &[u8]) {
    let whole = bench.copy();
    whole.disk.borrow_mut().count_anew();
    whole.install(update).unwrap();
    assert_eq!(whole.boot_state().trial.map(|trial| (trial.slot, trial.tries)), Some((TWO, TRIES)));
    let operations = whole.disk.borrow().operations;
    for cut in 1..=operations {
        for seed in 0..SEEDS {
            let at = format!("install with the state lost, cut {cut} of {operations}, seed {seed}");
            let unit = bench.copy();
            unit.disk.borrow_mut().count_anew();
            unit.disk.borrow_mut().cut = Some(cut);
            let _ = unit.install(update);
            unit.disk.borrow_mut().power_up(seed);
            let next = unit.start().unwrap_or_else(|| panic!("{at}: no slot can be started"));
            assert!(images.iter().any(|image| unit.holds(next, image)), "{at}: slot {next}");
            go_on(&at, unit, update);
        }
    }
}
