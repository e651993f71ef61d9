//! Bringing a slot to what it shall hold: writes only what differs, reads back all that it writes, and lets the slot be
//! started last of all.
//!
//! Invariant, the second line of defence should the boot state be lost: from the first difference on, the first sector of
//! the slot (boot1) has no signature, so that no boot program starts it. It gets its signature when all the rest is on the
//! disk and was read back. Only the two bytes of the signature go at first, since of a sector that is torn the front is
//! the new one: it is either the old sector or one that cannot be started.

use std::io;
use std::ops::Range;

use bsd_disk::geometry::FLASH_PAGE;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{is_zero, sha256};

use super::error::Fault;
use super::storage::Storage;

/// Bytes of a sector.
const SECTOR: usize = SECTOR_BYTES as usize;
/// What is written at once, at least: a page of the flash.
pub const BLOCK: usize = FLASH_PAGE.bytes() as usize;
/// Where in the first sector the signature stands, without which nothing starts it.
const SIGNATURE: Range<usize> = 510..512;

/// What a chunk shall be: its SHA-256, or `None` when it is all zero.
pub type Sum = Option<[u8; 32]>;

/// What was done, in blocks of [`BLOCK`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks that were not right before.
    pub written: u64,
    /// Blocks that were.
    pub skipped: u64,
}

/// A part of the slot that was put.
struct Put {
    at: Sectors,
    bytes: usize,
    sum: Sum,
}

/// Puts one chunk after the other into a slot.
pub struct Writer<'a, S> {
    slice: &'a mut S,
    /// The first sector as it is on the disk.
    boot_there: [u8; SECTOR],
    /// The first sector as it shall be.
    boot: Option<[u8; SECTOR]>,
    /// The first block is among those that were counted as written.
    boot_counted: bool,
    put: Vec<Put>,
    there: Vec<u8>,
    tally: Tally,
}

impl<'a, S: Storage> Writer<'a, S> {
    /// Begins with nothing written.
    pub fn new(slice: &'a mut S) -> Result<Self, Fault> {
        let mut boot_there = [0; SECTOR];
        slice.read_at(Sectors::ZERO, &mut boot_there).map_err(reading(Sectors::ZERO))?;
        let (put, there, tally) = (Vec::new(), Vec::new(), Tally::default());
        Ok(Self { slice, boot_there, boot: None, boot_counted: false, put, there, tally })
    }

    /// Makes the slot hold `raw`, whole sectors, from `at` on; `sum` is what a later reading of it must give.
    pub fn put(&mut self, at: Sectors, raw: &[u8], sum: Sum) -> Result<(), Fault> {
        self.there.resize(raw.len(), 0);
        self.slice.read_at(at, &mut self.there).map_err(reading(at))?;
        if at.is_zero() {
            let mut boot = [0; SECTOR];
            boot.copy_from_slice(&raw[..SECTOR]);
            self.boot = Some(boot);
            if boot != self.boot_there {
                self.disarm()?;
            }
        }
        // Most of a slot is zero, and stays so; looking at one buffer takes half as long as comparing two.
        let runs = match sum {
            None if is_zero(&self.there) => Vec::new(),
            _ => differing(raw, &self.there, if at.is_zero() { SECTOR } else { 0 }),
        };
        let mut written = 0;
        for run in runs {
            self.disarm()?;
            written += run.len().div_ceil(BLOCK);
            self.boot_counted |= at.is_zero() && run.start < BLOCK;
            let (from, wanted) = (at + Sectors::holding_bytes(run.start as u64), &raw[run.clone()]);
            self.slice.write_at(from, wanted).map_err(writing(from))?;
            self.slice.read_at(from, &mut self.there[run.clone()]).map_err(reading(from))?;
            if self.there[run] != *wanted {
                return Err(Fault::ReadBack { at: from });
            }
        }
        self.tally.written += written as u64;
        self.tally.skipped += (raw.len().div_ceil(BLOCK) - written) as u64;
        self.put.push(Put { at, bytes: raw.len(), sum });
        Ok(())
    }

    /// Has it all on the disk, reads it again, and makes the slot one that can be started. `progress` gets the sectors read.
    pub fn finish(mut self, progress: &mut dyn FnMut(Sectors)) -> Result<Tally, Fault> {
        self.slice.flush().map_err(flushing)?;
        let mut read = Sectors::ZERO;
        for Put { at, bytes, sum } in std::mem::take(&mut self.put) {
            self.there.resize(bytes, 0);
            self.slice.read_at(at, &mut self.there).map_err(reading(at))?;
            if let Some(boot) = self.boot.filter(|_| at.is_zero()) {
                let there = &mut self.there[..SECTOR];
                if *there != self.boot_there {
                    return Err(Fault::ReadBack { at });
                }
                there.copy_from_slice(&boot);
            }
            if sum_of(&self.there) != sum {
                return Err(Fault::ReadBack { at });
            }
            read += Sectors::holding_bytes(bytes as u64);
            progress(read);
        }
        if let Some(boot) = self.boot.filter(|boot| *boot != self.boot_there) {
            self.write_boot(boot)?;
            if !self.boot_counted {
                self.tally.written += 1;
                self.tally.skipped -= 1;
            }
        }
        Ok(self.tally)
    }

    /// Sees to it that the slot cannot be started.
    fn disarm(&mut self) -> Result<(), Fault> {
        let mut boot = self.boot_there;
        boot[SIGNATURE].fill(0);
        if boot == self.boot_there { Ok(()) } else { self.write_boot(boot) }
    }

    fn write_boot(&mut self, boot: [u8; SECTOR]) -> Result<(), Fault> {
        let at = Sectors::ZERO;
        self.slice.write_at(at, &boot).map_err(writing(at))?;
        self.slice.flush().map_err(flushing)?;
        self.slice.read_at(at, &mut self.boot_there).map_err(reading(at))?;
        if self.boot_there == boot { Ok(()) } else { Err(Fault::ReadBack { at }) }
    }
}

/// The sum of a chunk.
pub fn sum_of(raw: &[u8]) -> Sum {
    if is_zero(raw) { None } else { Some(sha256(raw)) }
}

/// The runs of blocks in which `wanted` is not what is `there`, from byte `from` on.
fn differing(wanted: &[u8], there: &[u8], from: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for block in (0..wanted.len()).step_by(BLOCK) {
        let range = block.max(from)..(block + BLOCK).min(wanted.len());
        if wanted[range.clone()] == there[range.clone()] {
            continue;
        }
        match runs.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => runs.push(range),
        }
    }
    runs
}

fn reading(at: Sectors) -> impl FnOnce(io::Error) -> Fault {
    move |error| Fault::Disk { attempt: "reading", at, error }
}

fn writing(at: Sectors) -> impl FnOnce(io::Error) -> Fault {
    move |error| Fault::Disk { attempt: "writing", at, error }
}

fn flushing(error: io::Error) -> Fault {
    Fault::Disk { attempt: "flushing what was written up to", at: Sectors::ZERO, error }
}
