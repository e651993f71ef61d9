//! `sluice`: the services on the unit, in one program.
//!
//! The unit has a 500 MHz processor, 256 MB of memory and a read-only root. The services are therefore one binary, share
//! their code, and have few dependencies. A command changes only what it was asked to change.
//!
//! Each service is a module directory that exports a [`service::Service`]; [`registry`] lists them. Imports go one way:
//! `sys`, `disk`, then the services, then `registry`, `invocation` and this file. How an image is built does not belong
//! here; what the builder and the unit both know is in the `firmware` crate.

mod disk;
mod invocation;
mod output;
mod registry;
mod release;
mod service;
mod status;
mod sys;
mod update;

use std::process::ExitCode;

use invocation::{Command, Invocation};
use service::exit;

fn main() -> ExitCode {
    let code = match Invocation::from_process().parse() {
        Ok(command) => run(command),
        Err(error) => {
            output::error(&format!("{error:#}\nhint: `sluice --help` shows the usage"));
            exit::USAGE
        }
    };
    ExitCode::from(code)
}

fn run(command: Command) -> u8 {
    let result = match command {
        Command::Run(job) => job(),
        Command::Help(text) => output::print(&text).map(|()| exit::DONE),
        Command::Version => release::running()
            .and_then(|release| output::print(&format!("{}\n", release.title())))
            .map(|()| exit::DONE),
    };
    result.unwrap_or_else(|error| {
        output::error(&format!("{error:#}"));
        exit::FAILED
    })
}
