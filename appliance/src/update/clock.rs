//! The time as whoever waits for an update sees it, and whether to go on waiting.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use crate::sys;

/// How often a waiting command looks whether it is to stop.
pub const STEP: Duration = Duration::from_millis(250);

/// A clock that also knows whether the command is to stop.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time since a moment that never changes.
    fn now(&self) -> Duration;
    /// Waits, and returns early once the command is to stop.
    fn sleep(&self, time: Duration);
    /// Whether a signal asked the command to stop.
    fn is_stopped(&self) -> bool;
}

/// The clock of this process, which setting the date does not change.
#[derive(Debug)]
pub struct ProcessClock {
    start: Instant,
}

impl ProcessClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) {
        let end = self.now() + time;
        while !self.is_stopped() {
            match end.saturating_sub(self.now()) {
                Duration::ZERO => return,
                left => thread::sleep(left.min(STEP)),
            }
        }
    }

    fn is_stopped(&self) -> bool {
        sys::stop_signal().is_some()
    }
}
