//! Installs an update in the slot that is not running.
//!
//! The order is the promise: everything that can be checked is checked before the first write; the target is marked bad; it
//! is written, read back, read again as a whole, and made bootable; only then does it get its trial. If this is interrupted
//! anywhere, the running slot starts. The lock is taken when the manifest has arrived, so that a source that sends nothing
//! prevents no other command.

use std::time::Instant;

use bsd_disk::units::Sectors;
use firmware::bundle::PublicKeys;
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
use super::precondition::{self, Allowed, Target};
use super::progress::{Observer, Phase};
use super::stock;
use super::stream::Stream;
use super::unit::Unit;
use super::writer::{Tally, Writer};
use crate::disk::{Access, BootPlan, StockBoot, Storage};

/// What to install, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The target; the slot that is not running if `None`.
    pub slot: Option<Slot>,
    /// The source is the unsigned image of a slot.
    pub unsigned_image: bool,
    /// Install a release that has failed on this unit.
    pub again: bool,
    /// Install a release although its version is unusual.
    pub allowed: Allowed,
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
    /// The commands that start the new slot, on a card whose boot program is not Sluice's; empty if a reboot starts it.
    pub commands: Vec<String>,
}

/// Installs the update that `open` opens, which is called only once the unit can take an update.
///
/// # Errors
/// See [`UpdateError`]: nothing was changed, or the target is left marked bad.
pub fn install<U: Unit, R: Stream>(
    unit: &U,
    request: Request,
    open: impl FnOnce() -> Result<R, UpdateError>,
    observer: &mut dyn Observer,
) -> Result<Report, UpdateError> {
    let started = Instant::now();
    let running = unit.running()?;
    let target = request.slot.unwrap_or(running.other());
    let release = unit.release()?;
    let before = BootRecord::open(unit)?.state().begin_install(running, target)?;
    let mut keys = unit.keys()?;
    let trusted: Vec<_> = keys.ids().collect();
    // Before the first byte is read: nothing that a revoked key has signed is looked at.
    keys.revoke(before.revocations.and(&release.revocations()).keys);
    let mut payload = receive(unit, request, &keys, open)?;
    let candidate = payload.candidate()?;

    let _lock = unit.lock()?;
    let mut record = BootRecord::open(unit)?;
    // The state may have changed while the source was read.
    let begun = record.state().begin_install(running, target)?;
    if begun.revocations != before.revocations {
        return Err(UpdateError::Locked);
    }
    warn(&record, observer);
    // Last, since other programs can be in the way of opening a slot for writing.
    let mut slice = unit.slice(target, Access::Write)?;
    let limits = Target {
        release: &release,
        trusted: &trusted,
        state: &begun,
        slot: target,
        size: slice.size(),
        layout: unit.layout()?,
        allowed: request.allowed,
    };
    precondition::check(&candidate, &limits)?;
    let digest = payload.signed_digest();
    if !request.again && digest.is_some_and(|digest| begun.has_failed(&digest)) {
        return Err(UpdateError::FailedHere { version: candidate.version });
    }
    let stock =
        record.stock.take().map(|stock| stock::start_only(unit, stock, running, &slice)).transpose()?;
    record.stock.clone_from(&stock);
    let writer = Writer::new(&mut slice).map_err(|fault| unreadable(target, fault))?;
    if let Some(signal) = unit.stop_signal() {
        return Err(UpdateError::Stopped { signal });
    }

    observer.start(&candidate, target);
    record.save(begun)?;
    let version = Some(candidate.version.to_string());
    let subject = Subject { slot: target, version, digest: payload.signed_digest() };
    log(unit, Event::InstallBegun, &subject, ExitCode::Done, observer);
    let tally = write(unit, writer, &mut payload, candidate.size, observer)
        .map_err(|fault| match stock {
            Some(_) => UpdateError::Unbootable { target, running, fault },
            None => UpdateError::Incomplete { target, running, fault },
        })
        .and_then(|tally| arm(&mut record, running, target, &payload).map(|()| tally));
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
        commands: stock.map(|stock| commands(&stock, target)).unwrap_or_default(),
    })
}

