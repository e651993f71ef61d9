//! The status of the unit: gathered from its facts, printed as text, one line, or JSON.
//!
//! A fact that cannot be read is reported as a problem and never hides the others: a status is most needed when something
//! is broken.

use std::fmt::Write;

use anyhow::{Context, Result};
use firmware::release::Release;
use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::store::Loaded;
use serde::Serialize;

use super::arguments::Format;
use super::facts::{Facts, Memory};
use crate::disk::{BootPlan, SlotContent, SlotDevices, StockBoot};

/// The part of a [`Status`] about one slot.
#[derive(Debug, Serialize)]
pub struct SlotStatus {
    /// The slot.
    pub slot: Slot,
    /// Whether the system runs from it.
    pub running: bool,
    /// What it contains.
    #[serde(flatten)]
    pub content: SlotContent,
}

/// What runs on the unit. Serialized, it is the output of `--json`, which programs read: fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The running release.
    pub release: Option<Release>,
    /// The slot that the system runs from.
    pub running_slot: Option<Slot>,
    /// Both slots, in order.
    pub slots: Vec<SlotStatus>,
    /// Which slot starts next; `None` where it is not known, or none starts by itself.
    pub boot: Option<BootPlan>,
    /// The boot program and what it starts, on a card without a boot state.
    pub boot_program: Option<StockBoot>,
    /// Whether a command is changing a slot or the boot state.
    pub changing: Option<bool>,
    /// The lowest key epoch that may be installed, and the keys that are trusted no more; `None` where there is no boot
    /// state.
    #[serde(flatten)]
    pub revocations: Option<Revocations>,
    /// Seconds since the boot.
    pub uptime_seconds: Option<u64>,
    /// Total and free memory.
    pub memory: Option<Memory>,
    /// The facts that could not be read, and why.
    pub problems: Vec<String>,
}

impl Status {
    /// Reads every fact.
    pub fn gather(facts: &dyn Facts) -> Self {
        let mut problems = Vec::new();
        let lost = known(&mut problems, facts.lost_configuration());
        problems.extend(lost.flatten());
        let mut revocations = None;
        let devices = known(&mut problems, slot_devices(facts));
        let boot_program =
            devices.as_ref().and_then(|devices| known(&mut problems, facts.stock_boot(devices))).flatten();
        Self {
            release: known(&mut problems, facts.release()),
            running_slot: devices.as_ref().map(|devices| devices.running),
            slots: Slot::ALL
                .into_iter()
                .map(|slot| SlotStatus {
                    slot,
                    running: devices.as_ref().is_some_and(|devices| devices.running == slot),
                    content: devices
                        .as_ref()
                        .and_then(|devices| known(&mut problems, facts.slot_header(devices, slot)))
                        .map_or(SlotContent::Unknown, |header| SlotContent::from_header(&header)),
                })
                .collect(),
            boot: devices.as_ref().and_then(|devices| {
                if let Some(stock) = &boot_program {
                    return stock.next.map(|next| BootPlan { default: next, next, trial: None });
                }
                let loaded = known(&mut problems, facts.boot_state(devices))??;
                problems.extend(defects(&loaded));
                revocations = Some(loaded.state.revocations.clone());
                Some(BootPlan::of(&loaded.state, devices.running))
            }),
            boot_program,
            changing: devices.as_ref().and_then(|devices| known(&mut problems, facts.is_changing(devices))),
            revocations,
            uptime_seconds: known(&mut problems, facts.uptime()).map(|uptime| uptime.as_secs()),
            memory: known(&mut problems, facts.memory()),
            problems,
        }
    }

    /// The status in this format, with a newline at the end.
    pub fn render(&self, format: Format) -> Result<String> {
        Ok(match format {
            Format::Text => self.text(),
            Format::Line => self.line() + "\n",
            Format::Json => serde_json::to_string_pretty(self).context("writing the status as JSON")? + "\n",
        })
    }

    /// One fact per line.
    fn text(&self) -> String {
        let mut out = String::new();
        let mut fact = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<9}{value}");
        };
        if let Some(release) = &self.release {
            fact("product", &release.product);
            fact("version", &format!("{} ({})", release.version, release.commit));
            fact("board", &release.board);
            fact("world", &release.world);
        }
        for slot in &self.slots {
            let running = if slot.running { ", running" } else { "" };
            fact(&format!("slot {}", slot.slot), &format!("{}{running}", slot.content));
        }
        if let Some(boot) = self.boot_text() {
            fact("boot", &boot);
        }
        if self.changing == Some(true) {
            fact("update", CHANGING);
        }
        if let Some(revocations) = self.revocations.as_ref().filter(|revocations| !revocations.is_empty()) {
            fact("keys", &revocations.to_string());
        }
        if let Some(seconds) = self.uptime_seconds {
            fact("uptime", &uptime_text(seconds));
        }
        if let Some(memory) = self.memory {
            fact("memory", &memory_text(memory));
        }
        for problem in &self.problems {
            fact("problem", &one_line(problem));
        }
        out
    }

    /// Which slot starts next, and why.
    fn boot_text(&self) -> Option<String> {
        let program = self.boot_program.as_ref().map(StockBoot::to_string);
        program.or_else(|| self.boot.as_ref().map(BootPlan::to_string))
    }

    /// One line, for logs.
    fn line(&self) -> String {
        let release = self.release.as_ref().map_or_else(|| "unknown release".to_owned(), Release::title);
        let mut parts = vec![match self.running_slot {
            Some(slot) => format!("{release}, running from slot {slot}"),
            None => format!("{release}, running from an unknown slot"),
        }];
        parts.extend(
            self.slots
                .iter()
                .filter(|slot| !slot.running)
                .map(|slot| format!("slot {}: {}", slot.slot, slot.content)),
        );
        parts.extend(self.boot_text());
        parts.extend(self.changing.filter(|changing| *changing).map(|_| CHANGING.to_owned()));
        parts.extend(self.uptime_seconds.map(|seconds| format!("up {}", uptime_text(seconds))));
        parts.extend(self.memory.map(memory_text));
        parts.extend(self.problems.iter().map(|problem| format!("problem: {}", one_line(problem))));
        parts.join("; ")
    }
}

/// Said while the lock is held.
const CHANGING: &str = "an installation or another change is in progress";

/// What is wrong with copies of the boot state.
fn defects(loaded: &Loaded) -> impl Iterator<Item = String> {
    let defects = (1..).zip(&loaded.defects);
    defects.filter_map(|(copy, defect)| {
        defect.as_ref().map(|defect| format!("copy {copy} of the boot state: {defect}"))
    })
}

/// The slots, derived from the root device or, failing that, from the loader's.
fn slot_devices(facts: &dyn Facts) -> Result<SlotDevices> {
    let mounted = facts.root_device().and_then(|device| SlotDevices::from_root(&device));
    mounted.or_else(|error| {
        facts.loader_device().and_then(|device| SlotDevices::from_loader(&device)).map_err(|_| error)
    })
}

/// The value of a fact; an error is added to the problems.
fn known<T>(problems: &mut Vec<String>, fact: Result<T>) -> Option<T> {
    fact.map_err(|error| problems.push(format!("{error:#}"))).ok()
}

/// An uptime: `3 days 04:05:06`.
pub fn uptime_text(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day ".to_owned(),
        days => format!("{days} days "),
    };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

fn memory_text(memory: Memory) -> String {
    format!("{} of {} MiB free", memory.free_bytes >> 20, memory.total_bytes >> 20)
}

/// A message with its hints on the same line.
fn one_line(message: &str) -> String {
    message.replace('\n', "; ")
}
