//! `cargo xtask test`: the checks and the whole test suite, after making sure that the tools they need are installed.

mod checks;
mod scripts;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use builder::toolchain::{self, Group};
use builder::workspace;
use report::Reporter;
use xshell::{Shell, cmd};

/// Names the world that tests of a real FreeBSD use; without it they say that they were skipped.
pub const WORLD_VARIABLE: &str = "SLUICE_TEST_WORLD";

/// Run all tests, including those of a real world if one is given
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also run the tests that need a real FreeBSD, with the world in DIR that `image --src` left
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// Arguments for `cargo test`, such as part of a test's name; the checks are then left out
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Args {
    /// Runs the checks, unless there are arguments for `cargo test`, and then the tests.
    ///
    /// # Errors
    /// A tool is missing and cannot be installed, or a check or a test failed.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let mut groups = vec![Group::Image, Group::Run, Group::Test];
        groups.extend(self.world.iter().map(|_| Group::World));
        toolchain::ensure(&groups, &mut |line| reporter.summary(line))?;
        let shell = Shell::new()?;
        // Every tool is there now: a test that does not find one must fail instead of being skipped.
        shell.set_var("SLUICE_TEST_ALL", "1");
        shell.change_dir(workspace::root());
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
            checks::run(reporter)?;
        }
        let rest = self.rest;
        cmd!(shell, "cargo test --workspace --locked {rest...}").quiet().run().context("running the tests")
    }
}
