//! `sluice`: the product's services on the device, one program.
//!
//! It runs on a 500 MHz processor with 256 MB and a read-only root, so it is one binary whose services share their
//! code, with few dependencies. It changes nothing that it was not asked to change. How an image is built does not
//! belong here; what builder and device both know is in the `firmware` crate.

mod arguments;
mod device;
mod geom;
mod release;
mod slot;
mod status;
mod sys;
mod update;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;

use arguments::{Command, HELP, Invocation};
use device::{Device, Facts};
use status::Status;

/// The exit codes, which scripts rely on.
mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Tried, and it failed; or, for `status`, a part of it is not known.
    pub const FAILED: u8 = 1;
    /// The command line is wrong (`EX_USAGE`, sysexits(3)).
    pub const USAGE: u8 = 64;
}

fn main() -> ExitCode {
    let command = match Invocation::from_process().parse() {
        Ok(command) => command,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sluice: {error:#}\ntry `sluice --help`");
            return ExitCode::from(exit::USAGE);
        }
    };
    match run(&command, &Device) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "sluice: {error:#}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn run(command: &Command, facts: &dyn Facts) -> anyhow::Result<u8> {
    let (text, code) = match command {
        Command::Update(action) => return Ok(update::run(action, facts)),
        Command::Help => (HELP.to_owned(), exit::OK),
        Command::Version => (release::of(facts)?.title() + "\n", exit::OK),
        Command::Status(form) => {
            let status = Status::gather(facts);
            let code = if status.problems.is_empty() { exit::OK } else { exit::FAILED };
            (status.render(*form)?, code)
        }
    };
    // A reader that goes away early (`sluice status | head -1`) is no failure.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(code),
    }
}
