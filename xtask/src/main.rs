//! `cargo xtask`: parses the command line and hands each subcommand to its own file.

#![allow(missing_docs, reason = "a program has no users of its items")]

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{
    burn, convert, diff, image, inspect, keygen, lab, pkg, run, setup, sizes, summary, test,
};

/// Builds and tries the appliance's firmware.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the full image to a card and read it back
    Burn(burn::Args),
    /// Convert a NanoBSD configuration into a product definition and hooks
    Convert(convert::Args),
    /// Tell what changed from one build to another; exits as diff(1) does
    Diff(diff::Args),
    /// Build the full image, the slot image and the update bundle
    Image(image::Args),
    /// Show an image, a card or an update bundle, and read files out of it
    Inspect(inspect::Args),
    /// Make a key pair that signs the product's updates
    Keygen(keygen::Args),
    /// Play what happens to units in the field through in QEMU
    Lab(lab::Args),
    /// Choose, lock and fetch FreeBSD packages
    Pkg(pkg::Args),
    /// Boot the latest full image in QEMU, its serial console on this terminal
    Run(run::Args),
    /// Find and install what the other commands need
    Setup(setup::Args),
    /// Tell what fills the slot, and what grew since the last release
    Sizes(sizes::Args),
    /// Tell what `image` would build, from what and with which options
    Summary(summary::Args),
    /// Run all tests, those of a real world too when one is given
    Test(test::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Burn(args) => args.run(),
        Command::Convert(args) => args.run(),
        Command::Diff(args) => return args.run(),
        Command::Image(args) => args.run(),
        Command::Inspect(args) => args.run(),
        Command::Keygen(args) => args.run(),
        Command::Lab(args) => args.run(),
        Command::Pkg(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Setup(args) => args.run(),
        Command::Sizes(args) => args.run(),
        Command::Summary(args) => args.run(),
        Command::Test(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
