//! How often a download is resumed.

use std::time::Duration;

/// How often, and how long apart, an interrupted download is resumed.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Attempts without substantial progress.
    pub attempts: u32,
    /// The pause before the second attempt; each further one is twice as long.
    pub pause: Duration,
    /// Bytes that are substantial progress, after which attempts and pauses start again.
    pub substantial: u64,
    /// Bytes before the position that are requested again, and must be the same.
    pub overlap: usize,
}

impl Retry {
    /// For a unit on a DSL line, where half a minute without a connection is not unusual.
    pub const OF_UNIT: Self =
        Self { attempts: 6, pause: Duration::from_secs(1), substantial: 64 << 10, overlap: 1 << 10 };
}

/// The attempts of one download.
#[derive(Debug)]
pub struct Attempts {
    retry: Retry,
    /// Attempts since the last substantial progress.
    failed: u32,
    /// The position of the last substantial progress.
    since: u64,
}

impl Attempts {
    /// Those of a download that begins.
    pub fn new(retry: Retry) -> Self {
        Self { retry, failed: 0, since: 0 }
    }

    /// Counts an attempt that was interrupted at `position`. Returns the pause before the next one; `None` if there should be
    /// none.
    pub fn interrupted(&mut self, position: u64) -> Option<Duration> {
        if position - self.since >= self.retry.substantial {
            (self.failed, self.since) = (0, position);
        }
        self.failed += 1;
        let pause = self.retry.pause * 2_u32.saturating_pow(self.failed - 1);
        (self.failed < self.retry.attempts).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses, in seconds, after interruptions at these positions.
    fn pauses(positions: impl IntoIterator<Item = u64>) -> Vec<Option<u64>> {
        let mut attempts = Attempts::new(Retry::OF_UNIT);
        let pause = |position| attempts.interrupted(position).map(|pause| pause.as_secs());
        positions.into_iter().map(pause).collect()
    }

    #[test]
    fn only_substantial_progress_starts_the_count_again() {
        let growing = [Some(1), Some(2), Some(4), Some(8), Some(16), None];
        assert_eq!(pauses([0; 6]), growing);
        assert_eq!(pauses(0..6), growing);
        assert_eq!(pauses((1..=6).map(|n| n * 10_000)), growing);
        assert_eq!(pauses([0, 0, 65_536, 65_537, 131_071]), [Some(1), Some(2), Some(1), Some(2), Some(4)]);
        // Little by little is progress, too.
        assert!(pauses((1..1000).map(|n| n * 20_000)).iter().all(Option::is_some));
    }
}
