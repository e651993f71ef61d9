//! Runs a command of `sluice update`: does it, prints the result, and returns the exit code.

use serde_json::json;

use super::advice::advice;
use super::arguments::Action;
use super::change::{self, Change};
use super::deadline::{self, Outcome};
use super::error::UpdateError;
use super::exit_code::ExitCode;
use super::install::{self, Report, Request};
use super::log;
use super::progress::Console;
use super::source::Source;
use super::status::Status;
use super::stock;
use super::unit::{ThisUnit, Unit};
use super::verify::verify;
use super::watch::Patience;
use crate::disk::BootPlan;
use crate::{output, sys};

/// Runs a command on this unit.
pub fn run(action: &Action) -> u8 {
    let unit = ThisUnit;
    let result = match action {
        Action::Install { source, request, json, quiet } => sys::catch_stop_signals()
            .map_err(|error| UpdateError::System(format!("catching signals: {error}")))
            .map(|()| install(&unit, source, *request, *json, *quiet)),
        Action::Status { json } => status(&unit, *json),
        Action::Confirm => change(&unit, Change::Confirm),
        Action::Rollback => change(&unit, Change::Rollback),
        Action::Activate { slot, again } => change(&unit, Change::Activate { slot: *slot, again: *again }),
        Action::Healthy => change(&unit, Change::Healthy),
        Action::Deadline => deadline::watch(&unit).map(|outcome| {
            if outcome == Outcome::Expired {
                print("the trial was not confirmed in time: the unit restarts\n");
            }
            ExitCode::Done
        }),
        Action::Log { json } => log::read(&unit).map(|records| {
            print(&if *json { log::json(&records) } else { log::text(&records) });
            ExitCode::Done
        }),
        Action::Verify(slots) => slots.iter().try_fold(ExitCode::Done, |worst, &slot| {
            let verdict = verify(&unit, slot)?;
            print(&format!("slot {slot}: {verdict}\n"));
            Ok(worst.max(verdict.code()))
        }),
    };
    let code = result.unwrap_or_else(|error| {
        output::error(&error);
        error.code()
    });
    code.number()
}

fn install<U: Unit>(unit: &U, source: &Source, request: Request, json: bool, quiet: bool) -> ExitCode {
    let mut console = Console::new(json, quiet);
    let result = install::install(unit, request, || source.open(Patience::of_unit()), &mut console);
    console.end();
    match result {
        Ok(report) => {
            print(&if json { format!("{}\n", report_json(&report)) } else { report_text(&report) });
            ExitCode::Done
        }
        Err(error) => {
            let code = error.code();
            if json {
                let line = json!({"event": "failed", "code": code.number(), "message": error.to_string()});
                print(&format!("{line}\n"));
            }
            output::error(&error);
            code
        }
    }
}

fn report_text(report: &Report) -> String {
    let Report { slot, version, blocks_written, blocks_skipped, source_bytes, seconds, commands } = report;
    let hint = match &**commands {
        [command, same @ ..] => format!(
            "run `{command}` and reboot to start it; without that, slot {} starts{}",
            slot.other(),
            same.iter().map(|same| format!("\nhint: it does the same as `{same}`")).collect::<String>()
        ),
        [] => format!(
            "reboot to try it; unless it is confirmed, the boot after that starts slot {} again",
            slot.other()
        ),
    };
    format!(
        "installed {version} in slot {slot}: {blocks_written} blocks of 4 KiB written, {blocks_skipped} already right, \
         {source_bytes} bytes read, {seconds} s\nhint: {hint}\n"
    )
}

fn report_json(report: &Report) -> serde_json::Value {
    let mut line = json!(report);
    line["event"] = "installed".into();
    line
}

fn status<U: Unit>(unit: &U, json: bool) -> Result<ExitCode, UpdateError> {
    let status = Status::gather(unit)?;
    print(&if json { status.json() } else { status.text() });
    Ok(if status.state_found || status.boot_program.is_some() { ExitCode::Done } else { ExitCode::BootState })
}

fn change<U: Unit>(unit: &U, what: Change) -> Result<ExitCode, UpdateError> {
    let changed = change::change(unit, what)?;
    for warning in &changed.warnings {
        output::warning(warning);
    }
    let running = unit.running()?;
    let (plan, advice) = match &changed.stock {
        Some(stock) => (stock.to_string(), stock::advice(unit, stock, running)?),
        None => (BootPlan::of(&changed.state, running).to_string(), advice(&changed.state, running)),
    };
    print(&format!("{plan}\n"));
    if let Some(advice) = advice {
        print(&format!("hint: {advice}\n"));
    }
    Ok(ExitCode::Done)
}

/// Prints a result. A failure to print does not undo what was done.
fn print(text: &str) {
    let _ = output::print(text);
}
