//! What `sluice update status` shows for each state, and that the documentation has the exit codes.

use std::fmt::Write as _;

use firmware::slot::Slot;
use firmware::state::{BootState, Failure, Mark, TRIES, Trial};
use semver::Version;

use super::bench::Bench;
use super::bundles::{bundle, image};
use super::disk::{HISTORY, Trouble};
use crate::update::change::{Change, change};
use crate::update::exit_code::ExitCode;
use crate::update::log;
use crate::update::status::Status;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

fn states() -> Vec<(&'static str, Slot, BootState)> {
    let factory = BootState::factory(ONE, [true; 2], Some([7; 32]));
    let marked = |second| BootState { marks: [Mark::Good, second], ..factory.clone() };
    let on_trial = |tries| BootState { trial: Some(Trial { slot: TWO, tries }), ..marked(Mark::Untried) };
    let failed = |failure| marked(Mark::Failed(failure));
    let bad = |slot: Slot| {
        let mut state = factory.clone();
        state.marks[slot.index()] = Mark::Bad;
        state.digests[slot.index()] = None;
        state
    };
    let floor = BootState { floor: Some(Version::new(1, 0, 0)), ..factory.clone() };
    vec![
        ("from the factory", ONE, factory.clone()),
        ("confirmed once", ONE, floor),
        ("a trial to come", ONE, on_trial(TRIES)),
        ("on trial", TWO, on_trial(0)),
        ("a trial that failed", ONE, on_trial(0)),
        ("a trial that failed, settled", ONE, failed(Failure::Unconfirmed)),
        ("a trial that was rolled back and still runs", TWO, failed(Failure::RolledBack)),
        ("a default that gave way", ONE, failed(Failure::NeverHealthy)),
        ("a roll-back of a confirmed system", TWO, marked(Mark::Untried)),
        ("an interrupted update", ONE, bad(TWO)),
        ("chosen in the menu", TWO, factory.clone()),
        ("started as a last resort", TWO, bad(TWO)),
    ]
}

#[test]
fn each_state_is_shown_with_advice() {
    let mut out = String::new();
    for (name, running, state) in states() {
        let unit = Bench::with(running, [image("1.0.0"), image("1.1.0")], &state);
        let text = Status::gather(&unit).unwrap().text();
        let _ = writeln!(out, "== {name}\n{text}");
        assert_eq!(unit.disk.borrow().operations, 0, "the status writes nothing");
    }
    let unit = Bench::new(&image("1.0.0"), &image("1.1.0"));
    unit.disk.borrow_mut().poke(super::disk::STATE, 100, &[1]);
    let _ = writeln!(out, "== a damaged copy\n{}", Status::gather(&unit).unwrap().text());
    unit.lose_state();
    let status = Status::gather(&unit).unwrap();
    assert!(!status.state_found);
    let _ = writeln!(out, "== a lost state\n{}", status.text());
    insta::assert_snapshot!(out);
}

#[test]
fn the_log_tells_what_happened_to_the_unit() {
    let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    assert_eq!(
        log::text(&log::read(&unit).unwrap()),
        "the history is empty
"
    );
    let update = bundle(&image("1.1.0"));
    unit.install(&*update).unwrap();
    unit.restart();
    change(&unit, Change::Healthy).unwrap();
    unit.restart();
    change(&unit, Change::Healthy).unwrap();
    change(&unit, Change::Healthy).unwrap();
    let other = bundle(&image("1.2.0"));
    unit.install(&other[..other.len() - 1]).unwrap_err();
    change(&unit, Change::Confirm).unwrap();
    let records = log::read(&unit).unwrap();
    insta::assert_snapshot!(format!("{}{}", log::text(&records), log::json(&records[..1])));
}

#[test]
fn a_history_that_cannot_be_written_prevents_nothing() {
    let unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    unit.disk.borrow_mut().trouble = Trouble::Dead(HISTORY);
    unit.install(&*bundle(&image("1.1.0"))).unwrap();
    assert_eq!(log::read(&unit).unwrap().len(), 2, "the other copy has it");
    unit.disk.borrow_mut().trouble = Trouble::HistoryUnwritable;
    let changed = change(&unit, Change::Confirm).unwrap();
    assert_eq!(changed.warnings, ["the history could not be written: the card does not answer"]);
}

#[test]
fn programs_read_json() {
    let (_, running, state) = states().swap_remove(2);
    let unit = Bench::with(running, [image("1.0.0"), image("1.1.0")], &state);
    insta::assert_snapshot!(Status::gather(&unit).unwrap().json());
}

#[test]
fn the_documentation_has_every_exit_code_in_the_same_words() {
    let text = include_str!("../../../../docs/update.md");
    for (code, meaning) in ExitCode::TABLE {
        let row = format!("| {code} | {meaning} |");
        assert!(text.contains(&row), "docs/update.md does not have the row\n{row}");
    }
    assert_eq!(
        text.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).count(),
        ExitCode::TABLE.len()
    );
    let mut codes: Vec<_> = ExitCode::TABLE.iter().map(|(code, _)| code).collect();
    codes.dedup();
    assert!(codes.is_sorted() && codes.len() == ExitCode::TABLE.len());
}
