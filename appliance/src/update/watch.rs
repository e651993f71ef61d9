//! Watches a source while somebody waits for it: one that sends nothing, or next to nothing, counts as interrupted.
//!
//! Only the time spent waiting counts, so a slow card is not taken for a slow source, and an update that keeps arriving may
//! take as long as it likes.

use std::io::{self, Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, ProcessClock, STEP};

/// How long a source is waited for.
#[derive(Clone, Debug)]
pub struct Patience {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The longest time in which nothing may arrive, and in which [`Patience::least`] must arrive.
    pub limit: Duration,
    /// The least number of bytes that must arrive in that time.
    pub least: u64,
    /// How long to wait at once, before looking whether to stop.
    pub step: Duration,
}

impl Patience {
    /// For a unit on a bad line: a minute, and 4 KiB in it, which the slowest modem exceeds by far.
    pub fn of_unit() -> Self {
        let clock = Arc::new(ProcessClock::start());
        Self { clock, limit: Duration::from_secs(60), least: 4 << 10, step: STEP }
    }
}

/// What arrived in one attempt to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing yet.
    Nothing,
    /// This many bytes.
    Bytes(usize),
    /// The end.
    End,
}

/// What a source has sent so far.
#[derive(Debug)]
pub struct Watch {
    patience: Patience,
    /// How long nothing has arrived.
    silent: Duration,
    /// The waiting since the rate was last judged, and what arrived meanwhile.
    waited: Duration,
    received: u64,
}

impl Watch {
    /// A source that has sent nothing yet.
    pub fn new(patience: Patience) -> Self {
        Self { patience, silent: Duration::ZERO, waited: Duration::ZERO, received: 0 }
    }

    /// Calls `attempt`, which may wait for as long as it is told, until something arrives. Returns the number of bytes, 0 at
    /// the end.
    ///
    /// # Errors
    /// `attempt` fails, the command is to stop, or the source is silent or too slow ([`ErrorKind::TimedOut`]).
    pub fn wait<E: From<Error>>(
        &mut self,
        mut attempt: impl FnMut(Duration) -> Result<Arrival, E>,
    ) -> Result<usize, E> {
        loop {
            if self.patience.clock.is_stopped() {
                return Err(Error::other("the command was told to stop").into());
            }
            let begun = self.patience.clock.now();
            let arrival = attempt(self.patience.step)?;
            let waited = self.patience.clock.now().saturating_sub(begun);
            match arrival {
                Arrival::End => return Ok(0),
                Arrival::Nothing => self.count(waited, 0)?,
                Arrival::Bytes(bytes) => {
                    self.count(waited, bytes)?;
                    return Ok(bytes);
                }
            }
        }
    }

    fn count(&mut self, waited: Duration, bytes: usize) -> io::Result<()> {
        let Patience { limit, least, .. } = self.patience;
        self.silent = if bytes == 0 { self.silent + waited } else { Duration::ZERO };
        self.waited += waited;
        self.received += bytes as u64;
        let too_long = |what: String| Err(Error::new(ErrorKind::TimedOut, what));
        if self.silent >= limit {
            return too_long(format!("nothing arrived for {} s", limit.as_secs()));
        }
        if self.waited >= limit {
            let received = std::mem::take(&mut self.received);
            self.waited = Duration::ZERO;
            if received < least {
                return too_long(format!("only {received} bytes arrived in {} s", limit.as_secs()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for arrivals, each after so many seconds; returns the result of the first that fails.
    fn watched(arrivals: &[(u64, usize)]) -> io::Result<()> {
        let patience = Patience::of_unit();
        let mut watch = Watch::new(patience);
        arrivals.iter().try_for_each(|(seconds, bytes)| watch.count(Duration::from_secs(*seconds), *bytes))
    }

    #[test]
    fn silence_and_a_trickle_are_interruptions_and_slow_progress_is_not() {
        let message = |arrivals: &[(u64, usize)]| watched(arrivals).unwrap_err().to_string();
        assert_eq!(message(&[(0, 9999), (30, 0), (30, 0)]), "nothing arrived for 60 s");
        assert_eq!(message(&[(20, 1), (20, 1), (20, 1)]), "only 3 bytes arrived in 60 s");
        assert_eq!(message(&[(59, 4095), (59, 0)]), "only 4095 bytes arrived in 60 s");
        watched(&[(30, 0), (29, 0), (0, 9999)]).unwrap();
        watched(&[(59, 1), (1, 4095)].repeat(9)).unwrap();
        // A day at 100 bytes a second.
        watched(&[(10, 1000)].repeat(8640)).unwrap();
    }

    #[test]
    fn every_attempt_is_told_how_long_it_may_wait() {
        let mut watch = Watch::new(Patience::of_unit());
        let mut arrivals = [Arrival::Nothing, Arrival::Nothing, Arrival::Bytes(7), Arrival::End].into_iter();
        let mut attempt = |time: Duration| {
            assert_eq!(time, STEP);
            Ok::<_, Error>(arrivals.next().unwrap())
        };
        assert_eq!(watch.wait(&mut attempt).unwrap(), 7);
        assert_eq!(watch.wait(&mut attempt).unwrap(), 0);
    }
}
