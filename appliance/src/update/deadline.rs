//! `sluice update deadline`: restarts a unit whose trial is not confirmed in time.
//!
//! A system that comes up and is of no use, with nobody to say so, must not run for ever: the boot manager starts the
//! previous one after the restart. Uptime counts, not the clock, which may be set at any moment.

use std::time::Duration;

use firmware::history::Event;
use firmware::slot::Slot;

use super::boot_record::BootRecord;
use super::error::UpdateError;
use super::exit_code::ExitCode;
use super::journal::{self, Subject};
use super::unit::Unit;

/// The longest time between two looks at the boot state.
const PAUSE: Duration = Duration::from_secs(30);

/// How the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is no trial, or it was confirmed or given up; or the release has no deadline.
    Decided,
    /// The trial was not confirmed in time, and the unit restarts.
    Expired,
}

/// Waits until the running trial is decided, or its deadline has passed; then restarts the unit. A boot state that cannot be
/// read for a while decides nothing.
///
/// # Errors
/// The boot state could not be read up to the deadline, or the unit cannot be restarted.
pub fn watch<U: Unit>(unit: &U) -> Result<Outcome, UpdateError> {
    let deadline = unit.release()?.trial_deadline;
    let running = unit.running()?;
    if deadline == 0 {
        return Ok(Outcome::Decided);
    }
    let mut was_on_trial = false;
    loop {
        let on_trial = BootRecord::open(unit).map(|record| record.state().is_on_trial(running));
        match on_trial {
            Ok(false) => return Ok(Outcome::Decided),
            Ok(true) => was_on_trial = true,
            Err(_) => {}
        }
        let (_, uptime) = unit.now();
        match deadline.checked_sub(uptime).filter(|left| *left > 0) {
            Some(left) => unit.sleep(PAUSE.min(Duration::from_secs(left.into()))),
            None if was_on_trial => return expire(unit, running),
            None => return on_trial.map(|_| Outcome::Decided),
        }
    }
}

/// Restarts the unit, unless the trial was decided at the last moment.
fn expire<U: Unit>(unit: &U, running: Slot) -> Result<Outcome, UpdateError> {
    // A confirmation that is under way counts. One that cannot be waited for does not hold up the restart.
    let lock = unit.lock();
    if let Ok(record) = BootRecord::open(unit) {
        if lock.is_ok() && !record.state().is_on_trial(running) {
            return Ok(Outcome::Decided);
        }
        let subject = Subject::of(unit, running, record.state());
        let _ = journal::record(unit, Event::TrialExpired, subject, ExitCode::Done);
    }
    unit.reboot()?;
    Ok(Outcome::Expired)
}
