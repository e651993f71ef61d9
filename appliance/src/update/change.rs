//! Changes of the boot state that install nothing: confirm, rollback, activate, and the report that the system is healthy.
//!
//! A slot that has failed is disarmed: its first sector loses the signature that boot programs look for, so that it does
//! not start even if the boot state is lost. A slot that is tried again gets the signature back first.

use firmware::history::Event;
use firmware::slot::Slot;
use firmware::state::transition::TransitionError;
use firmware::state::{BootState, Failure, Mark, Releases, RunningRelease, TRIES};
use semver::Version;

use super::boot_record::BootRecord;
use super::error::UpdateError;
use super::exit_code::ExitCode;
use super::journal::{self, Subject};
use super::signature;
use super::slot_version::slot_release;
use super::stock;
use super::unit::Unit;
use crate::disk::{Access, StockBoot};

/// A change of the boot state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The running system stays.
    Confirm,
    /// The trial is given up, or the other slot becomes the default.
    Rollback,
    /// This slot starts from now on.
    Activate {
        /// The slot.
        slot: Slot,
        /// Try it even if it has failed.
        again: bool,
    },
    /// The running system has come up.
    Healthy,
}

/// A change that was saved.
#[derive(Debug)]
pub struct Changed {
    /// The boot state after it.
    pub state: BootState,
    /// What sector 0 says after it, on a card without a boot state.
    pub stock: Option<StockBoot>,
    /// What was wrong with the boot state before it, and with the history.
    pub warnings: Vec<String>,
}

/// Makes a change and saves it.
///
/// # Errors
/// The boot state does not allow it, or cannot be read or written; or a slot cannot be armed or disarmed.
pub fn change<U: Unit>(unit: &U, change: Change) -> Result<Changed, UpdateError> {
    let _lock = unit.lock()?;
    let running = unit.running()?;
    let mut record = BootRecord::open(unit)?;
    if let Some(stock) = record.stock.clone() {
        return change_start(unit, change, record.state(), running, stock);
    }
    let next = match change {
        Change::Confirm => record.state().confirm(running, &releases(unit, running)?)?,
        Change::Rollback => record.state().rollback(running)?,
        Change::Activate { slot, again } => {
            record.state().activate(slot, running, TRIES, again, &releases(unit, running)?)?
        }
        Change::Healthy => record.state().report_health(running),
    };
    let target = next.pending();
    if let Change::Activate { again: true, .. } = change
        && let Some(target) = target
    {
        signature::arm(&mut unit.slice(target, Access::Write)?)
            .map_err(|error| UpdateError::SlotDevice { slot: target, error })?;
    }
    let was_found = record.is_found();
    record.save(next)?;
    let state = record.state();
    let mut events = Vec::new();
    if !was_found {
        events.push((Event::Recovered, running));
    }
    match change {
        Change::Confirm => events.push((Event::Confirmed, running)),
        Change::Rollback => events.push((Event::RolledBack, running)),
        Change::Activate { slot, .. } => events.push((Event::Activated, slot)),
        Change::Healthy if state.is_on_trial(running) => events.push((Event::TrialBegun, running)),
        Change::Healthy => {}
    }
    // A failed slot is disarmed once, so that what became of it is recorded once.
    if change == Change::Healthy && disarm_failed(unit, running, state)? {
        let other = running.other();
        let gave_way = state.mark(other) == Mark::Failed(Failure::NeverHealthy);
        events.push((if gave_way { Event::GaveWay } else { Event::TrialFailed }, other));
    }
    let record_event =
        |(event, slot)| journal::record(unit, event, Subject::of(unit, slot, state), ExitCode::Done);
    let warnings = record.warning.iter().cloned().chain(events.into_iter().filter_map(record_event));
    Ok(Changed { state: state.clone(), stock: None, warnings: warnings.collect() })
}

/// The same on a card without a boot state, where sector 0 decides what starts.
fn change_start<U: Unit>(
    unit: &U,
    change: Change,
    state: &BootState,
    running: Slot,
    stock: StockBoot,
) -> Result<Changed, UpdateError> {
    let other = running.other();
    let (event, subject, slot) = match change {
        Change::Confirm => return Err(UpdateError::NoTrials { disk: stock.disk, program: stock.program }),
        Change::Rollback if stock.next == Some(other) => {
            return Err(TransitionError::AlreadyRolledBack { next: other }.into());
        }
        Change::Rollback => (Event::RolledBack, running, other),
        Change::Activate { slot, .. } => (Event::Activated, slot, slot),
        Change::Healthy => {
            return Ok(Changed { state: state.clone(), stock: Some(stock), warnings: Vec::new() });
        }
    };
    let stock = stock::activate(unit, stock, running, slot)?;
    let warning = journal::record(unit, event, Subject::of(unit, subject, state), ExitCode::Done);
    Ok(Changed { state: state.clone(), stock: Some(stock), warnings: warning.into_iter().collect() })
}

/// Disarms the slot that is not running if it has failed. Returns whether that changed anything.
fn disarm_failed<U: Unit>(unit: &U, running: Slot, state: &BootState) -> Result<bool, UpdateError> {
    let other = running.other();
    if !matches!(state.mark(other), Mark::Failed(_)) {
        return Ok(false);
    }
    let failed = |error| UpdateError::SlotDevice { slot: other, error };
    // Reading does not need write access, which a mount of the slot would prevent.
    if !signature::is_armed(&mut unit.slice(other, Access::Read)?).map_err(failed)? {
        return Ok(false);
    }
    signature::disarm(&mut unit.slice(other, Access::Write)?).map_err(failed)?;
    Ok(true)
}

/// The releases in both slots.
fn releases<U: Unit>(unit: &U, running: Slot) -> Result<Releases, UpdateError> {
    let release = unit.release()?;
    let version = Version::parse(&release.version).map_err(|error| {
        UpdateError::System(format!("parsing the running version `{}`: {error}", release.version))
    })?;
    let revocations = release.revocations();
    let running_release = RunningRelease { version, revocations, lowers_floors: release.lowers_floors };
    Ok(Releases { running: running_release, other: slot_release(unit, running.other()) })
}
