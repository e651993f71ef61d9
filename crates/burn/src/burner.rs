//! Writes an image to a card and verifies it.
//!
//! The invariant: a card boots only if all of it was written and read back. The first write clears sector 0, with the
//! boot code and the table of slices. Everything else is then written, flushed, read back and compared; sector 0 is the
//! last write. So whatever interrupts it leaves a card that does not boot, and never half a system.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use bsd_disk::units::{SECTOR_BYTES, Sectors};

use crate::card::{Buffer, CHUNK, Card};
use crate::failure::{BadSectors, CardState, Cause, Failure, Phase};
use crate::image::Image;
use crate::plan;

/// Is called with the phase, the bytes of it that are done, and all of its bytes.
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
    state: CardState,
}

/// Writes `parts` of `image` to `card`, sector 0 last, and reads all of it back. `stop` ends it between two chunks. The
/// parts are in order, consist of whole sectors, and do not include sector 0.
///
/// # Errors
/// It was stopped, the card cannot be written or does not hold what was written, or the image cannot be read.
pub fn burn(
    card: &mut dyn Card,
    image: &Image,
    parts: &[Range<u64>],
    stop: &AtomicBool,
    watch: Watch<'_>,
) -> Result<(), Failure> {
    let mut burning = Burning {
        card,
        image,
        parts,
        stop,
        watch,
        phase: Phase::Writing,
        done: 0,
        state: CardState::Unchanged,
    };
    burning.run().map_err(|cause| Failure {
        phase: burning.phase,
        done: burning.done,
        total: burning.total(),
        card: burning.state,
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
        self.check_stop()?;
        self.state = CardState::Uncertain;
        self.write_through(&first, chunk.part(&first), found.part(&first))?;
        self.state = CardState::Unbootable;
        self.advance(&first);
        for range in chunks(self.parts) {
            self.check_stop()?;
            let bytes = chunk.part(&range);
            self.image.read_at(range.start, bytes).map_err(Cause::Image)?;
            self.write(range.start, bytes)?;
            self.advance(&range);
        }
        self.card.flush().map_err(Cause::Flush)?;

        (self.phase, self.done) = (Phase::Checking, 0);
        let mut bad: Option<BadSectors> = None;
        for range in chunks(self.parts) {
            self.check_stop()?;
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
        self.state = CardState::Uncertain;
        self.write_through(&first, bytes, found.part(&first))?;
        self.advance(&first);
        Ok(())
    }

    /// Writes `bytes` to `range`, and reads them back.
    fn write_through(&mut self, range: &Range<u64>, bytes: &[u8], found: &mut [u8]) -> Result<(), Cause> {
        self.write(range.start, bytes)?;
        self.card.flush().map_err(Cause::Flush)?;
        compare(self.card, range, bytes, found).map_or(Ok(()), |bad| Err(Cause::Bad(bad)))
    }

    /// Fails if the engineer stopped it.
    fn check_stop(&self) -> Result<(), Cause> {
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

/// `parts` in chunks that fit a [`Buffer`], cut at multiples of [`CHUNK`].
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

/// The sectors of `range` that do not hold `expected`. If they cannot be read at once, they are read one by one.
fn compare(card: &mut dyn Card, range: &Range<u64>, expected: &[u8], found: &mut [u8]) -> Option<BadSectors> {
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
            bad = join(
                bad,
                Some(BadSectors { first: Sectors(at / SECTOR_BYTES), count: 1, error: read.err() }),
            );
        }
    }
    bad
}

fn join(bad: Option<BadSectors>, more: Option<BadSectors>) -> Option<BadSectors> {
    match (bad, more) {
        (Some(bad), Some(more)) => Some(BadSectors { count: bad.count + more.count, ..bad }),
        (bad, more) => bad.or(more),
    }
}

#[cfg(test)]
mod tests;
