//! `sluice status`: what runs here.
//!
//! A fact that cannot be had is told as a problem and never hides the others: a status is asked for most when
//! something is broken. Nothing here reads the machine; see [`crate::device`].

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::arguments::Form;
use crate::device::{Facts, Memory};
use firmware::release::Release;
use firmware::slot::Slot;

use crate::release;
use crate::slot::{Held, Slots};
use crate::update::Outlook;

/// One slot's part of a [`Status`].
#[derive(Debug, Serialize)]
pub struct SlotStatus {
    /// Which.
    pub slot: Slot,
    /// The system runs from it.
    pub running: bool,
    /// What it holds.
    #[serde(flatten)]
    pub held: Held,
}

/// What runs here. Serialized, it is the output of `--json`, which other programs read: fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The release that runs.
    pub release: Option<Release>,
    /// The slot that it runs from.
    pub running_slot: Option<Slot>,
    /// Both slots, in order.
    pub slots: Vec<SlotStatus>,
    /// What starts next; `None` where no boot state says so.
    pub boot: Option<Outlook>,
    /// Seconds since the start.
    pub uptime_seconds: Option<u64>,
    /// Memory.
    pub memory: Option<Memory>,
    /// What could not be found out, and why.
    pub problems: Vec<String>,
}

impl Status {
    /// Asks for everything.
    pub fn gather(facts: &dyn Facts) -> Self {
        let mut problems = Vec::new();
        let slots = known(&mut problems, running_slots(facts));
        Self {
            release: known(&mut problems, release::of(facts)),
            running_slot: slots.as_ref().map(|slots| slots.running),
            slots: Slot::ALL
                .into_iter()
                .map(|slot| SlotStatus {
                    slot,
                    running: slots.as_ref().is_some_and(|slots| slots.running == slot),
                    held: slots
                        .as_ref()
                        .and_then(|slots| known(&mut problems, facts.slot_header(slots, slot)))
                        .map_or(Held::Unknown, |header| Held::from_header(&header)),
                })
                .collect(),
            boot: slots.as_ref().and_then(|slots| {
                let state = known(&mut problems, facts.boot_state(slots))??;
                Some(Outlook::of(&state, slots.running))
            }),
            uptime_seconds: known(&mut problems, facts.uptime()).map(|uptime| uptime.as_secs()),
            memory: known(&mut problems, facts.memory()),
            problems,
        }
    }

    /// Writes it in the form asked for, with the newline at the end.
    pub fn render(&self, form: Form) -> Result<String> {
        Ok(match form {
            Form::Text => self.text(),
            Form::Line => self.line() + "\n",
            Form::Json => serde_json::to_string_pretty(self).context("writing the status as JSON")? + "\n",
        })
    }

    /// One fact a line.
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
            fact(&format!("slot {}", slot.slot), &format!("{}{running}", slot.held));
        }
        if let Some(boot) = &self.boot {
            fact("boot", &boot.to_string());
        }
        if let Some(seconds) = self.uptime_seconds {
            fact("uptime", &span(seconds));
        }
        if let Some(memory) = self.memory {
            fact("memory", &amount(memory));
        }
        for problem in &self.problems {
            fact("problem", problem);
        }
        out
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
                .map(|slot| format!("slot {}: {}", slot.slot, slot.held)),
        );
        parts.extend(self.boot.as_ref().map(Outlook::to_string));
        parts.extend(self.uptime_seconds.map(|seconds| format!("up {}", span(seconds))));
        parts.extend(self.memory.map(amount));
        parts.extend(self.problems.iter().map(|problem| format!("problem: {problem}")));
        parts.join("; ")
    }
}

/// The slots, as what is mounted tells or, where that does not, as the loader does.
fn running_slots(facts: &dyn Facts) -> Result<Slots> {
    let mounted = facts.root_device().and_then(|device| Slots::from_root(&device));
    mounted.or_else(|error| {
        facts.loader_device().and_then(|device| Slots::from_loader(&device)).map_err(|_| error)
    })
}

/// The value, or a problem more.
fn known<T>(problems: &mut Vec<String>, fact: Result<T>) -> Option<T> {
    fact.map_err(|error| problems.push(format!("{error:#}"))).ok()
}

/// `3 days 04:05:06`.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day ".to_owned(),
        days => format!("{days} days "),
    };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

fn amount(memory: Memory) -> String {
    format!("{} of {} MiB free", memory.free_bytes >> 20, memory.total_bytes >> 20)
}

#[cfg(test)]
mod tests;
