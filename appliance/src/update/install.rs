//! Installing an update in the slot that does not run.
//!
//! The order is the promise: all that can be known is checked before the first write; the target is marked bad; it is
//! written, read back, read again as a whole, and made one that can be started; only then it is good and gets its trial.
//! Cut off anywhere, the running slot is the one that starts.

use std::io::Read;
use std::time::Instant;

use bsd_disk::units::Sectors;
use firmware::slot::Slot;
use firmware::state::TRIES;
use firmware::state::store::Medium;
use serde::Serialize;

use super::error::{Fault, UpdateError};
use super::feed::Feed;
use super::precondition::{self, Place};
use super::progress::{Phase, Watch};
use super::record::Record;
use super::storage::Storage;
use super::unit::{Access, Unit};
use super::writer::{Tally, Writer};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Where to; the slot that does not run when it is not said.
    pub slot: Option<Slot>,
    /// The source is the unsigned image of a slot.
    pub unsigned_image: bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where.
    pub slot: Slot,
    /// What is there now.
    pub version: String,
    /// Blocks of 4 KiB that were written.
    pub blocks_written: u64,
    /// Blocks that were right already.
    pub blocks_skipped: u64,
    /// Bytes that were read of the update.
    pub source_bytes: u64,
    /// How long it took.
    pub seconds: u64,
}

/// Installs what `open` gives, which is called when nothing of the unit speaks against it.
///
/// # Errors
/// See [`UpdateError`]: nothing was changed, or the target is left marked bad.
pub fn install<U: Unit, R: Read>(
    unit: &U,
    request: Request,
    open: impl FnOnce() -> Result<R, UpdateError>,
    watch: &mut dyn Watch,
) -> Result<Report, UpdateError> {
    let started = Instant::now();
    let _lock = unit.lock()?;
    let running = unit.running()?;
    let target = request.slot.unwrap_or(running.other());
    let mut record = Record::open(unit.state(Access::Write)?, running)?;
    let begun = record.state().begin_install(running, target)?;
    let release = unit.release()?;
    let keys = unit.keys()?;
    if let Some(warning) = &record.warning {
        watch.warn(warning);
    }
    if let Some(disk) = unit.without_boot_manager() {
        watch.warn(&format!(
            "{disk} has no boot manager of Sluice's, so nothing goes by the boot state: `gpart set -a active -i {target} {disk}` \
             starts slot {target} once it is installed, without a trial"
        ));
    }
    let mut feed = match request.unsigned_image {
        false => Feed::bundle(open()?, &keys)?,
        true => Feed::image(open()?)?,
    };
    let candidate = feed.candidate()?;
    // Only now: opening for writing is what other programs may be in the way of.
    let mut slice = unit.slice(target, Access::Write)?;
    let place = Place {
        release: &release,
        floor: begun.floor.as_ref(),
        slot: target,
        size: slice.size(),
        layout: unit.layout()?,
    };
    precondition::check(&candidate, &place)?;
    let writer = Writer::new(&mut slice).map_err(|fault| unreadable(target, fault))?;

    watch.start(&candidate, target);
    record.save(begun)?;
    let tally = write(writer, &mut feed, candidate.size, watch)
        .and_then(|tally| arm(&mut record, target, &feed).map(|()| tally))
        .map_err(|fault| UpdateError::Incomplete { target, running, fault })?;
    Ok(Report {
        slot: target,
        version: candidate.version.to_string(),
        blocks_written: tally.written,
        blocks_skipped: tally.skipped,
        source_bytes: feed.position(),
        seconds: started.elapsed().as_secs(),
    })
}

/// Has the slot hold what the source gives, to the last chunk.
fn write<S: Storage, R: Read>(
    mut writer: Writer<S>,
    feed: &mut Feed<R>,
    size: Sectors,
    watch: &mut dyn Watch,
) -> Result<Tally, Fault> {
    let mut raw = Vec::new();
    while let Some(piece) = feed.next(&mut raw).map_err(Fault::Bundle)? {
        writer.put(piece.at, &raw, piece.sum)?;
        watch.progress(Phase::Write, piece.at + Sectors::holding_bytes(raw.len() as u64), size);
    }
    drop(raw);
    writer.finish(&mut |read| watch.progress(Phase::Check, read, size))
}

/// Marks it good, and has it tried at the next start.
fn arm<M: Medium, R: Read>(record: &mut Record<M>, target: Slot, feed: &Feed<R>) -> Result<(), Fault> {
    let finished = record.state().finish_install(target, feed.digest(), TRIES);
    Ok(record.save(finished)?)
}

/// Nothing was written yet.
fn unreadable(slot: Slot, fault: Fault) -> UpdateError {
    match fault {
        Fault::Disk { error, .. } => UpdateError::SlotDevice { slot, error },
        fault => UpdateError::SlotDevice { slot, error: std::io::Error::other(fault.to_string()) },
    }
}
