//! Installing missing tools, as far as this process may, and the instructions for the rest.
//!
//! Packages are installed by root only. What lands in the engineer's own directories (rust-src under rustup, zig in the
//! build directory) is installed by anyone. Nothing here becomes root: the instructions name sudo, which is never run.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::host::{self, Packages, System};
use super::need::{Need, ToolSource};
use super::{device_rust, zig};
use crate::workspace;

/// Where progress goes: one line a step.
pub type Progress<'a> = dyn FnMut(&str) + 'a;

/// Installs what it can. Returns what went wrong on the way, for [`instructions`].
pub fn install(missing: &[&Need], system: &System, progress: &mut Progress<'_>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut attempt = |what: Result<()>| {
        if let Err(error) = what {
            failures.push(format!("{error:#}"));
        }
    };
    let mut rest = missing.to_vec();
    if let Some(toolchain) = rustup_toolchain(missing) {
        progress(&format!("adding rust-src to the toolchain {toolchain} (rustup)"));
        match add_rust_src(&toolchain) {
            Ok(()) => rest.retain(|need| !is_rust(need)),
            // The distribution may have a compiler with its source.
            Err(error) => attempt(Err(error)),
        }
    }
    let packages = packages(&rest, system);
    if system.root && !packages.is_empty() {
        attempt(install_packages(&packages, system, progress));
    }
    // Without pip it is left: the instructions then name pip's package.
    if wants_wheel(missing) && zig::can_fetch() {
        progress(&format!("fetching zig {} (90 MB)", zig::VERSION));
        attempt(zig::fetch());
    }
    failures
}

/// The message for what has to be installed by hand.
pub fn instructions(missing: &[&Need], system: &System, failures: &[String]) -> String {
    let width = missing.iter().map(|need| need.name.len()).max().unwrap_or_default();
    let mut lines = vec!["looking for the tools of this command: these are missing".to_owned()];
    lines.extend(missing.iter().map(|need| format!("  {:<width$}  for {}", need.name, need.purpose)));
    if !failures.is_empty() {
        lines.push("installing them failed:".to_owned());
        lines.extend(failures.iter().map(|failure| format!("  {}", failure.replace('\n', "\n  "))));
    }
    let mut commands = Vec::new();
    let mut rest = missing.to_vec();
    // Where rustup is at hand that is the way, and it needs no root.
    if let Some(toolchain) = rustup_toolchain(missing) {
        commands.push(format!("rustup component add rust-src --toolchain {toolchain}"));
        rest.retain(|need| !is_rust(need));
    }
    let packages = packages(&rest, system);
    if !packages.is_empty() {
        let list = packages.iter().copied().collect::<Vec<_>>().join(" ");
        commands.push(match system.packages {
            Packages::Debian => format!("sudo apt-get install --no-install-recommends {list}"),
            Packages::FreeBsd => format!("sudo pkg install {list}"),
            Packages::Unknown => format!("(with your system's package manager, Debian's names) {list}"),
        });
    }
    commands.push("cargo xtask setup".to_owned());
    lines.push("please run:".to_owned());
    lines.extend(commands.iter().map(|command| format!("  {command}")));
    lines.join("\n")
}

fn is_rust(need: &Need) -> bool {
    matches!(need.source, ToolSource::DeviceRust)
}

/// The rustup toolchain whose source would do for the device, if the device's Rust is missing.
fn rustup_toolchain(missing: &[&Need]) -> Option<String> {
    missing.iter().any(|need| is_rust(need)).then(device_rust::rustup_toolchain).flatten()
}

fn wants_wheel(missing: &[&Need]) -> bool {
    !cfg!(target_os = "freebsd") && missing.iter().any(|need| matches!(need.source, ToolSource::Zig))
}

/// The packages for these needs, each once.
fn packages(needs: &[&Need], system: &System) -> BTreeSet<&'static str> {
    let of = |need: &Need| match system.packages {
        Packages::FreeBsd => need.freebsd,
        Packages::Debian | Packages::Unknown => need.debian,
    };
    let mut packages: BTreeSet<_> = needs.iter().flat_map(|need| of(need)).copied().collect();
    if wants_wheel(needs) && !zig::can_fetch() {
        packages.insert("python3-pip");
    }
    packages
}