/// Opens the source, and reads up to the first chunk.
fn receive<U: Unit, R: Stream>(
    unit: &U,
    request: Request,
    keys: &PublicKeys,
    open: impl FnOnce() -> Result<R, UpdateError>,
) -> Result<Payload<R>, UpdateError> {
    let payload = open().and_then(|source| match request.unsigned_image {
        false => Payload::bundle(source, keys),
        true => Payload::image(source),
    });
    // A source that is told to stop fails, too.
    payload.map_err(|error| match unit.stop_signal() {
        Some(signal) => UpdateError::Stopped { signal },
        None => error,
    })
}

/// Warns of what does not prevent an installation.
fn warn<M: Medium>(record: &BootRecord<M>, observer: &mut dyn Observer) {
    if let Some(warning) = &record.warning {
        observer.warn(warning);
    }
    if let Some(StockBoot { disk, program, .. }) = &record.stock {
        observer.warn(&format!("{disk} has {program}, so there is no trial and no boot state"));
    }
}

/// What starts `target` on such a card: the command that checks the slot and reads sector 0 back, and what it runs.
fn commands(stock: &StockBoot, target: Slot) -> Vec<String> {
    vec![format!("sluice update activate {target}"), stock.typed(target)]
}

/// Adds an event to the history.
fn log<U: Unit>(unit: &U, event: Event, subject: &Subject, result: ExitCode, observer: &mut dyn Observer) {
    if let Some(warning) = journal::record(unit, event, subject.clone(), result) {
        observer.warn(&warning);
    }
}

/// Writes the slot, to the last chunk, unless a signal asks to stop between two of them.
fn write<U: Unit, S: Storage, R: Stream>(
    unit: &U,
    mut writer: Writer<S>,
    payload: &mut Payload<R>,
    size: Sectors,
    observer: &mut dyn Observer,
) -> Result<Tally, Fault> {
    let stop = || unit.stop_signal().map_or(Ok(()), |signal| Err(Fault::Stopped(signal)));
    let mut raw = Vec::new();
    loop {
        stop()?;
        // A source that is told to stop fails, too.
        let next = payload.next(&mut raw).map_err(|error| stop().err().unwrap_or(Fault::Bundle(error)))?;
        let Some(chunk) = next else { break };
        writer.put(chunk.at, &raw, chunk.checksum)?;
        observer.progress(Phase::Write, chunk.at + Sectors::holding_bytes(raw.len() as u64), size);
    }
    drop(raw);
    writer.finish(&mut |read| {
        observer.progress(Phase::Check, read, size);
        stop()
    })
}

/// Marks the target untried and arms its trial. If that fails, the error says what is on the card.
fn arm<M: Medium, R: Stream>(
    record: &mut BootRecord<M>,
    running: Slot,
    target: Slot,
    payload: &Payload<R>,
) -> Result<(), UpdateError> {
    let begun = record.state().clone();
    let finished = begun.finish_install(target, payload.digest(), TRIES);
    let Err(error) = record.save(finished) else { return Ok(()) };
    let found = match record.read_again() {
        Ok(state) if state == begun => return Err(UpdateError::NotArmed { target, running, error }),
        Ok(state) => {
            format!(
                "the card has another boot state, with which the next boot is: {}",
                BootPlan::of(&state, running)
            )
        }
        Err(error) => error.to_string(),
    };
    Err(UpdateError::Unclear { target, error, found })
}

/// The error of a target that cannot be read before the first write.
fn unreadable(slot: Slot, fault: Fault) -> UpdateError {
    match fault {
        Fault::Disk { error, .. } => UpdateError::SlotDevice { slot, error },
        fault => UpdateError::SlotDevice { slot, error: std::io::Error::other(fault.to_string()) },
    }
}
