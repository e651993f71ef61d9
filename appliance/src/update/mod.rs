//! `sluice update`: another system for this unit, installed where it cannot hurt and tried before it stays.
//!
//! [`install`] keeps the order in which nothing can be lost, [`writer`] brings the slot to what it shall hold, [`record`]
//! keeps the boot state. All of it works on a [`Unit`], which in tests is a disk in memory that loses power. What changes
//! in the boot state and why is [`firmware::state::transition`]'s; what an update looks like is [`firmware::bundle`]'s.

mod arguments;
mod error;
mod feed;
mod http;
mod install;
mod lock;
mod outlook;
mod precondition;
mod progress;
mod record;
mod source;
mod status;
mod storage;
#[cfg(test)]
mod tests;
mod unit;
mod verify;
mod writer;

use std::io::{self, Write};

use firmware::slot::Slot;
use firmware::state::{BootState, TRIES};
use semver::Version;
use serde_json::json;

use crate::device::Facts;
use error::{DONE, UpdateError};
use install::{Report, Request};
use outlook::advice;
use progress::Console;
use record::Record;
use source::Source;
use unit::{Access, Live, Unit};

pub use arguments::{Action, help, parse};
pub use outlook::Outlook;
pub use record::is_absent;
pub use storage::Storage;

/// What changes in the boot state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Confirm,
    Rollback,
    Activate(Slot),
}

/// Does it, tells about it, and gives the exit code.
pub fn run(action: &Action, facts: &dyn Facts) -> u8 {
    let unit = Live::new(facts);
    let done = match action {
        Action::Help => {
            say(&help());
            Ok(DONE)
        }
        Action::Install { source, request, json, quiet } => {
            return run_install(&unit, source, *request, *json, *quiet);
        }
        Action::Status { json } => run_status(&unit, *json),
        Action::Confirm => run_change(&unit, Change::Confirm),
        Action::Rollback => run_change(&unit, Change::Rollback),
        Action::Activate(slot) => run_change(&unit, Change::Activate(*slot)),
        Action::Verify(slots) => slots.iter().try_fold(DONE, |worst, &slot| {
            let verdict = verify::verify(&unit, slot)?;
            say(&format!("slot {slot}: {verdict}\n"));
            Ok(worst.max(verdict.code()))
        }),
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.code()
    })
}

fn run_install<U: Unit>(unit: &U, source: &Source, request: Request, json: bool, quiet: bool) -> u8 {
    let mut console = Console::new(json, quiet);
    let result = install::install(unit, request, || source.open(), &mut console);
    console.end();
    match result {
        Ok(report) => {
            say(&if json { format!("{}\n", installed_json(&report)) } else { installed(&report) });
            DONE
        }
        Err(error) => {
            let code = error.code();
            if json {
                let line = json!({"event": "failed", "code": code, "message": error.to_string()});
                say(&format!("{line}\n"));
            }
            complain(&error);
            code
        }
    }
}

/// What people read at the end.
fn installed(report: &Report) -> String {
    let Report { slot, version, blocks_written, blocks_skipped, source_bytes, seconds } = report;
    format!(
        "installed {version} in slot {slot}: {blocks_written} blocks of 4 KiB written, {blocks_skipped} were right already; \
         {source_bytes} bytes read, {seconds} s\nrestart the unit to try it: until it is confirmed, the start after that is \
         slot {} again\n",
        slot.other()
    )
}

/// What programs read at the end.
fn installed_json(report: &Report) -> serde_json::Value {
    let mut line = json!(report);
    line["event"] = "installed".into();
    line
}

fn run_status<U: Unit>(unit: &U, json: bool) -> Result<u8, UpdateError> {
    let status = status::Status::gather(unit)?;
    say(&if json { status.json() } else { status.text() });
    Ok(if status.state_found { DONE } else { error::STATE })
}

fn run_change<U: Unit>(unit: &U, what: Change) -> Result<u8, UpdateError> {
    let changed = change(unit, what)?;
    if let Some(warning) = changed.warning {
        let _ = writeln!(io::stderr(), "sluice: warning: {warning}");
    }
    let running = unit.running()?;
    say(&format!("{}\nto do: {}\n", Outlook::of(&changed.state, running), advice(&changed.state, running)));
    Ok(DONE)
}

/// A change that was saved.
#[derive(Debug)]
struct Changed {
    state: BootState,
    warning: Option<String>,
}

/// Changes the boot state and nothing else.
fn change<U: Unit>(unit: &U, what: Change) -> Result<Changed, UpdateError> {
    let _lock = unit.lock()?;
    let running = unit.running()?;
    let mut record = Record::open(unit.state(Access::Write)?, running)?;
    let state = record.state();
    let next = match what {
        Change::Confirm => state.confirm(running, &version(unit)?),
        Change::Rollback => state.rollback(running),
        Change::Activate(slot) => state.activate(slot, running, TRIES),
    };
    record.save(next?)?;
    Ok(Changed { state: record.state().clone(), warning: record.warning })
}

/// The version that runs.
fn version<U: Unit>(unit: &U) -> Result<Version, UpdateError> {
    let text = unit.release()?.version;
    Version::parse(&text).map_err(|error| {
        UpdateError::System(format!("reading the running version `{text}`: it is none ({error})"))
    })
}

/// To whoever listens: that nobody does is no failure of what was done.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn complain(error: &UpdateError) {
    let _ = writeln!(io::stderr(), "sluice: {error}");
}
