//! `cargo xtask summary`: shows what `image` would build.

use anyhow::Result;
use builder::build::summary::Summary;
use builder::workspace;
use report::Reporter;

use super::request::RequestArgs;

/// Show what `image` would build, from what and with which options
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    request: RequestArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Prints what would be built.
    ///
    /// # Errors
    /// Whatever stops `image` before it begins: a bad definition or option, a missing world, an untagged release.
    pub fn run(self, _: &Reporter) -> Result<()> {
        let summary = Summary::of(&self.request.request()?, &workspace::root())?;
        let text = if self.json { serde_json::to_string_pretty(&summary)? + "\n" } else { summary.text() };
        report::result(&text)
    }
}
