//! `cargo xtask test`: format, lints and the whole test suite, after making sure that what they need is there.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use builder::toolchain::{self, Group};
use report::Reporter;
use xshell::{Shell, cmd};

/// Names the world that tests of a real FreeBSD use; without it they say that they were skipped.
pub const WORLD_VARIABLE: &str = "SLUICE_TEST_WORLD";

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also run the tests that need a real FreeBSD, with the world in DIR that `image --src` left
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// Arguments for `cargo test`, such as part of a test's name; format and lints are then not checked
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Args {
    /// Runs the tests.
    ///
    /// # Errors
    /// Something lacks that cannot be installed, or a test failed.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let mut groups = vec![Group::Image, Group::Run, Group::Test];
        groups.extend(self.world.iter().map(|_| Group::World));
        toolchain::ensure(&groups, &mut |line| reporter.summary(line))?;
        let shell = Shell::new()?;
        // Everything is there now: a test that finds a tool lacking shall fail and not be skipped.
        shell.set_var("SLUICE_TEST_ALL", "1");
        shell.change_dir(builder::workspace::root());
        if let Some(world) = self.world {
            let world =
                world.canonicalize().with_context(|| format!("opening the world {}", world.display()))?;
            ensure!(
                world.join("root/bin").is_dir(),
                "opening the world {}: it has no root/bin; give what `image --src` left behind",
                world.display()
            );
            shell.set_var(WORLD_VARIABLE, world);
        }
        if self.rest.is_empty() {
            lint(&shell, reporter)?;
        }
        let rest = self.rest;
        cmd!(shell, "cargo test --workspace --locked {rest...}").quiet().run().context("running the tests")
    }
}

/// Format and lints, as far as the engineer's Rust has the tools for them.
fn lint(shell: &Shell, reporter: &Reporter) -> Result<()> {
    let has = |tool: &str| cmd!(shell, "cargo {tool} --version").quiet().ignore_stderr().read().is_ok();
    if has("fmt") {
        cmd!(shell, "cargo fmt --all --check")
            .quiet()
            .run()
            .context("checking the format; `cargo fmt` mends it")?;
    } else {
        reporter.summary("skipped: the format is not checked, for this Rust has no rustfmt");
    }
    if has("clippy") {
        cmd!(shell, "cargo clippy --quiet --workspace --all-targets --locked -- --deny warnings")
            .quiet()
            .run()
            .context("checking the lints")?;
    } else {
        reporter.summary("skipped: the lints are not checked, for this Rust has no clippy");
    }
    Ok(())
}
