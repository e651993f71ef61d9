//! `cargo xtask diff`: shows what changed between two builds.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use inspect::built::Builds;
use inspect::diff::{By, Diff, compare, text};
use report::Reporter;

/// The exit code of diff(1) if there is a difference.
const DIFFERENT: u8 = 1;
/// Its exit code if the comparison failed.
const TROUBLE: u8 = 2;

/// Show what changed between two builds, and exit like diff(1)
///
/// Only data that both inputs have is compared; the first lines name it. Exits with 0 if there is no difference, with 1
/// if there is one, and with 2 if the builds cannot be compared.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The first build: a version in the output directory, a version directory, a full image, the device of a card, a slot
    /// image, an update (.fw), a slot.mtree or a manifest.json
    a: PathBuf,
    /// The second build
    b: PathBuf,
    /// Sort paths by this
    #[arg(long, value_name = "KEY", value_enum, default_value = "path")]
    by: By,
    /// Read slot N (1 or 2) of the card A [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot_a: Option<u8>,
    /// Read slot N (1 or 2) of the card B [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot_b: Option<u8>,
    /// For updates: also accept the public key in FILE, besides firmware/keys and the development key
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// The output directory, with the version directories [default: target/firmware]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print JSON; not together with -q, which leaves only the exit code
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

impl Args {
    /// Shows the difference and returns the exit code.
    pub fn run(self, reporter: &Reporter) -> ExitCode {
        match self.compare(reporter) {
            Ok(diff) if diff.same => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(DIFFERENT),
            Err(error) => {
                reporter.error(&error);
                ExitCode::from(TROUBLE)
            }
        }
    }

    fn compare(self, reporter: &Reporter) -> Result<Diff> {
        let builds = Builds::new(self.output, self.keys);
        let mut a = builds.open(&self.a, self.slot_a)?;
        let mut b = builds.open(&self.b, self.slot_b)?;
        let diff = compare(&mut a, &mut b, self.by)?;
        if self.json {
            report::result(&(serde_json::to_string_pretty(&diff)? + "\n"))?;
        } else if !reporter.is_quiet() {
            report::result(&text::text(&diff, self.by))?;
        }
        Ok(diff)
    }
}
