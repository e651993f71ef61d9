//! The command line of the program, up to the service that it selects.
//!
//! Every word is understood or refused; none is ignored. The words after a service's name are parsed by the service.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, Value};

use crate::registry;
use crate::service::{Job, Service};

/// What the command line asks for.
pub enum Command {
    /// A command of a service.
    Run(Job),
    /// `sluice --version`.
    Version,
    /// `sluice --help`, or that of a service; the text.
    Help(String),
}

/// What the first word selects.
enum Selection {
    Service(&'static Service),
    Version,
    Help,
}

/// The words that the program was started with.
pub struct Invocation {
    program: OsString,
    words: Vec<OsString>,
}

impl Invocation {
    /// The words of this process.
    pub fn from_process() -> Self {
        let mut words = std::env::args_os();
        Self { program: words.next().unwrap_or_default(), words: words.collect() }
    }

    /// Parses all words.
    ///
    /// # Errors
    /// A word is missing or not understood.
    pub fn parse(self) -> Result<Command> {
        let (selection, mut parser) = self.select()?;
        Ok(match selection {
            Selection::Service(service) => match (service.parse)(&mut parser)? {
                Some(job) => Command::Run(job),
                None => Command::Help(service.help()),
            },
            Selection::Version => Command::Version,
            Selection::Help => Command::Help(registry::help()),
        })
    }

    /// Parses the first word; the parser has the others.
    ///
    /// A link to the program can select a service by its name: `sluice-status` means `sluice status`.
    fn select(self) -> Result<(Selection, lexopt::Parser)> {
        let mut words = self.words;
        let program = Path::new(&self.program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(service) = program.strip_prefix("sluice-") {
            words.insert(0, service.into());
        }
        let mut parser = lexopt::Parser::from_args(words);
        let selection = match parser.next()? {
            None => bail!("no command given"),
            Some(Short('h') | Long("help")) => Selection::Help,
            Some(Short('V') | Long("version")) => Selection::Version,
            Some(Value(word)) => match word.to_str().and_then(registry::find) {
                Some(service) => Selection::Service(service),
                None => bail!("unknown command `{}`", word.to_string_lossy()),
            },
            Some(argument) => return Err(argument.unexpected().into()),
        };
        Ok((selection, parser))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(program: &str, words: &[&str]) -> Invocation {
        Invocation { program: program.into(), words: words.iter().map(OsString::from).collect() }
    }

    /// What is selected, and the words that are left for a service.
    fn selected(program: &str, words: &[&str]) -> (String, Vec<OsString>) {
        let (selection, mut parser) = invocation(program, words).select().unwrap();
        let name = match selection {
            Selection::Service(service) => service.name,
            Selection::Version => "--version",
            Selection::Help => "--help",
        };
        let rest = parser.raw_args().map(Iterator::collect).unwrap_or_default();
        assert!(invocation(program, words).parse().is_ok(), "{words:?}");
        (name.to_owned(), rest)
    }

    #[test]
    fn each_command_line_means_one_command() {
        let table: &[(&[&str], &str, &[&str])] = &[
            (&["status"], "status", &[]),
            (&["status", "--json"], "status", &["--json"]),
            (&["status", "--line"], "status", &["--line"]),
            (&["status", "--line", "--line"], "status", &["--line", "--line"]),
            (&["status", "--help"], "status", &["--help"]),
            (&["update", "confirm"], "update", &["confirm"]),
            (&["--version"], "--version", &[]),
            (&["-V"], "--version", &[]),
            (&["--help"], "--help", &[]),
        ];
        for (words, name, rest) in table {
            let rest = rest.iter().map(OsString::from).collect();
            assert_eq!(selected("/usr/sbin/sluice", words), ((*name).to_owned(), rest), "{words:?}");
        }
    }

    #[test]
    fn a_link_named_after_a_command_runs_it() {
        assert_eq!(
            selected("/usr/sbin/sluice-status", &["--json"]),
            ("status".to_owned(), vec!["--json".into()])
        );
    }

    #[test]
    fn no_word_is_ignored() {
        let table: &[(&[&str], &str)] = &[
            (&[], "no command given"),
            (&["update", "reboot"], "unknown command `update reboot`"),
            (&["reboot"], "unknown command `reboot`"),
            (&["status", "extra"], "unexpected argument \"extra\""),
            (&["status", "--josn"], "invalid option '--josn'"),
            (&["status", "--json=yes"], "unexpected argument for option '--json': \"yes\""),
            (&["status", "--json", "--line"], "--json and --line exclude each other"),
            (&["--verbose"], "invalid option '--verbose'"),
        ];
        for (words, message) in table {
            let error = invocation("sluice", words).parse().map(drop).unwrap_err();
            assert_eq!(error.to_string(), *message, "{words:?}");
        }
    }
}
