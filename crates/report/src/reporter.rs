//! Messages of a command at work.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Error;
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure;
use crate::output::message;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Prints messages, as many as `-q` and `-v` ask for.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    verbosity: i8,
}

impl Reporter {
    /// A reporter for `verbosity`: the number of `-v` less the number of `-q`.
    pub const fn new(verbosity: i8) -> Self {
        Self { verbosity }
    }

    /// Whether progress is not printed, with `-q`.
    pub const fn is_quiet(&self) -> bool {
        self.verbosity < 0
    }

    /// Begins a stage; its line is printed when it is finished.
    pub fn stage(&self, name: &'static str) -> Stage {
        Stage { reporter: *self, name, start: Instant::now(), spinner: None }
    }

    /// Prints a line of progress; not with `-q`.
    pub fn progress(&self, text: impl Display) {
        if !self.is_quiet() {
            message(text);
        }
    }

    /// Prints something that the engineer should know but need not act on; only with `-v`.
    pub fn note(&self, text: impl Display) {
        if self.verbosity > 0 {
            message(format_args!("{:>10}  {text}", "note"));
        }
    }

    /// Prints something that the engineer should look at; not with `-qq`.
    pub fn warn(&self, text: impl Display) {
        if self.verbosity > -2 {
            message(format_args!("{WARNING}{:>10}{WARNING:#}  {text}", "warning"));
        }
    }

    /// Prints a line of the closing summary; not with `-qq`.
    pub fn summary(&self, text: impl Display) {
        if self.verbosity > -2 {
            message(text);
        }
    }

    /// Prints why a command failed, with its hints on lines of their own.
    pub fn error(&self, error: &Error) {
        message(failure::styled(error));
    }
}

/// One stage of a command.
#[derive(Debug)]
pub struct Stage {
    reporter: Reporter,
    name: &'static str,
    start: Instant,
    spinner: Option<ProgressBar>,
}

impl Stage {
    /// Announces that this stage takes long, and why: a spinner on a terminal, a line elsewhere.
    pub fn takes_long(&mut self, what: impl Display) {
        if self.reporter.is_quiet() {
            return;
        }
        let text = format!("{:>10}  {what}", self.name);
        let spinner = ProgressBar::new_spinner();
        if spinner.is_hidden() {
            message(format_args!("{text} ..."));
            return;
        }
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(text);
        spinner.enable_steady_tick(TICK);
        self.spinner = Some(spinner);
    }

    /// Shows what a long stage is doing; only on a terminal.
    pub fn progress(&self, what: impl Display) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(format!("{:>10}  {what}", self.name));
        }
    }

    /// Ends the stage with its line.
    pub fn finish(self, what: impl Display) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        let took = self.start.elapsed().as_secs_f64();
        self.reporter.progress(format_args!("{:>10}  {what} ({took:.2} s)", self.name));
    }
}
