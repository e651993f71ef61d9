//! `cargo xtask`: parses the command line and hands each subcommand to its own file.

mod cli;
mod command;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let Cli { output, command } = Cli::from_process();
    let reporter = &output.reporter();
    let result = match command {
        Command::Burn(args) => args.run(reporter),
        Command::Completions(args) => args.run(Cli::command()),
        Command::Convert(args) => args.run(reporter),
        Command::Diff(args) => return args.run(reporter),
        Command::Image(args) => args.run(reporter),
        Command::Inspect(args) => args.run(reporter),
        Command::Keygen(args) => args.run(reporter),
        Command::Lab(args) => args.run(reporter),
        Command::Man(args) => args.run(reporter, Cli::command()),
        Command::Pkg(args) => args.run(reporter),
        Command::Run(args) => args.run(reporter),
        Command::Setup(args) => args.run(reporter),
        Command::Sizes(args) => args.run(reporter),
        Command::Summary(args) => args.run(reporter),
        Command::Test(args) => args.run(reporter),
    };
    match result {
        Err(error) if !report::is_closed(&error) => {
            reporter.error(&error);
            ExitCode::FAILURE
        }
        // A closed standard output is not an error: its reader has seen enough.
        _ => ExitCode::SUCCESS,
    }
}
