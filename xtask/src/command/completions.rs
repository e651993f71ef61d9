//! `cargo xtask completions`: shell completions, generated from the definitions of the command line.

use anyhow::{Context, Result};
use clap_complete::Shell;

/// The command that completions are generated for. What people type is `cargo xtask`, and `cargo` has completions of its
/// own; so [`addition`] leads from those to ours.
const NAME: &str = "xtask";

/// Generate shell completions
///
/// In bash, zsh and fish, `cargo xtask` is completed in addition to what cargo itself completes; in the other shells,
/// only a function or alias `xtask` is. See docs/cli.md for where to put the script.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell that reads the completions
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

#[cfg(test)]
mod tests {
    use std::process;

    use clap::{Arg, Command};

    use super::*;

    fn command() -> Command {
        let look = Command::new("ls").arg(Arg::new("slot").long("slot").action(clap::ArgAction::SetTrue));
        let inspect = Command::new("inspect").subcommand(look);
        Command::new("cargo xtask").bin_name("cargo xtask").subcommands([inspect, Command::new("image")])
    }

    /// What bash offers for the last of `words`, in a shell where cargo's own completions offer `build`.
    fn offered(words: &str) -> Option<String> {
        let script = format!(
            "_cargo() {{ COMPREPLY=(build); }}; complete -F _cargo cargo\n{0}\n{0}\n\
             COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _cargo_or_xtask cargo \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\" 2>/dev/null\n\
             echo \"${{COMPREPLY[@]}}\"",
            script(Shell::Bash, command()).unwrap()
        );
        let Ok(output) = process::Command::new("bash").args(["--norc", "-c", &script]).output() else {
            eprintln!("skipped: there is no bash");
            return None;
        };
        Some(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }

    #[test]
    fn bash_completes_cargo_xtask_and_leaves_cargo_alone() {
        for (words, expected) in [
            ("cargo xtask im", "image"),
            ("cargo xtask inspect l", "ls"),
            ("cargo xtask inspect ls --s", "--slot"),
            ("cargo bu", "build"),
            ("cargo xt", "build"),
        ] {
            let Some(offered) = offered(words) else { return };
            assert_eq!(offered, expected, "{words}");
        }
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in <Shell as clap::ValueEnum>::value_variants() {
            let script = script(*shell, command()).unwrap();
            assert!(script.contains("xtask") && script.contains("image"), "{shell}");
        }
    }
}
