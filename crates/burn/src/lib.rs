//! Burning: a full image onto a card, and back again to see that it is there.
//!
//! The invariant: a card starts only when all of it was written and read back. The first write clears sector 0, the boot
//! code and the table of slices; then comes everything else, is flushed, and is compared with what the card gives back;
//! sector 0 is the last write. So whatever stops the burning leaves a card that nothing starts, and no half of one.
//!
//! [`plan`] says which bytes a card needs, [`device`] whether a disk may be written, [`card`] does it.

pub mod card;
pub mod device;
mod freebsd;
mod image;
mod linux;
pub mod plan;
pub mod progress;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io};

use bsd_disk::units::{SECTOR_BYTES, Sectors};

pub use card::Card;
use card::{Buffer, CHUNK};
pub use image::Image;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Writing.
    Writing,
    /// Reading back.
    Checking,
}

impl Phase {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Checking => "checking",
        }
    }
}

/// What a burning that ended early leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was written.
    AsItWas,
    /// Sector 0 was being written.
    Unclear,
    /// Sector 0 is cleared.
    NotStarting,
}

/// Why a card was not burnt.
#[derive(Debug)]
pub enum Cause {
    /// The engineer stopped it.
    Stopped,
    /// The image could not be read.
    Image(anyhow::Error),
    /// These sectors could not be written.
    Write(Range<u64>, io::Error),
    /// What was written could not be brought out of the caches.
    Flush(io::Error),
    /// Sectors that do not give back what was written.
    Bad(Bad),
}

/// Sectors that do not give back what was written.
#[derive(Debug)]
pub struct Bad {
    /// The first of them.
    pub first: Sectors,
    /// How many there are.
    pub count: u64,
    /// Why the first could not be read; nothing when it was, and holds something else.
    pub error: Option<io::Error>,
}

/// A card that was not burnt, and how far it came.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub phase: Phase,
    /// Bytes of this phase that were done.
    pub done: u64,
    /// Bytes of this phase.
    pub total: u64,
    /// What it leaves behind.
    pub left: Left,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Stopped => write!(f, "stopped while {}", self.phase.name())?,
            Cause::Image(error) => write!(f, "{error:#}")?,
            Cause::Write(range, error) => {
                let (first, last) = (range.start / SECTOR_BYTES, (range.end - 1) / SECTOR_BYTES);
                if first == last {
                    write!(f, "writing sector {first}: {error}")?;
                } else {
                    write!(f, "writing sectors {first} to {last}: {error}")?;
                }
            }
            Cause::Flush(error) => write!(f, "waiting until all is on the card: {error}")?,
            Cause::Bad(Bad { first, count, error }) => {
                let sectors = if *count == 1 { "sector does" } else { "sectors do" };
                write!(
                    f,
                    "reading back: {count} {sectors} not hold what was written, the first is sector {}",
                    first.0
                )?;
                match error {
                    Some(error) => write!(f, " ({error})")?,
                    None => write!(f, " (it holds something else)")?,
                }
                write!(f, "; take another card, or another reader")?;
            }
        }
        let what = if self.phase == Phase::Writing { "written" } else { "checked" };
        let end = match self.left {
            Left::AsItWas => return write!(f, "; nothing was written, the card is as it was"),
            Left::Unclear => "whether the card starts is uncertain: burn it again before it is used",
            Left::NotStarting => "the card will not start until it is burnt again",
        };
        write!(f, "; {} of {} bytes were {what}, and {end}", self.done, self.total)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None // all is said
    }
}

/// Who is told how far it is: the phase, its bytes that are done, and all of its bytes.
pub type Watch<'a> = &'a mut dyn FnMut(Phase, u64, u64);

/// A card that is being burnt.
struct Burning<'a> {
    card: &'a mut dyn Card,
    image: &'a Image,
    parts: &'a [Range<u64>],
    stop: &'a AtomicBool,
    watch: Watch<'a>,
    phase: Phase,
    done: u64,
    left: Left,
}

/// Writes `parts` of `image` to `card`, sector 0 last, and reads all of it back. `stop` ends it between two chunks. The
/// parts are in order, of whole sectors, and do not touch sector 0.
///
/// # Errors
/// It was stopped, the card takes or gives something wrong, or the image cannot be read: with how far it came.
pub fn burn(
    card: &mut dyn Card,
    image: &Image,
    parts: &[Range<u64>],
    stop: &AtomicBool,
    watch: Watch<'_>,
) -> Result<(), Failure> {
    let mut burning =
        Burning { card, image, parts, stop, watch, phase: Phase::Writing, done: 0, left: Left::AsItWas };
    burning.run().map_err(|cause| Failure {
        phase: burning.phase,
        done: burning.done,
        total: burning.total(),
        left: burning.left,
        cause,
    })
}

