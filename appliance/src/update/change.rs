//! Changes of the boot state that write nothing else: confirm, rollback, activate.

use firmware::slot::Slot;
use firmware::state::{BootState, TRIES};
use semver::Version;

use super::boot_record::BootRecord;
use super::error::UpdateError;
use super::unit::Unit;
use crate::disk::Access;

/// A change of the boot state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The running system stays.
    Confirm,
    /// The trial is given up, or the other slot becomes the default.
    Rollback,
    /// This slot starts from now on.
    Activate(Slot),
}

/// A change that was saved.
#[derive(Debug)]
pub struct Changed {
    /// The boot state after it.
    pub state: BootState,
    /// What was wrong with the boot state before it.
    pub warning: Option<String>,
}

/// Makes a change and saves it.
///
/// # Errors
/// The boot state does not allow it, or cannot be read or written.
pub fn change<U: Unit>(unit: &U, change: Change) -> Result<Changed, UpdateError> {
    let _lock = unit.lock()?;
    let running = unit.running()?;
    let mut record = BootRecord::open(unit.state(Access::Write)?, running)?;
    let state = record.state();
    let next = match change {
        Change::Confirm => state.confirm(running, &version(unit)?),
        Change::Rollback => state.rollback(running),
        Change::Activate(slot) => state.activate(slot, running, TRIES),
    };
    record.save(next?)?;
    Ok(Changed { state: record.state().clone(), warning: record.warning })
}

/// The running version.
fn version<U: Unit>(unit: &U) -> Result<Version, UpdateError> {
    let text = unit.release()?.version;
    Version::parse(&text)
        .map_err(|error| UpdateError::System(format!("parsing the running version `{text}`: {error}")))
}