fn add_rust_src(toolchain: &str) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(|home| PathBuf::from(home).join("bin/rustup"));
    let rustup = home.filter(|path| host::is_program(path)).or_else(|| host::program("rustup"));
    let rustup = rustup.context("looking for rustup, which this toolchain comes from")?;
    logged(Command::new(rustup).args(["component", "add", "rust-src", "--toolchain", toolchain]), "rustup")
}

fn install_packages(
    packages: &BTreeSet<&'static str>,
    system: &System,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let list = packages.iter().copied().collect::<Vec<_>>().join(" ");
    match system.packages {
        Packages::Debian => {
            progress("bringing the list of packages up to date (apt-get update)");
            // What is already known may be enough, for instance without a network: the installation decides.
            let updated = logged(apt().arg("update"), "apt-update");
            progress(&format!("installing {list} (apt-get)"));
            let install = ["install", "--yes", "--no-install-recommends"];
            logged(apt().args(install).args(packages), "apt-install").and(updated)
        }
        Packages::FreeBsd => {
            progress(&format!("installing {list} (pkg)"));
            logged(Command::new("pkg").args(["install", "--yes"]).args(packages), "pkg-install")
        }
        Packages::Unknown => Ok(()),
    }
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    // Another apt at work is waited for; questions are answered by their defaults.
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--option", "DPkg::Lock::Timeout=300"]);
    apt
}

/// Runs a command with its output in a log, which the error names.
fn logged(command: &mut Command, name: &str) -> Result<()> {
    let directory = workspace::target().join("toolchain");
    let path = directory.join(format!("{name}.log"));
    let log = fs::create_dir_all(&directory)
        .and_then(|()| File::create(&path))
        .with_context(|| format!("writing the log {}", path.display()))?;
    let errors = log.try_clone().with_context(|| format!("writing the log {}", path.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdout(log).stderr(errors).status().with_context(|| format!("running {program}"))?;
    if !status.success() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("running {program}: {status}: {last} (log: {})", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::need::{Group, NEEDS};

    fn run_needs() -> Vec<&'static Need> {
        NEEDS.iter().filter(|need| need.in_any(&[Group::Run])).collect()
    }

    #[test]
    fn who_may_not_install_gets_one_message_with_the_command_to_type() {
        let system = System { packages: Packages::Debian, root: false };
        insta::assert_snapshot!(instructions(&run_needs(), &system, &[]), @r"
        looking for the tools of this command: these are missing
          qemu-system-i386  for starting an image in a virtual machine
          qemu-img          for laying a scratch disk over an image
        please run:
          sudo apt-get install --no-install-recommends qemu-system-x86 qemu-utils
          cargo xtask setup
        ");
    }

    #[test]
    fn each_system_gets_its_own_packages() {
        let freebsd = System { packages: Packages::FreeBsd, root: false };
        let text = instructions(&run_needs(), &freebsd, &[]);
        assert!(text.contains("\n  sudo pkg install qemu\n"), "{text}");
        let unknown = System { packages: Packages::Unknown, root: false };
        let text = instructions(&run_needs(), &unknown, &[]);
        assert!(text.contains("Debian's names) qemu-system-x86 qemu-utils\n"), "{text}");
    }

    #[test]
    fn what_went_wrong_before_is_told_too() {
        let system = System { packages: Packages::Debian, root: true };
        let text = instructions(&run_needs(), &system, &["running apt-get: no network".to_owned()]);
        assert!(text.contains("installing them failed:\n  running apt-get: no network\n"), "{text}");
    }

    #[test]
    fn who_is_not_root_installs_no_packages() {
        let mut said = Vec::new();
        let system = System { packages: Packages::Debian, root: false };
        let failures = install(&run_needs(), &system, &mut |line| said.push(line.to_owned()));
        assert_eq!((said.len(), failures.len()), (0, 0));
    }
}
