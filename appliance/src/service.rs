//! What a service of the unit is: a name, a summary, a command line, and its own range of exit codes.

use std::ops::RangeInclusive;

use anyhow::Result;

/// A command that was parsed and can run; it returns the exit code.
///
/// An error becomes a message and [`exit::FAILED`]. A service whose failures have codes of their own reports them itself.
pub type Job = Box<dyn FnOnce() -> Result<u8>>;

/// A service: one module directory, and one line in [`crate::registry`].
pub struct Service {
    /// The word after `sluice` that selects it.
    pub name: &'static str,
    /// One line for `sluice --help`.
    pub summary: &'static str,
    /// Its help, above the exit codes.
    pub usage: &'static str,
    /// Parses the words after the name; `None` if they ask for help. Every word is understood or refused.
    pub parse: fn(&mut lexopt::Parser) -> Result<Option<Job>>,
    /// The exit codes that only this service uses; those of [`exit::COMMON`] are in no range.
    pub range: RangeInclusive<u8>,
    /// Every exit code it can return, in order, with its meaning.
    pub exit_codes: &'static [(u8, &'static str)],
}

impl Service {
    /// Whether it uses its range, or only common exit codes.
    pub fn has_own_exit_codes(&self) -> bool {
        self.exit_codes.iter().any(|(code, _)| self.range.contains(code))
    }

    /// What `sluice NAME --help` prints.
    pub fn help(&self) -> String {
        let codes = self.exit_codes.iter().map(|(code, meaning)| format!("  {code:>2}  {meaning}\n"));
        format!("{}\nExit codes:\n{}", self.usage, codes.collect::<String>())
    }
}

/// The exit codes that mean the same for every service. Scripts rely on them.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Tried, and failed for a reason that has no code of its own.
    pub const FAILED: u8 = 1;
    /// The command line is wrong (`EX_USAGE`, sysexits(3)).
    pub const USAGE: u8 = 64;
    /// All of them, in order, with their meanings.
    pub const COMMON: [(u8, &str); 3] = [(DONE, "done"), (FAILED, "failed"), (USAGE, "usage error")];
}

/// Defines a service's exit codes as an enum, so that an error cannot have a code that is missing in the table.
macro_rules! exit_codes {
    ($(#[$attribute:meta])* pub enum $name:ident { $($variant:ident = $code:literal, $meaning:literal;)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $meaning] $variant = $code,)+
        }

        impl $name {
            /// Every code and its meaning, as the help and the documentation list them.
            pub const TABLE: &'static [(u8, &'static str)] = &[$(($name::$variant.number(), $meaning),)+];

            /// The code that the process exits with.
            pub const fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

pub(crate) use exit_codes;
