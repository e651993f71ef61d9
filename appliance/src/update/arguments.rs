//! The command line of `sluice update`.

use std::ffi::OsString;

use anyhow::{Context, Result, anyhow, bail, ensure};
use firmware::slot::Slot;
use lexopt::prelude::{Long, Short, Value};

use super::install::Request;
use super::source::Source;

/// What `sluice update --help` prints above the exit codes.
pub const USAGE: &str = "\
sluice update: install another system in the slot that is not running

Usage: sluice update <COMMAND> [OPTIONS]

Commands:
  install [FILE|URL|-]  Install a signed update (.fw) in the other slot, which the next boot tries; reads standard input
                        without an argument or with `-`
      --slot N          Install in this slot only; the running one is refused
      --again           Install a release that has failed on this unit
      --allow-downgrade Install a release that is older than the running one
      --allow-jump      Install a release that is more than one major version after the running one
      --json            Print progress and result as JSON, one object per line
      --quiet           Print no progress
  status                Show both slots, which one starts next, and what to do
      --json            Print JSON, for programs
  confirm               Keep the running system: it is healthy
  rollback              Give up a trial; without one, make the other slot start next if it has proved itself
  activate N            Start slot N from now on; the other slot gets a trial first
      --again           Try a slot that has failed on this unit
  healthy               Report that the running system has come up; rc.d/sluice does this at the end of every boot
  deadline              Wait until the trial is confirmed, and restart the unit if that takes too long; rc.d/sluice runs this
  log                   Show what happened to the slots, the oldest event first
      --json            Print JSON, one object per line
  verify [N]            Check that a slot still holds what was installed; checks both without an argument

Options:
  -h, --help            Print this help
";

/// The option that installs an unsigned image.
const UNSIGNED: &str = "dangerously-install-unsigned-slot-image";

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `install`.
    Install {
        /// Where the update comes from.
        source: Source,
        /// Where it goes, and of which kind it is.
        request: Request,
        /// Print JSON.
        json: bool,
        /// Print no progress.
        quiet: bool,
    },
    /// `status`.
    Status {
        /// Print JSON.
        json: bool,
    },
    /// `confirm`.
    Confirm,
    /// `rollback`.
    Rollback,
    /// `activate`.
    Activate {
        /// The slot.
        slot: Slot,
        /// Try a slot that has failed.
        again: bool,
    },
    /// `healthy`.
    Healthy,
    /// `deadline`.
    Deadline,
    /// `log`.
    Log {
        /// Print JSON.
        json: bool,
    },
    /// `verify`.
    Verify(Vec<Slot>),
}

/// Parses the words after `update`; `None` if they ask for help. `unsigned` says whether this build accepts unsigned images.
///
/// # Errors
/// A word is missing or not understood.
pub fn parse(parser: &mut lexopt::Parser, unsigned: bool) -> Result<Option<Action>> {
    let Some(argument) = parser.next()? else { bail!("no command given after `update`") };
    let command = match argument {
        Short('h') | Long("help") => return Ok(None),
        Value(word) => word,
        argument => return Err(argument.unexpected().into()),
    };
    let mut words = Words::default();
    let known = command.to_str().unwrap_or_default();
    while let Some(argument) = parser.next()? {
        match (known, argument) {
            (_, Short('h') | Long("help")) => return Ok(None),
            ("install" | "status" | "log", Long("json")) => words.json = true,
            ("install", Long("quiet")) => words.quiet = true,
            ("install" | "activate", Long("again")) => words.request.again = true,
            ("install", Long("allow-downgrade")) => words.request.allowed.downgrade = true,
            ("install", Long("allow-jump")) => words.request.allowed.jump = true,
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
    Ok(Some(match known {
        "install" => {
            ensure!(!(json && quiet), "--json and --quiet exclude each other");
            let source = word.map_or(Ok(Source::Input), Source::from_word).map_err(|error| anyhow!(error))?;
            Action::Install { source, request, json, quiet }
        }
        "status" => Action::Status { json },
        "confirm" => Action::Confirm,
        "rollback" => Action::Rollback,
        "activate" => {
            let slot = slot(&word.context("`activate` requires a slot, 1 or 2")?)?;
            Action::Activate { slot, again: request.again }
        }
        "healthy" => Action::Healthy,
        "deadline" => Action::Deadline,
        "log" => Action::Log { json },
        "verify" => Action::Verify(match word {
            Some(word) => vec![slot(&word)?],
            None => Slot::ALL.to_vec(),
        }),
        _ => bail!("unknown command `update {}`", command.to_string_lossy()),
    }))
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
    use super::super::precondition::Allowed;
    use super::*;

    fn parsed(words: &[&str], unsigned: bool) -> Result<Option<Action>> {
        parse(&mut lexopt::Parser::from_args(words.iter().map(OsString::from)), unsigned)
    }

    fn install(source: Source, slot: Option<Slot>, json: bool, quiet: bool) -> Action {
        Action::Install { source, request: Request { slot, ..Request::default() }, json, quiet }
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
            (&["activate", "1"], Action::Activate { slot: Slot::First, again: false }),
            (&["activate", "--again", "2"], Action::Activate { slot: Slot::Second, again: true }),
            (&["healthy"], Action::Healthy),
            (&["deadline"], Action::Deadline),
            (&["log"], Action::Log { json: false }),
            (&["log", "--json"], Action::Log { json: true }),
            (&["verify"], Action::Verify(vec![Slot::First, Slot::Second])),
            (&["verify", "2"], Action::Verify(vec![Slot::Second])),
        ];
        for (words, action) in table {
            assert_eq!(parsed(words, false).unwrap().as_ref(), Some(action), "{words:?}");
        }
        for words in [&["install", "--help"][..], &["-h"]] {
            assert_eq!(parsed(words, false).unwrap(), None, "{words:?}");
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
            (&["confirm", "--again"], "invalid option '--again'"),
            (&["activate", "1", "--allow-downgrade"], "invalid option '--allow-downgrade'"),
            (&["activate", "1", "--allow-jump"], "invalid option '--allow-jump'"),
            (&["confirm", "2"], "unexpected argument \"2\""),
            (&["activate"], "`activate` requires a slot, 1 or 2"),
            (&["verify", "both"], "there is no slot `both`, only 1 and 2"),
        ];
        for (words, message) in table {
            assert_eq!(parsed(words, true).unwrap_err().to_string(), *message, "{words:?}");
        }
    }

    #[test]
    fn only_a_development_build_accepts_an_unsigned_image() {
        let words = ["install", "--dangerously-install-unsigned-slot-image", "x.img"];
        let refused = parsed(&words, false).unwrap_err().to_string();
        assert_eq!(refused, "invalid option '--dangerously-install-unsigned-slot-image'");
        let Some(Action::Install { request, .. }) = parsed(&words, true).unwrap() else { panic!() };
        assert!(request.unsigned_image && !request.again);
        assert_eq!(request.allowed, Allowed::default());
        for (words, again, downgrade, jump) in [
            (["install", "--again", "--allow-downgrade", "x.fw"], true, true, false),
            (["install", "--allow-jump", "--quiet", "x.fw"], false, false, true),
        ] {
            let Some(Action::Install { request, .. }) = parsed(&words, false).unwrap() else { panic!() };
            assert_eq!((request.again, request.allowed), (again, Allowed { downgrade, jump }), "{words:?}");
        }
        assert!(!USAGE.contains(UNSIGNED), "it is not advertised");
    }
}