impl Burning<'_> {
    /// Bytes of each phase: the parts, and sector 0, which is cleared in the first and written in the second.
    fn total(&self) -> u64 {
        plan::bytes(self.parts) + SECTOR_BYTES
    }

    fn run(&mut self) -> Result<(), Cause> {
        let mut chunk = Buffer::new();
        let mut found = Buffer::new();
        let first = 0..SECTOR_BYTES;
        self.go_on()?;
        self.left = Left::Unclear;
        self.write_through(&first, chunk.part(&first), found.part(&first))?;
        self.left = Left::NotStarting;
        self.advance(&first);
        for range in chunks(self.parts) {
            self.go_on()?;
            let bytes = chunk.part(&range);
            self.image.read_at(range.start, bytes).map_err(Cause::Image)?;
            self.write(range.start, bytes)?;
            self.advance(&range);
        }
        self.card.flush().map_err(Cause::Flush)?;

        (self.phase, self.done) = (Phase::Checking, 0);
        let mut bad: Option<Bad> = None;
        for range in chunks(self.parts) {
            self.go_on()?;
            let expected = chunk.part(&range);
            self.image.read_at(range.start, expected).map_err(Cause::Image)?;
            let more = compare(self.card, &range, expected, found.part(&range));
            bad = join(bad, more);
            self.advance(&range);
        }
        if let Some(bad) = bad {
            return Err(Cause::Bad(bad));
        }

        let bytes = chunk.part(&first);
        self.image.read_at(0, bytes).map_err(Cause::Image)?;
        self.left = Left::Unclear;
        self.write_through(&first, bytes, found.part(&first))?;
        self.advance(&first);
        Ok(())
    }

    /// Writes `bytes` to `range`, and sees that they are there.
    fn write_through(&mut self, range: &Range<u64>, bytes: &[u8], found: &mut [u8]) -> Result<(), Cause> {
        self.write(range.start, bytes)?;
        self.card.flush().map_err(Cause::Flush)?;
        compare(self.card, range, bytes, found).map_or(Ok(()), |bad| Err(Cause::Bad(bad)))
    }

    /// Whether to go on.
    fn go_on(&self) -> Result<(), Cause> {
        if self.stop.load(Ordering::Relaxed) { Err(Cause::Stopped) } else { Ok(()) }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Cause> {
        let range = at..at + bytes.len() as u64;
        self.card.write_at(at, bytes).map_err(|error| Cause::Write(range, error))
    }

    fn advance(&mut self, range: &Range<u64>) {
        self.done += range.end - range.start;
        let total = self.total();
        (self.watch)(self.phase, self.done, total);
    }
}

/// `parts` in pieces that fit a [`Buffer`], cut at multiples of [`CHUNK`].
fn chunks(parts: &[Range<u64>]) -> impl Iterator<Item = Range<u64>> {
    parts.iter().flat_map(|part| {
        let mut at = part.start;
        std::iter::from_fn(move || {
            let range = at..part.end.min((at / CHUNK + 1) * CHUNK);
            at = range.end;
            (!range.is_empty()).then_some(range)
        })
    })
}

/// The sectors of `range` that do not hold `expected`. Where the card cannot read all of them at once, they are read one
/// by one.
fn compare(card: &mut dyn Card, range: &Range<u64>, expected: &[u8], found: &mut [u8]) -> Option<Bad> {
    let whole = card.read_at(range.start, found);
    if whole.is_ok() && expected == found {
        return None;
    }
    let size = SECTOR_BYTES as usize;
    let mut bad = None;
    for (index, (expected, found)) in expected.chunks(size).zip(found.chunks_mut(size)).enumerate() {
        let at = range.start + index as u64 * SECTOR_BYTES;
        let read = if whole.is_ok() { Ok(()) } else { card.read_at(at, found) };
        if read.is_err() || expected != found {
            bad = join(bad, Some(Bad { first: Sectors(at / SECTOR_BYTES), count: 1, error: read.err() }));
        }
    }
    bad
}

fn join(bad: Option<Bad>, more: Option<Bad>) -> Option<Bad> {
    match (bad, more) {
        (Some(bad), Some(more)) => Some(Bad { count: bad.count + more.count, ..bad }),
        (bad, more) => bad.or(more),
    }
}

#[cfg(test)]
mod tests;
