//! The power fails at every write and at every flush, and the unit starts again.

use std::collections::HashSet;
use std::io::Write as _;

use bsd_disk::units::Sectors;
use firmware::slot::Slot;
use firmware::state::choice::without_state;
use firmware::state::store;
use firmware::state::{BootState, Mark, STARTS, TRIES, Trial};

use super::bench::{Bench, Plain, Recorder, card};
use super::bundles::{bundle, digest, image};
use super::disk::{CFG, STATE};
use crate::update::change::{Change, change};
use crate::update::install::{Request, install};
use crate::update::log;

/// How many fates of the cache each cut is judged with.
const SEEDS: u64 = 16;

/// Sizes of erase blocks in bytes, and the sizes in MiB of cards that may have them.
const ERASE_BLOCKS: [(u64, u64); 6] =
    [(4 << 10, 1000), (64 << 10, 1000), (512 << 10, 61), (512 << 10, 1000), (1 << 20, 1000), (4 << 20, 1000)];
/// The fates of the cache that each cut with an erase block is judged with.
const ERASE_SEEDS: [u64; 2] = [0, 2];

/// Something that a unit does and a power cut can interrupt.
type Operation<'a> = &'a dyn Fn(&Bench);

/// Cuts the power at every operation of `operation`; returns their number.
fn cut_everywhere(
    name: &str,
    bench: &Bench,
    images: &[Vec<u8>],
    update: &[u8],
    operation: Operation,
) -> usize {
    let whole = bench.copy();
    whole.disk.borrow_mut().reset_counters();
    operation(&whole);
    let operations = whole.disk.borrow().operations;
    assert!(operations > 0, "{name} writes nothing");
    let known = log::read(bench).unwrap().len();
    // Many fates leave the same bytes behind, which need not be judged twice.
    let mut judged = HashSet::new();
    let mut judge = |at: &str, unit: Bench| {
        if judged.insert(unit.disk.borrow().content()) {
            assert!(log::read(&unit).unwrap().len() >= known, "{at}: the history has lost records");
            judge(at, unit, images, update);
        }
    };
    for cut in 1..=operations {
        for seed in 0..SEEDS {
            let unit = bench.copy();
            unit.disk.borrow_mut().reset_counters();
            unit.disk.borrow_mut().cut = Some(cut);
            operation(&unit);
            unit.disk.borrow_mut().power_up(seed);
            let at = format!("{name}, cut {cut} of {operations}, seed {seed}");
            judge(&at, unit);
        }
        for (bytes, media) in ERASE_BLOCKS {
            for seed in ERASE_SEEDS {
                let unit = bench.copy();
                {
                    let mut disk = unit.disk.borrow_mut();
                    disk.place(&card(Sectors::from_mib(media)));
                    disk.erase_block = Some(bytes);
                    disk.cut = Some(cut);
                    disk.reset_counters();
                }
                operation(&unit);
                unit.disk.borrow_mut().power_up(seed);
                unit.disk.borrow_mut().erase_block = None;
                let at = format!(
                    "{name}, cut {cut} of {operations}, erase block {bytes} on {media} MiB, seed {seed}"
                );
                assert!(
                    unit.disk.borrow().all()[CFG].iter().all(|&byte| byte == 0xdd),
                    "{at}: /cfg is damaged"
                );
                judge(&at, unit);
            }
        }
    }
    operations
}

/// Checks that a unit may be in this state after a power cut, and that it can continue.
fn judge(at: &str, mut unit: Bench, images: &[Vec<u8>], update: &[u8]) {
    let is_whole = |unit: &Bench, slot| images.iter().any(|image| unit.holds(slot, image));
    let state = store::load(&mut unit.medium()).unwrap_or_else(|error| panic!("{at}: {error}")).state;
    assert_eq!(state.mark(state.default), Mark::Good, "{at}: {state:?}");
    for slot in Slot::ALL {
        let is_startable = state.mark(slot).is_startable();
        assert!(!is_startable || is_whole(&unit, slot), "{at}: slot {slot} is incomplete: {state:?}");
    }

    // If the boot state is lost on top of that, the slot that starts is still complete.
    let bare = without_state(None).order.into_iter().find(|&slot| unit.disk.borrow().is_startable(slot));
    let bare = bare.unwrap_or_else(|| panic!("{at}: no slot can start without a state"));
    assert!(is_whole(&unit, bare), "{at}: without a state, slot {bare} is started");
    let lost = unit.copy();
    lost.lose_state();
    continue_with_update(&format!("{at}, state lost"), lost, update);

    let next = unit.start().unwrap_or_else(|| panic!("{at}: no slot can start"));
    assert!(is_whole(&unit, next), "{at}: slot {next} is started and is neither the old nor the new one");
    unit.run(next);
    continue_with_update(at, unit, update);
}

