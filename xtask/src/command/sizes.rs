//! `cargo xtask sizes`: shows what fills the slot, and what grew.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use builder::product::Product;
use builder::workspace;
use inspect::built::{Builds, Built, Releases};
use inspect::sizes::{Budgets, Limits, text, weigh};
use report::Reporter;

/// Show what fills the slot, and what grew since the last release
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A version in the output directory, a version directory, an image, a card, an update, a slot.mtree or a manifest.json
    /// [default: the latest build]
    build: Option<PathBuf>,
    /// Show the growth since this build [default: the newest tagged release in the output directory]
    #[arg(long, value_name = "VERSION|FILE")]
    since: Option<PathBuf>,
    /// How many levels of directories are shown
    #[arg(long, value_name = "N", default_value_t = 2)]
    depth: usize,
    /// How many of the largest files are listed
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Override keys of appliance.toml, such as the budgets, with those of FILE; may be given several times
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// For updates: also accept the public key in FILE, besides firmware/keys and the development key
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// The output directory, with the version directories [default: target/firmware]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Shows what fills the slot.
    ///
    /// # Errors
    /// There is no such build, or it lists neither paths nor layers.
    pub fn run(self, _: &Reporter) -> Result<()> {
        let root = workspace::find()?;
        let product = Product::load(&root, &self.config)?;
        let budgets = Budgets { slot: product.slot_budget, service: product.service_budget };
        let builds = Builds::new(self.output, self.keys);
        let build = match &self.build {
            Some(build) => builds.open(build, None)?,
            None => builds.latest()?,
        };
        let (since, note) = match self.since {
            Some(since) => (Some(open_since(&builds, &since)?), None),
            None => since_release(&root, &builds, &build.name)?,
        };
        let limits = Limits { depth: self.depth, top: self.top };
        let sizes = weigh(&build, since.as_ref(), note, budgets, limits)?;
        if self.json {
            return report::result(&(serde_json::to_string_pretty(&sizes)? + "\n"));
        }
        report::result(&text::text(&sizes))
    }
}

fn open_since(builds: &Builds, what: &Path) -> Result<Built> {
    builds.open(what, None).context("opening the earlier build")
}

/// The last release before `version` whose build is present, and a note if it is not the last one.
fn since_release(root: &Path, builds: &Builds, version: &str) -> Result<(Option<Built>, Option<String>)> {
    let releases = Releases::before(version, root, builds)?;
    let output = builds.output();
    let note = match &releases.newest {
        None => {
            Some("no earlier release is tagged; --since VERSION|FILE compares with another build".to_owned())
        }
        newest if *newest == releases.present => None,
        Some(newest) => Some(format!(
            "the last release, {newest}, is not in {}; build it from its tag, or pass another build with --since",
            output.display()
        )),
    };
    let since = releases.present.map(|release| open_since(builds, &output.join(release.to_string())));
    Ok((since.transpose()?, note))
}
