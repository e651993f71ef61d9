//! The progress of an installation, as a person, a log or a program reads it.
//!
//! The reader may go away (a lost SSH session). That never ends an installation, so nothing here fails.

use std::io::{self, IsTerminal, Write};

use bsd_disk::units::Sectors;
use firmware::slot::Slot;
use serde_json::json;

use super::payload::Candidate;

/// A phase of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The slot is being written.
    Write,
    /// It is being read again as a whole.
    Check,
}

impl Phase {
    /// The name, as people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "writing",
            Self::Check => "checking",
        }
    }
}

/// Receives the progress of an installation.
pub trait Observer {
    /// All checks passed: this will be installed in `slot`.
    fn start(&mut self, candidate: &Candidate, slot: Slot);
    /// `done` of `total` sectors are done in this phase.
    fn progress(&mut self, phase: Phase, done: Sectors, total: Sectors);
    /// Something is wrong that does not stop the installation.
    fn warn(&mut self, text: &str);
}

/// How progress is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// One line that is overwritten again and again.
    Terminal,
    /// A line every ten per cent.
    Lines,
    /// One JSON object per line.
    Json,
    /// Warnings only.
    Quiet,
}

/// Prints progress on standard error, or as JSON on standard output.
pub struct Console<W> {
    style: Style,
    out: W,
    last: Option<(Phase, u64)>,
}

impl Console<Box<dyn Write>> {
    /// Uses the requested style, or one that suits standard error.
    pub fn new(json: bool, quiet: bool) -> Self {
        let style = match (json, quiet) {
            (true, _) => Style::Json,
            (_, true) => Style::Quiet,
            _ if io::stderr().is_terminal() => Style::Terminal,
            _ => Style::Lines,
        };
        let out: Box<dyn Write> = if json { Box::new(io::stdout()) } else { Box::new(io::stderr()) };
        Self { style, out, last: None }
    }
}

impl<W: Write> Console<W> {
    /// Ends a line that would have been overwritten.
    pub fn end(&mut self) {
        if self.style == Style::Terminal && self.last.take().is_some() {
            self.say("\n");
        }
    }

    fn say(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write> Observer for Console<W> {
    fn start(&mut self, candidate: &Candidate, slot: Slot) {
        let version = &candidate.version;
        match self.style {
            Style::Terminal | Style::Lines => self.say(&format!("installing {version} in slot {slot}\n")),
            Style::Json => {
                let line = json!({"event": "start", "version": version.to_string(), "slot": slot, "sectors": candidate.size});
                self.say(&format!("{line}\n"));
            }
            Style::Quiet => {}
        }
    }

    fn progress(&mut self, phase: Phase, done: Sectors, total: Sectors) {
        let percent = (done.0 * 100).checked_div(total.0).unwrap_or(100);
        let step = if self.style == Style::Lines { percent - percent % 10 } else { percent };
        if self.last == Some((phase, step)) {
            return;
        }
        let is_first = self.last.is_none_or(|(before, _)| before != phase);
        match self.style {
            Style::Terminal => self.say(&format!("\r{} {percent:3} % ", phase.name())),
            // The first report of a phase only says that the phase has begun.
            Style::Lines if is_first && step == 0 => {}
            Style::Lines => self.say(&format!("{} {step} %\n", phase.name())),
            Style::Json => {
                let line =
                    json!({"event": "progress", "phase": phase.name(), "percent": percent, "sectors": done});
                self.say(&format!("{line}\n"));
            }
            Style::Quiet => {}
        }
        self.last = Some((phase, step));
    }

    fn warn(&mut self, text: &str) {
        let line = match self.style {
            Style::Json => json!({"event": "warning", "message": text}).to_string(),
            _ => format!("sluice: warning: {text}"),
        };
        self.say(&(line + "\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(style: Style) -> String {
        let mut console = Console { style, out: Vec::new(), last: None };
        console.warn("copy 1 is not whole");
        for phase in [Phase::Write, Phase::Check] {
            for done in (0..=1000).step_by(50) {
                console.progress(phase, Sectors(done), Sectors(1000));
            }
        }
        console.end();
        String::from_utf8(console.out).unwrap()
    }

    #[test]
    fn each_reader_gets_its_own_style() {
        let lines = printed(Style::Lines);
        assert_eq!(lines.lines().count(), 21, "{lines}");
        assert!(lines.starts_with("sluice: warning: copy 1 is not whole\nwriting 10 %\n"), "{lines}");
        assert!(lines.ends_with("checking 100 %\n"), "{lines}");
        let terminal = printed(Style::Terminal);
        assert_eq!(terminal.matches('\r').count(), 42, "{terminal}");
        assert!(terminal.ends_with("\rchecking 100 % \n"), "{terminal}");
        for line in printed(Style::Json).lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert_eq!(printed(Style::Quiet), "sluice: warning: copy 1 is not whole\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut console = Console { style: Style::Lines, out: Gone, last: None };
        console.progress(Phase::Write, Sectors(5), Sectors(5));
        console.end();
    }
}
