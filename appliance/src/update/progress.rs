//! What an installation says of itself while it lasts: to somebody who looks on, to a log, or to a program.
//!
//! Whoever listens may go away (a lost SSH session): that never ends an installation, so nothing here fails.

use std::io::{self, IsTerminal, Write};

use bsd_disk::units::Sectors;
use firmware::slot::Slot;
use serde_json::json;

use super::feed::Candidate;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The slot is written.
    Write,
    /// It is read again as a whole.
    Check,
}

impl Phase {
    /// For people and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "writing",
            Self::Check => "checking",
        }
    }
}

/// Who is told.
pub trait Watch {
    /// This will be installed there: nothing speaks against it.
    fn start(&mut self, candidate: &Candidate, slot: Slot);
    /// So much of it is done.
    fn progress(&mut self, phase: Phase, done: Sectors, total: Sectors);
    /// Something that should be known.
    fn warn(&mut self, text: &str);
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One line that is written over and over.
    Terminal,
    /// A line each ten per cent.
    Lines,
    /// One JSON object a line.
    Json,
    /// Warnings only.
    Quiet,
}

/// Tells on standard error, as JSON on standard output.
pub struct Console<W> {
    form: Form,
    out: W,
    last: Option<(Phase, u64)>,
}

impl Console<Box<dyn Write>> {
    /// In the form asked for, or the one that suits what standard error is.
    pub fn new(json: bool, quiet: bool) -> Self {
        let form = match (json, quiet) {
            (true, _) => Form::Json,
            (_, true) => Form::Quiet,
            _ if io::stderr().is_terminal() => Form::Terminal,
            _ => Form::Lines,
        };
        let out: Box<dyn Write> = if json { Box::new(io::stdout()) } else { Box::new(io::stderr()) };
        Self { form, out, last: None }
    }
}

impl<W: Write> Console<W> {
    /// Ends a line that was to be written over.
    pub fn end(&mut self) {
        if self.form == Form::Terminal && self.last.take().is_some() {
            self.say("\n");
        }
    }

    fn say(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write> Watch for Console<W> {
    fn start(&mut self, candidate: &Candidate, slot: Slot) {
        let version = &candidate.version;
        match self.form {
            Form::Terminal | Form::Lines => self.say(&format!("installing {version} in slot {slot}\n")),
            Form::Json => {
                let line = json!({"event": "start", "version": version.to_string(), "slot": slot, "sectors": candidate.size});
                self.say(&format!("{line}\n"));
            }
            Form::Quiet => {}
        }
    }

    fn progress(&mut self, phase: Phase, done: Sectors, total: Sectors) {
        let percent = (done.0 * 100).checked_div(total.0).unwrap_or(100);
        let step = if self.form == Form::Lines { percent - percent % 10 } else { percent };
        if self.last == Some((phase, step)) {
            return;
        }
        let is_first = self.last.is_none_or(|(before, _)| before != phase);
        match self.form {
            Form::Terminal => self.say(&format!("\r{} {percent:3} % ", phase.name())),
            // The first report of a phase only says that it has begun.
            Form::Lines if is_first && step == 0 => {}
            Form::Lines => self.say(&format!("{} {step} %\n", phase.name())),
            Form::Json => {
                let line =
                    json!({"event": "progress", "phase": phase.name(), "percent": percent, "sectors": done});
                self.say(&format!("{line}\n"));
            }
            Form::Quiet => {}
        }
        self.last = Some((phase, step));
    }

    fn warn(&mut self, text: &str) {
        let line = match self.form {
            Form::Json => json!({"event": "warning", "message": text}).to_string(),
            _ => format!("sluice: warning: {text}"),
        };
        self.say(&(line + "\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(form: Form) -> String {
        let mut console = Console { form, out: Vec::new(), last: None };
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
    fn each_listener_is_told_in_its_way() {
        let lines = told(Form::Lines);
        assert_eq!(lines.lines().count(), 21, "{lines}");
        assert!(lines.starts_with("sluice: warning: copy 1 is not whole\nwriting 10 %\n"), "{lines}");
        assert!(lines.ends_with("checking 100 %\n"), "{lines}");
        let terminal = told(Form::Terminal);
        assert_eq!(terminal.matches('\r').count(), 42, "{terminal}");
        assert!(terminal.ends_with("\rchecking 100 % \n"), "{terminal}");
        for line in told(Form::Json).lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert_eq!(told(Form::Quiet), "sluice: warning: copy 1 is not whole\n");
    }

    #[test]
    fn a_listener_that_went_away_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut console = Console { form: Form::Lines, out: Gone, last: None };
        console.progress(Phase::Write, Sectors(5), Sectors(5));
        console.end();
    }
}
