//! Who waits for whom: nobody waits for a source, and for a moment everybody waits for a change.

use std::io::{self, Read};
use std::rc::Rc;

use firmware::slot::Slot;

use super::bench::Bench;
use super::bundles::{bundle, first_chunk, image};
use crate::update::change::{Change, change};
use crate::update::error::UpdateError;
use crate::update::exit_code::ExitCode;
use crate::update::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// An update of which each reading does something first, given the position.
struct Meanwhile<F> {
    update: Vec<u8>,
    position: usize,
    action: F,
}

impl<F: FnMut(usize)> Read for Meanwhile<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.action)(self.position);
        let bytes = (&self.update[self.position..]).read(buffer)?;
        self.position += bytes;
        Ok(bytes)
    }
}

fn unit() -> Rc<Bench> {
    Rc::new(Bench::new(&image("1.0.0"), &image("0.9.0")))
}

/// Installs 1.1.0 in `unit`, and does something at each reading.
fn install(unit: &Rc<Bench>, action: impl FnMut(usize)) -> Result<(), UpdateError> {
    let update = bundle(&image("1.1.0"));
    unit.install(Meanwhile { update, position: 0, action }).map(drop)
}

#[test]
fn a_second_updater_is_refused_once_the_first_one_writes() {
    let update = bundle(&image("1.1.0"));
    let chunks = first_chunk(&update);
    let unit = unit();
    let (other, mut refused) = (Rc::clone(&unit), false);
    let meanwhile = |position| {
        if position < chunks || refused {
            return;
        }
        refused = true;
        assert_eq!(other.install(&*update).unwrap_err().code().number(), 41);
        let activate = Change::Activate { slot: ONE, again: false };
        for what in [Change::Confirm, Change::Rollback, Change::Healthy, activate] {
            let begun = other.uptime.get();
            assert_eq!(change(&*other, what).unwrap_err().code().number(), 41);
            assert_eq!(other.uptime.get() - begun, 5, "each waits for five seconds");
        }
    };
    install(&unit, meanwhile).unwrap();
    assert!(refused);
    // Once the first one has finished, the next may start.
    unit.install(&*bundle(&image("1.1.0"))).unwrap();
}

#[test]
fn a_source_that_has_sent_no_manifest_prevents_no_other_change() {
    let chunks = first_chunk(&bundle(&image("1.1.0")));
    let unit = unit();
    let (other, mut times) = (Rc::clone(&unit), 0);
    let meanwhile = |position| {
        if position < chunks {
            for what in [Change::Healthy, Change::Confirm] {
                change(&*other, what).unwrap();
            }
            other.install(&*bundle(&image("1.2.0"))).unwrap();
            assert_eq!(other.uptime.get(), 60, "nobody waited");
            times += 1;
        }
    };
    install(&unit, meanwhile).unwrap();
    assert!(times >= 3, "header, manifest and signature");
    assert!(unit.holds(TWO, &image("1.1.0")), "the last one to write wins");
    assert_eq!(unit.start(), Some(TWO));
}

#[test]
fn what_changed_while_the_manifest_arrived_counts() {
    let mut bench = Bench::new(&image("1.0.0"), &image("0.9.0"));
    bench.install(&*bundle(&image("1.1.0"))).unwrap();
    bench.restart();
    change(&bench, Change::Confirm).unwrap();
    let unit = Rc::new(bench);
    assert_eq!(unit.running, TWO);
    let other = Rc::clone(&unit);
    let mut rolled_back = false;
    let meanwhile = |_| {
        if !std::mem::replace(&mut rolled_back, true) {
            change(&*other, Change::Rollback).unwrap();
        }
    };
    let before = unit.disk.borrow().slot(ONE).to_vec();
    let error = install(&unit, meanwhile).unwrap_err();
    assert_eq!(error.code(), ExitCode::OnTrial, "{error}");
    assert!(unit.disk.borrow().slot(ONE) == before);
}

#[test]
fn a_lock_that_is_held_for_a_moment_is_waited_for() {
    let unit = unit();
    let lock = unit.try_lock().unwrap().unwrap();
    unit.unlocked_at.set(Some(63));
    change(&*unit, Change::Confirm).unwrap();
    assert_eq!(unit.uptime.get(), 63);
    std::mem::forget(lock);
    let _lock = unit.try_lock().unwrap().unwrap();
    unit.unlocked_at.set(None);
    assert_eq!(change(&*unit, Change::Confirm).unwrap_err().code(), ExitCode::Locked);
    unit.stop.set(Some("SIGINT"));
    let begun = unit.uptime.get();
    assert_eq!(change(&*unit, Change::Confirm).unwrap_err().code(), ExitCode::Stopped);
    assert_eq!(unit.uptime.get(), begun);
}
