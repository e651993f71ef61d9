//! `cargo xtask`: the command line.

use clap::Parser;
use xtask::command::setup;

/// The builder of Sluice
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
enum Command {
    Setup(setup::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Setup(args) => args.run(),
    }
}
