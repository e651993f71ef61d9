//! Writes a slot: only the blocks that differ, each read back, and what makes the slot bootable last.
//!
//! Invariant, the second line of defence should the boot state be lost: from the first difference on, the first sector of
//! the slot (boot1) has no signature, so that no boot program starts it. It gets its signature once everything else is on
//! the disk and was read back. At first only the two bytes of the signature are cleared: a torn write replaces the front of
//! a sector, so the result is either the old sector or one that cannot start.

use std::io;
use std::ops::Range;

use bsd_disk::geometry::FLASH_PAGE;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{is_zero, sha256};

use super::error::Fault;
use super::signature::SIGNATURE;
use crate::disk::Storage;

/// Bytes of a sector.
const SECTOR: usize = SECTOR_BYTES as usize;
/// The smallest unit that is written: a page of the flash.
pub const BLOCK: usize = FLASH_PAGE.bytes() as usize;

/// The SHA-256 of a chunk; `None` if it is all zero.
pub type Checksum = Option<[u8; 32]>;

/// The number of blocks of [`BLOCK`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks that differed and were written.
    pub written: u64,
    /// Blocks that were already right.
    pub skipped: u64,
}

/// A chunk that the slot holds now.
struct Stored {
    at: Sectors,
    bytes: usize,
    checksum: Checksum,
}

/// Writes one chunk after the other to a slot.
pub struct Writer<'a, S> {
    slice: &'a mut S,
    /// The first sector, as it is on the disk.
    boot_on_disk: [u8; SECTOR],
    /// The first sector, as it is to be.
    boot: Option<[u8; SECTOR]>,
    /// Whether the first block is counted as written.
    boot_counted: bool,
    stored: Vec<Stored>,
    on_disk: Vec<u8>,
    tally: Tally,
}

impl<'a, S: Storage> Writer<'a, S> {
    /// Reads the first sector; writes nothing.
    pub fn new(slice: &'a mut S) -> Result<Self, Fault> {
        let mut boot_on_disk = [0; SECTOR];
        slice.read_at(Sectors::ZERO, &mut boot_on_disk).map_err(reading(Sectors::ZERO))?;
        let (stored, on_disk, tally) = (Vec::new(), Vec::new(), Tally::default());
        Ok(Self { slice, boot_on_disk, boot: None, boot_counted: false, stored, on_disk, tally })
    }

    /// Writes the chunk `raw`, whole sectors, at `at`; `checksum` is what a later reading must have.
    pub fn put(&mut self, at: Sectors, raw: &[u8], checksum: Checksum) -> Result<(), Fault> {
        self.on_disk.resize(raw.len(), 0);
        self.slice.read_at(at, &mut self.on_disk).map_err(reading(at))?;
        if at.is_zero() {
            let mut boot = [0; SECTOR];
            boot.copy_from_slice(&raw[..SECTOR]);
            self.boot = Some(boot);
            if boot != self.boot_on_disk {
                self.disarm()?;
            }
        }
        // Most of a slot is zero and stays so; checking one buffer takes half as long as comparing two.
        let runs = match checksum {
            None if is_zero(&self.on_disk) => Vec::new(),
            _ => differing(raw, &self.on_disk, if at.is_zero() { SECTOR } else { 0 }),
        };
        let mut written = 0;
        for run in runs {
            self.disarm()?;
            written += run.len().div_ceil(BLOCK);
            self.boot_counted |= at.is_zero() && run.start < BLOCK;
            let (from, wanted) = (at + Sectors::holding_bytes(run.start as u64), &raw[run.clone()]);
            self.slice.write_at(from, wanted).map_err(writing(from))?;
            self.slice.read_at(from, &mut self.on_disk[run.clone()]).map_err(reading(from))?;
            if self.on_disk[run] != *wanted {
                return Err(Fault::ReadBack { at: from });
            }
        }
        self.tally.written += written as u64;
        self.tally.skipped += (raw.len().div_ceil(BLOCK) - written) as u64;
        self.stored.push(Stored { at, bytes: raw.len(), checksum });
        Ok(())
    }

    /// Flushes, reads everything again, and makes the slot bootable. `progress` gets the number of sectors read, and may end
    /// this.
    pub fn finish(mut self, progress: &mut dyn FnMut(Sectors) -> Result<(), Fault>) -> Result<Tally, Fault> {
        self.slice.flush().map_err(Fault::Flush)?;
        let mut read = Sectors::ZERO;
        for Stored { at, bytes, checksum: expected } in std::mem::take(&mut self.stored) {
            self.on_disk.resize(bytes, 0);
            self.slice.read_at(at, &mut self.on_disk).map_err(reading(at))?;
            if let Some(boot) = self.boot.filter(|_| at.is_zero()) {
                let sector = &mut self.on_disk[..SECTOR];
                if *sector != self.boot_on_disk {
                    return Err(Fault::ReadBack { at });
                }
                sector.copy_from_slice(&boot);
            }
            if checksum(&self.on_disk) != expected {
                return Err(Fault::ReadBack { at });
            }
            read += Sectors::holding_bytes(bytes as u64);
            progress(read)?;
        }
        if let Some(boot) = self.boot.filter(|boot| *boot != self.boot_on_disk) {
            self.write_boot(boot)?;
            if !self.boot_counted {
                self.tally.written += 1;
                self.tally.skipped -= 1;
            }
        }
        Ok(self.tally)
    }

    /// Makes the slot unbootable.
    fn disarm(&mut self) -> Result<(), Fault> {
        let mut boot = self.boot_on_disk;
        boot[SIGNATURE].fill(0);
        if boot == self.boot_on_disk { Ok(()) } else { self.write_boot(boot) }
    }

    fn write_boot(&mut self, boot: [u8; SECTOR]) -> Result<(), Fault> {
        let at = Sectors::ZERO;
        self.slice.write_at(at, &boot).map_err(writing(at))?;
        self.slice.flush().map_err(Fault::Flush)?;
        self.slice.read_at(at, &mut self.boot_on_disk).map_err(reading(at))?;
        if self.boot_on_disk == boot { Ok(()) } else { Err(Fault::ReadBack { at }) }
    }
}

/// The checksum of a chunk.
pub fn checksum(raw: &[u8]) -> Checksum {
    if is_zero(raw) { None } else { Some(sha256(raw)) }
}

/// The runs of blocks in which `wanted` and `on_disk` differ, from byte `from` on.
fn differing(wanted: &[u8], on_disk: &[u8], from: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for block in (0..wanted.len()).step_by(BLOCK) {
        let range = block.max(from)..(block + BLOCK).min(wanted.len());
        if wanted[range.clone()] == on_disk[range.clone()] {
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
