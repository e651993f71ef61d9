//! What `cargo xtask test` checks before it runs the tests: a table of commands.
//!
//! A check whose tool is not installed, or that needs a network where there is none, is skipped with one line. What can
//! be checked without a tool is a test instead, in `xtask/tests/architecture`.

use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use builder::workspace;
use report::Reporter;

use super::scripts;

/// The oldest Rust that the workspace declares to work with, such as `1.89`.
const MINIMUM_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// One line of the table.
struct Check {
    /// At most ten characters, which begin its lines.
    name: &'static str,
    /// What it does, with a gerund.
    action: &'static str,
    plan: fn() -> Result<Plan>,
    /// What to do when it fails.
    hint: &'static str,
}

/// How a check is done on this machine.
enum Plan {
    /// With these commands, one after the other.
    Run(Vec<Command>),
    /// Not at all, for this reason.
    Skip(String),
}

/// The checks, the quickest first.
const CHECKS: &[Check] = &[
    Check {
        name: "format",
        action: "checking the format",
        plan: || cargo_tool("fmt", "rustup component add rustfmt", &["fmt", "--all", "--check"]),
        hint: "run `cargo fmt`",
    },
    Check {
        name: "scripts",
        action: "checking the shell scripts",
        plan: shellcheck,
        hint: "https://www.shellcheck.net/wiki/SC1234 explains finding SC1234; exceptions go into .shellcheckrc",
    },
    Check {
        name: "licences",
        action: "checking licences, sources and duplicates of crates",
        plan: || {
            let arguments = ["deny", "--offline", "--locked", "check", "licenses", "bans", "sources"];
            cargo_tool("deny", "cargo install cargo-deny", &arguments)
        },
        hint: "deny.toml lists what is accepted, with reasons",
    },
    Check {
        name: "yanked",
        action: "checking for yanked crates",
        plan: || Ok(Plan::Skip("needs a network; run `cargo deny check advisories` before a release".into())),
        hint: "run `cargo update`",
    },
    Check {
        name: "lints",
        action: "checking the lints",
        plan: || {
            let arguments =
                ["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
            cargo_tool("clippy", "rustup component add clippy", &arguments)
        },
        hint: "`cargo clippy --fix --all-targets` fixes many lints",
    },
    Check {
        name: "docs",
        action: "building the documentation",
        plan: documentation,
        hint: "run `RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --document-private-items`",
    },
    Check {
        name: "fuzz",
        action: "compiling the fuzz targets",
        plan: || Ok(Plan::Run(vec![fuzz_targets()])),
        hint: "after a change of dependencies, run `cargo metadata --manifest-path fuzz/Cargo.toml` to update \
               fuzz/Cargo.lock",
    },
    Check {
        name: "min. Rust",
        action: concat!("compiling with Rust ", env!("CARGO_PKG_RUST_VERSION")),
        plan: minimum_rust,
        hint: "`rust-version` in Cargo.toml declares the oldest Rust that works",
    },
];

/// Does all checks, up to the first that fails.
///
/// # Errors
/// A check failed. Its output has been printed.
pub fn run(reporter: &Reporter) -> Result<()> {
    CHECKS.iter().try_for_each(|check| check.run(reporter))
}

impl Check {
    fn run(&self, reporter: &Reporter) -> Result<()> {
        let skip = |reason: &str| reporter.summary(format_args!("skipped: {}: {reason}", self.action));
        let commands = match (self.plan)().context(self.action)? {
            Plan::Run(commands) => commands,
            Plan::Skip(reason) => {
                skip(&reason);
                return Ok(());
            }
        };
        let mut stage = reporter.stage(self.name);
        stage.takes_long(self.action);
        for mut command in commands {
            let name = title(&command);
            let output = command.output().with_context(|| format!("{}: starting `{name}`", self.action))?;
            if output.status.success() {
                continue;
            }
            let text = text(&output);
            // Ends the spinner, so that it does not overwrite what follows.
            drop(stage);
            if lacks_network(&text) {
                skip("crates cannot be downloaded");
                return Ok(());
            }
            reporter.summary(text.trim_end());
            bail!("{}: `{name}`: {}\nhint: {}", self.action, output.status, self.hint);
        }
        stage.finish(self.action);
        Ok(())
    }
}

/// The program and its first argument.
fn title(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args().take(1));
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// What a command printed: results first, as rustfmt and shellcheck print their findings, then messages.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// Whether cargo failed because it could not download a crate.
fn lacks_network(output: &str) -> bool {
    ["failed to download", "download of ", "Could not resolve host", "network failure"]
        .iter()
        .any(|sign| output.contains(sign))
}

/// A command that runs at the root of the workspace.
fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root());
    command
}

