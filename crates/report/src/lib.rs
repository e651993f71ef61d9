//! What a command says while it works: one line a stage, a spinner on a terminal for what takes long, notes and
//! warnings. Everything goes to standard error; standard output is for results that programs read.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// How much is said: 0 as usual, negative with `-q`, positive with `-v`.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    verbosity: i8,
}

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

impl Reporter {
    /// A reporter for `verbosity` (number of `-v` less number of `-q`).
    pub const fn new(verbosity: i8) -> Self {
        Self { verbosity }
    }

    /// Begins a stage; its line is printed when it is finished.
    pub fn stage(&self, name: &'static str) -> Stage {
        Stage { reporter: *self, name, start: Instant::now(), spinner: None }
    }

    /// Something the engineer should know but need not act on; only with `-v`.
    pub fn note(&self, text: impl Display) {
        if self.verbosity > 0 {
            eprintln!("{:>10}  {text}", "note");
        }
    }

    /// Something the engineer should look at.
    pub fn warn(&self, text: impl Display) {
        if self.verbosity > -2 {
            eprintln!("{:>10}  {text}", "warning");
        }
    }

    /// A line of the closing summary.
    pub fn summary(&self, text: impl Display) {
        if self.verbosity > -2 {
            eprintln!("{text}");
        }
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
    /// Says that this stage takes long and what it does; a spinner on a terminal, a line elsewhere.
    pub fn takes_long(&mut self, what: impl Display) {
        if self.reporter.verbosity < 0 {
            return;
        }
        let text = format!("{:>10}  {what}", self.name);
        let spinner = ProgressBar::new_spinner();
        if spinner.is_hidden() {
            eprintln!("{text} ...");
            return;
        }
        if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(text);
        spinner.enable_steady_tick(TICK);
        self.spinner = Some(spinner);
    }

    /// Says where a long stage is; only on a terminal.
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
        if self.reporter.verbosity >= 0 {
            eprintln!("{:>10}  {what} ({:.2} s)", self.name, self.start.elapsed().as_secs_f64());
        }
    }
}

/// Writes a result to standard output. Who reads it may have seen enough and be gone.
///
/// # Errors
/// It cannot be written.
pub fn result(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("writing the result"),
        _ => Ok(()),
    }
}

/// Lines of a result, without the spaces that an empty last column leaves.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds one.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref().trim_end());
        self.0.push('\n');
    }

    /// All of them.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// `bytes` as people read it: `89.3 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(3);
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{:.1} {}", bytes as f64 / f64::from(1u32 << (10 * unit)), UNITS[unit as usize])
}

/// A difference of `bytes` as people read it: `+1.2 KiB`, `-3 B`, `0 B`.
pub fn growth(bytes: i64) -> String {
    let sign = match bytes {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", size(bytes.unsigned_abs()))
}

/// How much larger `after` is than `before`, in bytes.
pub fn difference(before: u64, after: u64) -> i64 {
    i64::try_from(i128::from(after) - i128::from(before)).unwrap_or(if after > before {
        i64::MAX
    } else {
        i64::MIN
    })
}

/// `text` from a disk that anyone may have written, so that a terminal shows it and does not obey it.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) { text.escape_debug().to_string().into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn differences_have_a_sign_and_control_characters_are_spelled() {
        assert_eq!(super::growth(super::difference(5, 2)), "-3 B");
        assert_eq!(super::growth(super::difference(0, 1536)), "+1.5 KiB");
        assert_eq!(super::growth(0), "0 B");
        assert_eq!(super::difference(u64::MAX, 0), i64::MIN);
        assert_eq!(super::plain("/a b\u{e9}"), "/a b\u{e9}");
        assert_eq!(super::plain("/a\x1b[2J"), "/a\\u{1b}[2J");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(super::size(0), "0 B");
        assert_eq!(super::size(1023), "1023 B");
        assert_eq!(super::size(1024), "1.0 KiB");
        assert_eq!(super::size(93_637_836), "89.3 MiB");
        assert_eq!(super::size(3 << 30), "3.0 GiB");
    }
}
