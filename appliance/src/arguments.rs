//! The command line: words in, a [`Command`] out.
//!
//! Every word is understood or refused; none is ignored. What a command does is not known here.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, Value};

use crate::update;

/// What `sluice --help` prints.
pub const HELP: &str = "\
sluice: the services of this appliance

usage: sluice <command> [options]

commands:
  status            what runs here: version, slots, uptime, memory
    --json          for programs
    --line          one line, for logs
  update            another system in the other slot: install, status, confirm,
                    rollback, activate, verify; see `sluice update --help`

options:
  -V, --version     the product and its version
  -h, --help        this text

exit codes: 0 done, 1 failed or (status) partly unknown, 64 wrong usage;
those of `update` are in its own help
";

/// How `status` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One fact a line.
    Text,
    /// One line for logs.
    Line,
    /// For programs.
    Json,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `sluice status`.
    Status(Form),
    /// `sluice update`.
    Update(update::Action),
    /// `sluice --version`.
    Version,
    /// `sluice --help`.
    Help,
}

/// The words that the program was started with.
pub struct Invocation {
    name: OsString,
    words: Vec<OsString>,
}

impl Invocation {
    /// This process's.
    pub fn from_process() -> Self {
        let mut words = std::env::args_os();
        Self { name: words.next().unwrap_or_default(), words: words.collect() }
    }

    /// Understands them.
    ///
    /// The program is called by several names: a link `sluice-status` to it means `sluice status`.
    pub fn parse(self) -> Result<Command> {
        let mut words = self.words;
        let name = Path::new(&self.name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(command) = name.strip_prefix("sluice-") {
            words.insert(0, command.into());
        }
        let mut parser = lexopt::Parser::from_args(words);
        match parser.next()? {
            None => bail!("no command given"),
            Some(Short('h') | Long("help")) => Ok(Command::Help),
            Some(Short('V') | Long("version")) => Ok(Command::Version),
            Some(Value(word)) if word == "status" => status(&mut parser),
            Some(Value(word)) if word == "update" => {
                update::parse(&mut parser, cfg!(feature = "development")).map(Command::Update)
            }
            Some(Value(word)) => bail!("unknown command `{}`", word.to_string_lossy()),
            Some(argument) => Err(argument.unexpected().into()),
        }
    }
}

fn status(parser: &mut lexopt::Parser) -> Result<Command> {
    let mut form = None;
    while let Some(argument) = parser.next()? {
        let wanted = match argument {
            Long("json") => Form::Json,
            Long("line") => Form::Line,
            Short('h') | Long("help") => return Ok(Command::Help),
            argument => return Err(argument.unexpected().into()),
        };
        if form.is_some_and(|form| form != wanted) {
            bail!("--json and --line exclude each other");
        }
        form = Some(wanted);
    }
    Ok(Command::Status(form.unwrap_or(Form::Text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, words: &[&str]) -> Result<Command> {
        Invocation { name: name.into(), words: words.iter().map(OsString::from).collect() }.parse()
    }

    #[test]
    fn each_command_line_means_one_command() {
        let table: &[(&[&str], Command)] = &[
            (&["status"], Command::Status(Form::Text)),
            (&["status", "--json"], Command::Status(Form::Json)),
            (&["status", "--line"], Command::Status(Form::Line)),
            (&["status", "--line", "--line"], Command::Status(Form::Line)),
            (&["status", "--help"], Command::Help),
            (&["update", "confirm"], Command::Update(update::Action::Confirm)),
            (&["--version"], Command::Version),
            (&["-V"], Command::Version),
            (&["--help"], Command::Help),
        ];
        for (words, command) in table {
            assert_eq!(parse("/usr/sbin/sluice", words).unwrap(), *command, "{words:?}");
        }
    }

    #[test]
    fn a_link_named_after_a_command_runs_it() {
        assert_eq!(parse("/usr/sbin/sluice-status", &["--json"]).unwrap(), Command::Status(Form::Json));
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
            assert_eq!(parse("sluice", words).unwrap_err().to_string(), *message, "{words:?}");
        }
    }
}
