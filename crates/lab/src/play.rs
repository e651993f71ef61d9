//! Plays scenarios.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::rig::Rig;
use crate::scenario::Scenario;
use crate::unit::Unit;

/// The outcome of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The name of the scenario.
    pub name: &'static str,
    /// Whether the promise was kept.
    pub result: Result<()>,
    /// Measurements and other notes.
    pub notes: Vec<String>,
    /// The time that it took.
    pub took: Duration,
    /// The directory of its serial logs.
    pub logs: PathBuf,
}

/// Plays `scenarios`, `jobs` at a time, and passes each outcome to `report` as it comes. Returns them in the order of
/// `scenarios`.
pub fn play(
    rig: &Rig,
    scenarios: &[Scenario],
    jobs: usize,
    report: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = play_one(rig, scenario);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    report(&outcome);
                    outcomes.push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let position = |outcome: &Outcome| scenarios.iter().position(|scenario| scenario.name == outcome.name);
    outcomes.sort_by_key(position);
    outcomes
}

fn play_one(rig: &Rig, scenario: &Scenario) -> Outcome {
    let begin = Instant::now();
    let logs = rig.logs.join(scenario.name);
    let mut notes = Vec::new();
    let full = match scenario.on_boot0 {
        true => rig.boot0.as_deref().context("the lab has no image with boot0sio"),
        false => Ok(&*rig.full),
    };
    let result = full.and_then(|full| Unit::new(rig, full, &logs)).and_then(|mut unit| {
        let result = (scenario.run)(&mut unit).and_then(|()| match scenario.on_boot0 {
            // Sector 0 is where boot0 remembers its choice.
            true => Ok(()),
            false => unit.check_factory_area(),
        });
        notes = unit.take_notes();
        result
    });
    Outcome { name: scenario.name, result, notes, took: begin.elapsed(), logs }
}
