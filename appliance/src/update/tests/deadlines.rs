//! A system on trial that comes up and is never confirmed restarts by itself.

use firmware::history::Event;
use firmware::slot::Slot;

use super::bench::Bench;
use super::bundles::{bundle, image};
use super::disk::Trouble;
use crate::update::change::Change;
use crate::update::deadline::{Outcome, watch};
use crate::update::exit_code::ExitCode;
use crate::update::log;

/// A unit that runs 1.1.0 in slot 2 on trial.
fn on_trial() -> Bench {
    let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    unit.install(&*bundle(&image("1.1.0"))).unwrap();
    unit.restart();
    assert_eq!(unit.running, Slot::Second);
    unit
}

#[test]
fn a_trial_that_is_never_confirmed_restarts_the_unit_into_the_previous_slot() {
    let mut unit = on_trial();
    assert_eq!(watch(&unit).unwrap(), Outcome::Expired);
    assert_eq!((unit.uptime.get(), unit.restarts.get()), (900, 1));
    let last = log::read(&unit).unwrap().pop().unwrap().entry;
    assert_eq!((last.event, last.slot, last.uptime), (Event::TrialExpired, Some(Slot::Second), 900));
    unit.restart();
    assert_eq!(unit.running, Slot::First);
}

#[test]
fn a_trial_that_is_decided_in_time_goes_on() {
    for decision in [Change::Confirm, Change::Rollback] {
        let unit = on_trial();
        unit.meanwhile.set(Some((600, decision)));
        assert_eq!(watch(&unit).unwrap(), Outcome::Decided, "{decision:?}");
        assert_eq!((unit.uptime.get(), unit.restarts.get()), (600, 0), "{decision:?}");
    }
}

#[test]
fn a_boot_state_that_cannot_be_read_does_not_end_the_waiting() {
    // From the middle on: the trial is known, and ends as any other.
    let unit = on_trial();
    unit.state_dies_at.set(Some(600));
    assert_eq!(watch(&unit).unwrap(), Outcome::Expired);
    assert_eq!((unit.uptime.get(), unit.restarts.get()), (900, 1));

    // From the beginning on: whether there is a trial is not known, and the unit keeps running.
    let unit = on_trial();
    unit.disk.borrow_mut().trouble = Trouble::StateDeadFrom(0);
    assert_eq!(watch(&unit).unwrap_err().code(), ExitCode::BootState);
    assert_eq!((unit.uptime.get(), unit.restarts.get()), (900, 0));
}

#[test]
fn without_a_trial_or_a_deadline_there_is_nothing_to_wait_for() {
    let mut unit = on_trial();
    unit.release.trial_deadline = 0;
    assert_eq!(watch(&unit).unwrap(), Outcome::Decided);
    let unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    assert_eq!(watch(&unit).unwrap(), Outcome::Decided);
    assert_eq!((unit.uptime.get(), unit.restarts.get()), (60, 0));
}
