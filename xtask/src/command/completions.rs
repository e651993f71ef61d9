//! `cargo xtask completions`: shell completions, generated from the definitions of the command line.

use anyhow::{Context, Result};
use clap_complete::Shell;

/// The command that completions are generated for. What people type is `cargo xtask`, and `cargo` has completions of its
/// own; so [`addition`] leads from those to ours.
const NAME: &str = "xtask";

/// Generate shell completions
///
/// In bash, zsh and fish, `cargo xtask` is completed in addition to what cargo completes; in the other shells, only a
/// function or alias `xtask` is.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    /// Prints the script that completes `command`.
    ///
    /// # Errors
    /// The script cannot be written.
    pub fn run(self, command: clap::Command) -> Result<()> {
        report::result(&script(self.shell, command)?)
    }
}

fn script(shell: Shell, command: clap::Command) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command.name(NAME), NAME, &mut script);
    let script = String::from_utf8(script).with_context(|| format!("generating completions for {shell}"))?;
    Ok(script + addition(shell))
}

/// What makes the completions of `xtask` those of `cargo xtask`.
fn addition(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("completions.bash"),
        Shell::Fish => include_str!("completions.fish"),
        Shell::Zsh => include_str!("completions.zsh"),
        _ => "",
    }
}
