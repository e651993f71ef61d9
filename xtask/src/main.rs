//! `cargo xtask`: parses the command line and hands each subcommand to its own file.

#![allow(missing_docs, reason = "a program has no users of its items")]

mod cli;
mod command;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::Cli;

fn main() -> ExitCode {
    let Cli { output, command } = Cli::from_process();
    command.run(&output.reporter(), Cli::command())
}
