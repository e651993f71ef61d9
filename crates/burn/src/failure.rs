//! A card that was not burnt: why, how far it got, and what state the card is in.

use std::ops::Range;
use std::{fmt, io};

use bsd_disk::units::{SECTOR_BYTES, Sectors};

/// A pass over the card.
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

/// The state that a failure leaves the card in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardState {
    /// Nothing was written.
    Unchanged,
    /// Sector 0 was being written.
    Uncertain,
    /// Sector 0 is cleared.
    Unbootable,
}

/// Why a card was not burnt.
#[derive(Debug)]
pub enum Cause {
    /// The engineer stopped it.
    Stopped,
    /// The image could not be read.
    Image(anyhow::Error),
    /// These bytes, whole sectors, could not be written.
    Write(Range<u64>, io::Error),
    /// What was written could not be flushed to the card.
    Flush(io::Error),
    /// Sectors that do not hold what was written.
    Bad(BadSectors),
}

/// Sectors that do not hold what was written.
#[derive(Debug)]
pub struct BadSectors {
    /// The first of them.
    pub first: Sectors,
    /// Their number.
    pub count: u64,
    /// Why the first could not be read; `None` if it holds something else.
    pub error: Option<io::Error>,
}

/// A card that was not burnt.
#[derive(Debug)]
pub struct Failure {
    /// The pass that failed.
    pub phase: Phase,
    /// Bytes of this pass that were done.
    pub done: u64,
    /// Bytes of this pass.
    pub total: u64,
    /// The state of the card.
    pub card: CardState,
    /// Why it failed.
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
            Cause::Flush(error) => write!(f, "flushing the card: {error}")?,
            Cause::Bad(BadSectors { first, count, error }) => {
                let sectors = if *count == 1 { "sector does" } else { "sectors do" };
                write!(f, "reading back: {count} {sectors} not hold what was written; ")?;
                match error {
                    Some(error) => write!(f, "the first is sector {}: {error}", first.0)?,
                    None => write!(f, "the first is sector {}, which holds something else", first.0)?,
                }
            }
        }
        let verb = if self.phase == Phase::Writing { "written" } else { "checked" };
        let (done, total) = (self.done, self.total);
        match self.card {
            CardState::Unchanged => write!(f, "; nothing was written, the card is unchanged")?,
            CardState::Uncertain => {
                write!(
                    f,
                    "; {done} of {total} bytes were {verb}, and the card may or may not boot\n\
                           hint: burn the card again before you use it"
                )?;
            }
            CardState::Unbootable => write!(
                f,
                "; {done} of {total} bytes were {verb}, and the card will not boot until it is burnt again"
            )?,
        }
        if matches!(self.cause, Cause::Bad(_)) {
            write!(f, "\nhint: try another card or another reader")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None // the message includes it
    }
}
