//! The command line of `sluice update`: words in, an [`Action`] out.

use std::ffi::OsString;
use std::fmt::Write;

use anyhow::{Context, Result, anyhow, bail, ensure};
use firmware::slot::Slot;
use lexopt::prelude::{Long, Short, Value};

use super::error::EXIT_CODES;
use super::install::Request;
use super::source::Source;

/// What `sluice update --help` prints above the exit codes.
const USAGE: &str = "\
sluice update: another system in the slot that does not run

usage: sluice update <command> [options]

commands:
  install [FILE|URL|-]  writes a signed update (.fw) into the other slot; `-` or nothing: standard input; the next start
                        tries it
    --slot N            only into this slot; the running one is refused
    --json              progress and result for programs, one JSON object a line
    --quiet             no progress
  status                both slots, what starts next, and what to do
    --json              for programs
  confirm               the running system is healthy: it stays
  rollback              gives a trial up; without one, the other slot starts next
  activate N            slot N starts from now on; the other one gets a trial first
  verify [N]            whether a slot still holds what was installed; both when none is named
";

/// The switch for an image that nobody has signed.
const UNSIGNED: &str = "dangerously-install-unsigned-slot-image";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `install`.
    Install {
        /// From where.
        source: Source,
        /// Where to, and of what kind.
        request: Request,
        /// For programs.
        json: bool,
        /// Without progress.
        quiet: bool,
    },
    /// `status`.
    Status {
        /// For programs.
        json: bool,
    },
    /// `confirm`.
    Confirm,
    /// `rollback`.
    Rollback,
    /// `activate`.
    Activate(Slot),
    /// `verify`.
    Verify(Vec<Slot>),
    /// `--help`.
    Help,
}

/// What `sluice update --help` prints.
pub fn help() -> String {
    let mut text = format!("{USAGE}\nexit codes:\n");
    for (code, meaning) in EXIT_CODES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {code:>2}  {meaning}");
    }
    text
}

/// Understands the words after `update`; `unsigned` says whether this build takes unsigned images.
pub fn parse(parser: &mut lexopt::Parser, unsigned: bool) -> Result<Action> {
    let Some(argument) = parser.next()? else { bail!("no command given after `update`") };
    let command = match argument {
        Short('h') | Long("help") => return Ok(Action::Help),
        Value(word) => word,
        argument => return Err(argument.unexpected().into()),
    };
    let mut words = Words::default();
    let known = command.to_str().unwrap_or_default();
    while let Some(argument) = parser.next()? {
        match (known, argument) {
            (_, Short('h') | Long("help")) => return Ok(Action::Help),
            ("install" | "status", Long("json")) => words.json = true,
            ("install", Long("quiet")) => words.quiet = true,
            ("install", Long("slot")) => {
                ensure!(words.request.slot.is_none(), "--slot is given twice");
                words.request.slot = Some(slot(&parser.value()?)?);
            }
            ("install", Long(UNSIGNED)) if unsigned => words.request.unsigned_image = true,
            ("install" | "activate" | "verify", Value(word)) if words.word.is_none() => {
                words.word = Some(word);
            }
            (_, argument) => return Err(argument.unexpected().into()),
        }
    }
    let Words { json, quiet, request, word } = words;
    match known {
        "install" => {
            ensure!(!(json && quiet), "--json and --quiet exclude each other");
            let source = word.map_or(Ok(Source::Input), Source::from_word).map_err(|error| anyhow!(error))?;
            Ok(Action::Install { source, request, json, quiet })
        }
        "status" => Ok(Action::Status { json }),
        "confirm" => Ok(Action::Confirm),
        "rollback" => Ok(Action::Rollback),
        "activate" => Ok(Action::Activate(slot(&word.context("`activate` wants a slot, 1 or 2")?)?)),
        "verify" => Ok(Action::Verify(match word {
            Some(word) => vec![slot(&word)?],
            None => Slot::ALL.to_vec(),
        })),
        _ => bail!("unknown command `update {}`", command.to_string_lossy()),
    }
}

#[derive(Default)]
struct Words {
    json: bool,
    quiet: bool,
    request: Request,
    word: Option<OsString>,
}

fn slot(word: &OsString) -> Result<Slot> {
    let number = word.to_str().and_then(|word| word.parse().ok());
    number
        .and_then(Slot::from_number)
        .with_context(|| format!("there is no slot `{}`, only 1 and 2", word.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str], unsigned: bool) -> Result<Action> {
        parse(&mut lexopt::Parser::from_args(words.iter().map(OsString::from)), unsigned)
    }

    fn install(source: Source, slot: Option<Slot>, json: bool, quiet: bool) -> Action {
        Action::Install { source, request: Request { slot, unsigned_image: false }, json, quiet }
    }

    #[test]
    fn each_command_line_means_one_action() {
        let file = || Source::File("x.fw".into());
        let table: &[(&[&str], Action)] = &[
            (&["install"], install(Source::Input, None, false, false)),
            (&["install", "-"], install(Source::Input, None, false, false)),
            (&["install", "x.fw", "--slot", "2"], install(file(), Some(Slot::Second), false, false)),
            (&["install", "--slot=1", "--json", "x.fw"], install(file(), Some(Slot::First), true, false)),
            (&["install", "--quiet", "--", "x.fw"], install(file(), None, false, true)),
            (&["status"], Action::Status { json: false }),
            (&["status", "--json"], Action::Status { json: true }),
            (&["confirm"], Action::Confirm),
            (&["rollback"], Action::Rollback),
            (&["activate", "1"], Action::Activate(Slot::First)),
            (&["verify"], Action::Verify(vec![Slot::First, Slot::Second])),
            (&["verify", "2"], Action::Verify(vec![Slot::Second])),
            (&["install", "--help"], Action::Help),
            (&["-h"], Action::Help),
        ];
        for (words, action) in table {
            assert_eq!(parsed(words, false).unwrap(), *action, "{words:?}");
        }
    }

    #[test]
    fn no_word_is_ignored() {
        let table: &[(&[&str], &str)] = &[
            (&[], "no command given after `update`"),
            (&["instal"], "unknown command `update instal`"),
            (&["install", "a", "b"], "unexpected argument \"b\""),
            (&["install", "--slot", "3"], "there is no slot `3`, only 1 and 2"),
            (&["install", "--slot", "1", "--slot", "1"], "--slot is given twice"),
            (&["install", "--json", "--quiet"], "--json and --quiet exclude each other"),
            (&["status", "--quiet"], "invalid option '--quiet'"),
            (&["confirm", "2"], "unexpected argument \"2\""),
            (&["activate"], "`activate` wants a slot, 1 or 2"),
            (&["verify", "both"], "there is no slot `both`, only 1 and 2"),
        ];
        for (words, message) in table {
            assert_eq!(parsed(words, true).unwrap_err().to_string(), *message, "{words:?}");
        }
    }

    #[test]
    fn only_a_development_build_knows_how_to_take_an_unsigned_image() {
        let words = ["install", "--dangerously-install-unsigned-slot-image", "x.img"];
        let refused = parsed(&words, false).unwrap_err().to_string();
        assert_eq!(refused, "invalid option '--dangerously-install-unsigned-slot-image'");
        let Action::Install { request, .. } = parsed(&words, true).unwrap() else { panic!() };
        assert!(request.unsigned_image);
        assert!(!help().contains(UNSIGNED), "nobody is led to it");
    }

    #[test]
    fn help_tells_every_exit_code() {
        insta::assert_snapshot!(help());
    }
}