/// `cargo` with `arguments`, if it has the subcommand `tool`, which `install` installs.
fn cargo_tool(tool: &str, install: &str, arguments: &[&str]) -> Result<Plan> {
    let probe = command("cargo", &[tool, "--version"]).output().context("starting cargo")?;
    if !probe.status.success() {
        return Ok(Plan::Skip(format!("cargo {tool} is not installed (`{install}`)")));
    }
    Ok(Plan::Run(vec![command("cargo", arguments)]))
}

fn documentation() -> Result<Plan> {
    let arguments = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    let mut doc = command("cargo", &arguments);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    Ok(Plan::Run(vec![doc]))
}

/// Compiles the fuzz targets without linking them, which needs neither libFuzzer nor a C++ compiler.
fn fuzz_targets() -> Command {
    let mut check = command("cargo", &["check", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    check.env("CARGO_TARGET_DIR", workspace::target().join("fuzz"));
    // With its path given, libfuzzer-sys does not compile libFuzzer; the file is for the linker and is never opened.
    check.env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a");
    check.env("CUSTOM_LIBFUZZER_STD_CXX", "none");
    check
}

fn shellcheck() -> Result<Plan> {
    let scripts = scripts::find(&workspace::root()).context("looking for scripts")?;
    let shellcheck = |arguments: &[&str], paths: Vec<_>| {
        let mut shellcheck = command("shellcheck", arguments);
        shellcheck.args(paths);
        shellcheck
    };
    Ok(Plan::Run(vec![
        // FreeBSD's sh and Debian's are both Almquist shells; dash is the one that shellcheck knows.
        shellcheck(&["--shell=dash"], scripts.programs),
        // Their variables are read by the scripts that source them, such as rc.subr.
        shellcheck(&["--shell=dash", "--exclude=SC2034"], scripts.sourced),
        shellcheck(&["--shell=bash"], scripts.bash),
    ]))
}

/// Checks with the oldest Rust, if rustup has it; nothing is downloaded. Without it, clippy's `incompatible_msrv` still
/// finds what the standard library of that Rust does not have.
fn minimum_rust() -> Result<Plan> {
    let missing = || {
        let install = format!("rustup toolchain install {MINIMUM_RUST} --profile minimal");
        Plan::Skip(format!("that Rust is not installed (`{install}`)"))
    };
    let Ok(list) = command("rustup", &["toolchain", "list"]).output() else { return Ok(missing()) };
    let list = String::from_utf8_lossy(&list.stdout);
    let Some(toolchain) = toolchain_of(&list, MINIMUM_RUST) else { return Ok(missing()) };
    let arguments = ["run", toolchain, "cargo", "check", "--quiet", "--workspace", "--locked"];
    Ok(Plan::Run(vec![command("rustup", &arguments)]))
}

/// The toolchain of `version`, such as `1.89`, in what `rustup toolchain list` prints.
fn toolchain_of<'list>(list: &'list str, version: &str) -> Option<&'list str> {
    let mut names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.find(|name| name.strip_prefix(version).is_some_and(|rest| rest.starts_with(['.', '-'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, plan: fn() -> Result<Plan>) -> Result<()> {
        Check { name, action: "checking", plan, hint: "mend it" }.run(&Reporter::new(-2))
    }

    fn sh(script: &str) -> Result<Plan> {
        Ok(Plan::Run(vec![command("sh", &["-c", script])]))
    }

    #[test]
    fn the_table_is_complete() {
        for check in CHECKS {
            assert!(check.name.len() <= 10 && !check.hint.is_empty(), "{}", check.name);
            assert!(check.action.split(' ').next().unwrap().ends_with("ing"), "{}", check.action);
        }
    }

    #[test]
    fn a_failed_check_ends_with_its_hint() {
        let error = check("planted", || sh("exit 3")).unwrap_err().to_string();
        assert_eq!(error, "checking: `sh -c`: exit status: 3\nhint: mend it");
    }

    #[test]
    fn a_check_that_cannot_be_done_is_skipped() {
        check("planted", || Ok(Plan::Skip("its tool is missing".into()))).unwrap();
        check("planted", || sh("echo 'error: failed to download `x v1.0.0`' >&2; exit 101")).unwrap();
        let missing = cargo_tool("of-which-nobody-heard", "x", &[]).unwrap();
        assert!(matches!(missing, Plan::Skip(reason) if reason.contains("not installed")));
    }

    #[test]
    fn the_oldest_rust_is_found_among_the_toolchains() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n1.8.0-x\n1.89.0-x86_64\n1.890-x\n";
        assert_eq!(toolchain_of(list, "1.89"), Some("1.89.0-x86_64"));
        assert_eq!(toolchain_of(list, "1.8"), Some("1.8.0-x"));
        assert_eq!(toolchain_of(list, "1.95"), None);
    }
}
