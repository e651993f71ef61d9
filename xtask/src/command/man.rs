//! `cargo xtask man`: man pages and `docs/cli.md`, generated from the definitions of the command line.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use builder::workspace;
use report::Reporter;

use super::markdown;

/// The reference in Markdown, below the workspace.
pub const REFERENCE: &str = "docs/cli.md";

/// Generate man pages for all subcommands
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The directory for the pages, created if it does not exist [default: target/man]
    dir: Option<PathBuf>,
    /// Write docs/cli.md instead, the same reference in Markdown
    #[arg(long, conflicts_with = "dir")]
    markdown: bool,
}

impl Args {
    /// Writes the pages that describe `command`, or the reference in Markdown.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn run(self, reporter: &Reporter, command: clap::Command) -> Result<()> {
        if self.markdown {
            let path = workspace::root().join(REFERENCE);
            fs::write(&path, markdown::reference(command))
                .with_context(|| format!("writing {}", path.display()))?;
            reporter.summary(format_args!("wrote {}", path.display()));
            return Ok(());
        }
        let dir = self.dir.unwrap_or_else(|| workspace::target().join("man"));
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        clap_mangen::generate_to(command.name("cargo-xtask"), &dir)
            .with_context(|| format!("writing man pages into {}", dir.display()))?;
        reporter
            .summary(format_args!("wrote the pages; to read: man {}", dir.join("cargo-xtask.1").display()));
        Ok(())
    }
}