/// Checks that the update can be installed from here, and runs then.
fn continue_with_update(at: &str, mut unit: Bench, update: &[u8]) {
    unit.restart();
    let running = unit.running;
    if store::load(&mut unit.medium()).is_ok_and(|loaded| loaded.state.is_on_trial(running)) {
        change(&unit, Change::Confirm).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    // A cut in its trial counts as a failure of the update.
    let request = Request { again: true, ..Request::default() };
    let installed = install(&unit, request, || Ok(Plain(update)), &mut Recorder::default());
    installed.unwrap_or_else(|error| panic!("{at}: {error}"));
    unit.restart();
    assert_eq!(unit.running, running.other(), "{at}");
    change(&unit, Change::Confirm).unwrap_or_else(|error| panic!("{at}: {error}"));
    unit.restart();
    assert_eq!(unit.running, running.other(), "{at}");
}

#[test]
fn a_power_cut_at_any_write_leaves_a_bootable_slot() {
    let points: Vec<(String, usize)> = std::thread::scope(|scope| {
        let cuts = Slot::ALL.map(|running| scope.spawn(move || cuts_from(running)));
        cuts.into_iter().flat_map(|cuts| cuts.join().unwrap()).collect()
    });
    let total: usize = points.iter().map(|(_, points)| points).sum();
    let mut out = std::io::stderr();
    for (name, points) in &points {
        let _ = writeln!(out, "{points:5} cut points: {name}");
    }
    let _ = writeln!(
        out,
        "{total:5} cut points in all, each with {SEEDS} fates of the cache and {} of an erase block, with and without the \
         boot state",
        ERASE_BLOCKS.len() * ERASE_SEEDS.len()
    );
    assert!(total > 200, "{total}");
}

#[test]
fn an_erase_block_takes_its_neighbours_with_it_and_nothing_of_another_slice() {
    let unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    let before = unit.copy();
    let whole = unit.copy();
    whole.disk.borrow_mut().reset_counters();
    whole.install(&*bundle(&image("1.1.0"))).unwrap();
    let is_slot = |region: &usize| *region < STATE;
    let first = 1 + whole.disk.borrow().regions_used()[0].iter().position(is_slot).unwrap();
    {
        let mut disk = unit.disk.borrow_mut();
        (disk.erase_block, disk.cut) = (Some(4 << 20), Some(first));
        disk.reset_counters();
    }
    assert!(unit.install(&*bundle(&image("1.1.0"))).is_err());
    unit.disk.borrow_mut().power_up(0);
    let (disk, before) = (unit.disk.borrow(), before.disk.borrow());
    assert!(
        disk.slot(Slot::Second).iter().all(|&byte| byte == 0xff),
        "all of this small slot is in one block"
    );
    assert!(disk.slot(Slot::First) == before.slot(Slot::First));
    assert!(disk.all()[CFG] == before.all()[CFG]);
}

/// Cuts everything that a unit does while it runs from this slot; returns the number of cuts.
fn cuts_from(running: Slot) -> Vec<(String, usize)> {
    let (old, older, new) = (image("1.0.0"), image("0.9.0"), image("1.1.0"));
    let update = bundle(&new);
    let images = [old.clone(), older.clone(), new.clone()];
    let mut half = older.clone();
    half[510..512].fill(0);
    half[60_000..90_000].fill(0xff);
    let empty = vec![0; older.len()];
    let good = |default| BootState::factory(default, [true; 2], Some(digest(&old)));
    let half_state = BootState {
        marks: Slot::ALL.map(|slot| if slot == running { Mark::Good } else { Mark::Bad }),
        ..good(running)
    };
    // Slot `running` has the old image, and the other slot this one.
    let unit = |other: &[u8], state: &BootState| {
        let mut slots = [old.clone(), other.to_vec()];
        slots.rotate_right(running.index());
        Bench::with(running, slots, state)
    };

    let mut points = Vec::new();
    let mut cut = |name: &str, unit: &Bench, operation: Operation| {
        let name = format!("{name}, from slot {running}");
        let count = cut_everywhere(&name, unit, &images, &update, operation);
        points.push((name, count));
    };
    let install: Operation = &|unit| drop(unit.install(&*update));
    cut("install over an older one", &unit(&older, &good(running)), install);
    cut("install over the same", &unit(&new, &good(running)), install);
    cut("install over a half one", &unit(&half, &half_state), install);
    cut("install in an empty slot", &unit(&empty, &half_state), install);

    let rollback: Operation = &|unit| drop(change(unit, Change::Rollback));
    let mut trial = unit(&older, &good(running));
    trial.install(&*update).unwrap();
    cut("the boot manager takes a try", &trial, &|unit| {
        unit.start();
    });
    cut("rollback of a pending trial", &trial, rollback);
    trial.restart();
    assert_eq!(trial.running, running.other());
    cut("confirm", &trial, &|unit| drop(change(unit, Change::Confirm)));
    cut("rollback of a running trial", &trial, rollback);
    trial.restart();
    assert_eq!(trial.running, running);
    cut("the boot manager counts a start", &trial, &|unit| {
        unit.start();
    });
    let healthy: Operation = &|unit| drop(change(unit, Change::Healthy));
    cut("a report of health that settles a failed trial", &trial, healthy);
    healthy(&trial);
    let other = running.other();
    assert!(!trial.disk.borrow().is_startable(other));
    let again = Change::Activate { slot: other, again: true };
    cut("activate the failed slot again", &trial, &move |unit| drop(change(unit, again)));

    let quiet = unit(&older, &good(running));
    cut("rollback without a trial", &quiet, rollback);
    let activate = |slot| move |unit: &Bench| drop(change(unit, Change::Activate { slot, again: false }));
    cut("activate the other slot", &quiet, &activate(running.other()));
    let chosen = unit(&older, &good(running.other()));
    cut("activate what was chosen in the menu", &chosen, &activate(running));
    let worn = unit(&older, &BootState { starts: STARTS, ..good(running) });
    cut("the default slot gives way", &worn, &|unit| {
        if let Some(started) = unit.start() {
            assert_eq!(started, running.other());
        }
    });

    let lost = unit(&older, &good(running));
    lost.lose_state();
    points.push((
        format!("install with the boot state lost, from slot {running}"),
        cut_without_state(&lost, &images, &update),
    ));
    points
}

/// With all copies lost before, the boot manager starts whatever can start, until there is a state again.
fn cut_without_state(bench: &Bench, images: &[Vec<u8>], update: &[u8]) -> usize {
    let whole = bench.copy();
    whole.disk.borrow_mut().reset_counters();
    whole.install(update).unwrap();
    let target = bench.running.other();
    assert_eq!(whole.boot_state().trial, Some(Trial { slot: target, tries: TRIES }));
    let operations = whole.disk.borrow().operations;
    for cut in 1..=operations {
        for seed in 0..SEEDS {
            let at = format!("install with the state lost, cut {cut} of {operations}, seed {seed}");
            let unit = bench.copy();
            unit.disk.borrow_mut().reset_counters();
            unit.disk.borrow_mut().cut = Some(cut);
            let _ = unit.install(update);
            unit.disk.borrow_mut().power_up(seed);
            let next = unit.start().unwrap_or_else(|| panic!("{at}: no slot can start"));
            assert!(images.iter().any(|image| unit.holds(next, image)), "{at}: slot {next}");
            continue_with_update(&at, unit, update);
        }
    }
    operations
}
