//! Installs an update in the slot that is not running.
//!
//! The order is the promise: everything that can be checked is checked before the first write; the target is marked bad; it
//! is written, read back, read again as a whole, and made bootable; only then does it get its trial. If this is interrupted
//! anywhere, the running slot starts.

use std::io::Read;
use std::time::Instant;

use bsd_disk::units::Sectors;
use firmware::history::Event;
use firmware::slot::Slot;
use firmware::state::TRIES;
use firmware::state::store::Medium;
use serde::Serialize;

use super::boot_record::BootRecord;
use super::error::{Fault, UpdateError};
use super::exit_code::ExitCode;
use super::journal::{self, Subject};
use super::payload::Payload;
use super::precondition::{self, Target};
use super::progress::{Observer, Phase};
use super::unit::Unit;
use super::writer::{Tally, Writer};
use crate::disk::{Access, Storage};

/// What to install, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The target; the slot that is not running if `None`.
    pub slot: Option<Slot>,
    /// The source is the unsigned image of a slot.
    pub unsigned_image: bool,
    /// Install a release that has failed on this unit.
    pub again: bool,
    /// Install a release that is older than the running one.
    pub allow_downgrade: bool,
}

/// A completed installation. Serialized, it is the last line of `--json`: fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The target.
    pub slot: Slot,
    /// The version that was installed.
    pub version: String,
    /// Blocks of 4 KiB that were written.
    pub blocks_written: u64,
    /// Blocks that were already right.
    pub blocks_skipped: u64,
    /// Bytes of the update that were read.
    pub source_bytes: u64,
    /// How long it took.
    pub seconds: u64,
}

/// Installs the update that `open` opens, which is called only once the unit can take an update.
///
/// # Errors
/// See [`UpdateError`]: nothing was changed, or the target is left marked bad.
pub fn install<U: Unit, R: Read>(
    unit: &U,
    request: Request,
    open: impl FnOnce() -> Result<R, UpdateError>,
    observer: &mut dyn Observer,
) -> Result<Report, UpdateError> {
    let started = Instant::now();
    let _lock = unit.lock()?;
    let running = unit.running()?;
    let target = request.slot.unwrap_or(running.other());
    let mut record = BootRecord::open(unit)?;
    let begun = record.state().begin_install(running, target)?;
    let release = unit.release()?;
    let keys = unit.keys()?;
    if let Some(warning) = &record.warning {
        observer.warn(warning);
    }
    if let Some(disk) = unit.without_boot_manager() {
        observer.warn(&format!(
            "{disk} does not have Sluice's boot manager, so the boot state has no effect and there is no trial\n\
             hint: run `gpart set -a active -i {target} {disk}` after the installation to start slot {target}"
        ));
    }
    let mut payload = match request.unsigned_image {
        false => Payload::bundle(open()?, &keys)?,
        true => Payload::image(open()?)?,
    };
    let candidate = payload.candidate()?;
    // Last, since other programs can be in the way of opening a slot for writing.
    let mut slice = unit.slice(target, Access::Write)?;
    let limits = Target {
        release: &release,
        floor: begun.floor.as_ref(),
        slot: target,
        size: slice.size(),
        layout: unit.layout()?,
        allow_downgrade: request.allow_downgrade,
    };
    precondition::check(&candidate, &limits)?;
    let digest = payload.signed_digest();
    if !request.again && digest.is_some_and(|digest| begun.has_failed(&digest)) {
        return Err(UpdateError::FailedHere { version: candidate.version });
    }
    let writer = Writer::new(&mut slice).map_err(|fault| unreadable(target, fault))?;

    observer.start(&candidate, target);
    record.save(begun)?;
    let version = Some(candidate.version.to_string());
    let subject = Subject { slot: target, version, digest: payload.signed_digest() };
    log(unit, Event::InstallBegun, &subject, ExitCode::Done, observer);
    let tally = write(writer, &mut payload, candidate.size, observer)
        .and_then(|tally| arm(&mut record, target, &payload).map(|()| tally))
        .map_err(|fault| UpdateError::Incomplete { target, running, fault });
    let result = tally.as_ref().map_or_else(UpdateError::code, |_| ExitCode::Done);
    log(unit, Event::Installed, &subject, result, observer);
    let tally = tally?;
    Ok(Report {
        slot: target,
        version: candidate.version.to_string(),
        blocks_written: tally.written,
        blocks_skipped: tally.skipped,
        source_bytes: payload.position(),
        seconds: started.elapsed().as_secs(),
    })
}

/// Adds an event to the history.
fn log<U: Unit>(unit: &U, event: Event, subject: &Subject, result: ExitCode, observer: &mut dyn Observer) {
    if let Some(warning) = journal::record(unit, event, subject.clone(), result) {
        observer.warn(&warning);
    }
}

/// Writes the slot, to the last chunk.
fn write<S: Storage, R: Read>(
    mut writer: Writer<S>,
    payload: &mut Payload<R>,
    size: Sectors,
    observer: &mut dyn Observer,
) -> Result<Tally, Fault> {
    let mut raw = Vec::new();
    while let Some(chunk) = payload.next(&mut raw).map_err(Fault::Bundle)? {
        writer.put(chunk.at, &raw, chunk.checksum)?;
        observer.progress(Phase::Write, chunk.at + Sectors::holding_bytes(raw.len() as u64), size);
    }
    drop(raw);
    writer.finish(&mut |read| observer.progress(Phase::Check, read, size))
}

/// Marks the target good and arms its trial.
fn arm<M: Medium, R: Read>(
    record: &mut BootRecord<M>,
    target: Slot,
    payload: &Payload<R>,
) -> Result<(), Fault> {
    let finished = record.state().finish_install(target, payload.digest(), TRIES);
    Ok(record.save(finished)?)
}

/// The error of a target that cannot be read before the first write.
fn unreadable(slot: Slot, fault: Fault) -> UpdateError {
    match fault {
        Fault::Disk { error, .. } => UpdateError::SlotDevice { slot, error },
        fault => UpdateError::SlotDevice { slot, error: std::io::Error::other(fault.to_string()) },
    }
}
