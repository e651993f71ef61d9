//! Progress of a card that is being burnt: one moving line on a terminal, a line for each tenth elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use report::Reporter;

use crate::failure::Phase;

/// The line on a terminal.
const TEMPLATE: &str = "{msg:>10}  {bar:30} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";

/// Shows one phase after the other.
#[derive(Debug)]
pub struct Progress {
    reporter: Reporter,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    phase: Phase,
    start: Instant,
    bar: ProgressBar,
    tenths: u64,
}

impl Progress {
    /// Shows progress unless `reporter` is quiet.
    pub const fn new(reporter: Reporter) -> Self {
        Self { reporter, shown: None }
    }

    /// Shows that `done` of `total` bytes of `phase` are done.
    pub fn show(&mut self, phase: Phase, done: u64, total: u64) {
        if self.reporter.is_quiet() {
            return;
        }
        if self.shown.as_ref().is_none_or(|shown| shown.phase != phase) {
            self.clear();
        }
        let shown = self.shown.get_or_insert_with(|| Shown::new(phase, total));
        if !shown.bar.is_hidden() {
            shown.bar.set_position(done);
        } else if let Some(tenth) = next_tenth(shown.tenths, done, total) {
            shown.tenths = tenth;
            self.reporter.progress(line(phase, done, total, shown.start.elapsed()));
        }
    }

    /// Clears the line on the terminal.
    pub fn clear(&mut self) {
        if let Some(shown) = self.shown.take() {
            shown.bar.finish_and_clear();
        }
    }
}

impl Shown {
    fn new(phase: Phase, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_message(phase.name());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self { phase, start: Instant::now(), bar, tenths: 0 }
    }
}

/// The tenth that `done` has reached, if it is beyond `tenths`.
fn next_tenth(tenths: u64, done: u64, total: u64) -> Option<u64> {
    let now = done * 10 / total.max(1);
    (now > tenths).then_some(now)
}

/// A line of a log.
fn line(phase: Phase, done: u64, total: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = done as f64 / seconds;
    let left = (total - done) as f64 / rate;
    format!(
        "{:>10}  {:>3} %, {} of {}, {}/s, {left:.0} s left",
        phase.name(),
        done * 100 / total.max(1),
        report::size(done),
        report::size(total),
        report::size(rate as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_for_each_tenth() {
        let mut tenths = 0;
        let mut lines = Vec::new();
        for done in (5..=100).step_by(5) {
            if let Some(tenth) = next_tenth(tenths, done, 100) {
                tenths = tenth;
                lines.push(done);
            }
        }
        assert_eq!(lines, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(
            line(Phase::Writing, 3 << 20, 12 << 20, Duration::from_secs(2)),
            "   writing   25 %, 3.0 MiB of 12.0 MiB, 1.5 MiB/s, 6 s left"
        );
    }
}
