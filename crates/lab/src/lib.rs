//! The lab: what happens to a unit in the field, played through in QEMU.
//!
//! A [`Scenario`] is a story of one [`Unit`]: boot it, press keys, cut the power, damage its card, boot it again. Those of the
//! boot manager run on any world, for the miniature one tells which slot it was started from; those of a running system
//! need a FreeBSD. Each unit has a card of its own, so scenarios run side by side, and the serial log of every boot is kept.
//!
//! Invariant, checked after every scenario: nothing before the first slice, the MBR included, is other than in the factory.

pub mod card;
pub mod qemu;
pub mod scenarios;
pub mod server;
pub mod shell;
pub mod unit;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use firmware::bundle::{HEADER_BYTES, Header, Manifest};
use firmware::state::Digest;

use self::unit::Unit;

/// What a unit of the lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// The miniature world: boot programs that tell their slot, and no kernel.
    Miniature,
    /// FreeBSD, with a network card that QEMU has.
    FreeBsd,
}

/// What the scenarios share.
#[derive(Debug)]
pub struct Rig {
    /// What the units run.
    pub world: World,
    /// The full image that every card starts as.
    pub full: PathBuf,
    /// The folder of update bundles and slot images, by the name that scenarios ask for: `next.fw`, `next.slot.img`.
    pub served: PathBuf,
    /// Where units find that folder.
    pub url: String,
    /// Where serial logs are kept.
    pub logs: PathBuf,
    /// How often the power is cut in each scenario that cuts it at random.
    pub cuts: u32,
}

impl Rig {
    /// The version of the bundle `name`.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn version_of(&self, name: &str) -> Result<String> {
        Ok(self.manifest(name)?.version)
    }

    /// What identifies the slot image in the bundle `name`.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn digest_of(&self, name: &str) -> Result<Digest> {
        Ok(self.manifest(name)?.image_digest())
    }

    /// The manifest of a bundle that this machine has just made: nobody has to check its signature.
    fn manifest(&self, name: &str) -> Result<Manifest> {
        let path = self.served.join(format!("{name}.fw"));
        let read = || -> Result<Manifest> {
            let mut file = File::open(&path)?;
            let mut header = [0; HEADER_BYTES];
            file.read_exact(&mut header)?;
            let mut json = vec![0; Header::decode(&header)?.manifest_bytes as usize];
            file.read_exact(&mut json)?;
            Ok(Manifest::parse(&json)?)
        };
        read().with_context(|| format!("reading the bundle {}", path.display()))
    }
}

/// One story.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, by which it can be chosen.
    pub name: &'static str,
    /// What it holds the product to, in one line.
    pub promise: &'static str,
    /// Whether it needs a running FreeBSD.
    pub needs_freebsd: bool,
    /// The story.
    pub run: fn(&mut Unit<'_>) -> Result<()>,
}

/// How a scenario ended.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub name: &'static str,
    /// Whether the promise was kept.
    pub result: Result<()>,
    /// What it has measured.
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// Where its serial logs are.
    pub logs: PathBuf,
}

/// Plays `scenarios`, `jobs` at a time, and tells each outcome as it comes.
pub fn play(
    rig: &Rig,
    scenarios: &[Scenario],
    jobs: usize,
    tell: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = play_one(rig, scenario);
                    let mut outcomes = outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tell(&outcome);
                    outcomes.push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = |outcome: &Outcome| scenarios.iter().position(|scenario| scenario.name == outcome.name);
    outcomes.sort_by_key(place);
    outcomes
}

fn play_one(rig: &Rig, scenario: &Scenario) -> Outcome {
    let begin = Instant::now();
    let logs = rig.logs.join(scenario.name);
    let mut notes = Vec::new();
    let result = Unit::new(rig, &logs).and_then(|mut unit| {
        let result = (scenario.run)(&mut unit).and_then(|()| unit.check_factory_part());
        notes = unit.take_notes();
        result
    });
    Outcome { name: scenario.name, result, notes, took: begin.elapsed(), logs }
}
