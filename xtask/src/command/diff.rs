//! `cargo xtask diff`: what changed from one build to another.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use inspect::built::Builds;
use inspect::diff::{By, Diff, compare, text};
use report::Reporter;

/// What diff(1) exits with when there is a difference.
const DIFFERENT: u8 = 1;
/// What it exits with when it cannot tell.
const TROUBLE: u8 = 2;

/// Tell what changed from one build to another; exits as diff(1) does
///
/// Only what both tell is compared, and what that is the first lines say. Exits with 0 when there is no difference, with
/// 1 when there is one, and with 2 when that cannot be told.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The one: a version in the output folder, the folder of a version, a full image, the device of a card, a slot image,
    /// an update (.fw), a slot.mtree or a manifest.json
    a: PathBuf,
    /// The other
    b: PathBuf,
    /// How paths are sorted
    #[arg(long, value_enum, default_value = "path")]
    by: By,
    /// Look at slot N of the card A, 1 (the default) or 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot_a: Option<u8>,
    /// Look at slot N of the card B
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    slot_b: Option<u8>,
    /// Of updates: know the public key in FILE too, besides those of firmware/keys and the development key
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Where the folders of versions are
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write JSON; with -q, which leaves only the exit code, this is an error
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

impl Args {
    /// Shows the difference, and tells what to exit with.
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
