//! `cargo xtask summary`: what `image` would build.

use anyhow::Result;
use builder::build::summary::Summary;
use builder::workspace;
use report::Reporter;

use super::order::OrderArgs;

/// Arguments of `cargo xtask summary`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    order: OrderArgs,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Tells what would be built.
    ///
    /// # Errors
    /// What stops `image` before it begins: a bad definition or letters, no such world, a release that is none.
    pub fn run(self, _: &Reporter) -> Result<()> {
        let summary = Summary::of(&self.order.order()?, &workspace::root())?;
        let text = if self.json { serde_json::to_string_pretty(&summary)? + "\n" } else { summary.text() };
        report::result(&text)
    }
}
