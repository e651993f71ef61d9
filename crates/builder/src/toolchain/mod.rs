//! The tools that the builder uses and does not bring: what each is for, where it is, and how it comes here.
//!
//! [`ensure`] runs at the start of a command and takes a few milliseconds when nothing is missing, without starting a
//! process. It installs missing tools where it can; otherwise it fails once, with all missing tools and the command to run:
//! never in the middle of a build. How a tool is used is known to the module that uses it.

mod device_rust;
mod host;
mod install;
mod need;
mod zig;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use device_rust::DeviceRust;
pub use host::System;
pub use install::Progress;
pub use need::{Group, NEEDS, Need, ToolSource};
pub use zig::VERSION as ZIG_VERSION;

/// The tools that were found.
#[derive(Clone, Debug, Default)]
pub struct Toolchain {
    rust: Option<DeviceRust>,
    found: BTreeMap<&'static str, PathBuf>,
}

impl Toolchain {
    /// What is there now, of the given needs. Installs nothing.
    pub fn find<'n>(needs: impl IntoIterator<Item = &'n Need>) -> Result<Self> {
        let mut toolchain = Self::default();
        for need in needs {
            match need.find()? {
                need::Found::Nothing => {}
                need::Found::Path(path) => {
                    toolchain.found.insert(need.name, path);
                }
                need::Found::Rust(rust) => {
                    toolchain.found.insert(need.name, rust.rustc.clone());
                    toolchain.rust = Some(rust);
                }
            }
        }
        Ok(toolchain)
    }

    /// The Rust that the services are compiled with.
    pub fn rust(&self) -> Result<&DeviceRust> {
        self.rust
            .as_ref()
            .context("looking for the device's Rust: it was not asked for; run `cargo xtask setup`")
    }

    /// The path of a tool, by its name in [`NEEDS`]: `zig`, `clang`, `qemu-system-i386`.
    pub fn path(&self, name: &str) -> Result<&Path> {
        self.found
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("looking for {name}: it is not here; run `cargo xtask setup`"))
    }

    /// The version of a tool that was found. Except for Rust and zig this starts the tool.
    pub fn version(&self, need: &Need) -> Option<String> {
        let path = self.found.get(need.name)?;
        match need.source {
            ToolSource::DeviceRust => self.rust.as_ref().map(|rust| rust.version.clone()),
            ToolSource::Zig => Some(zig::VERSION.to_owned()),
            ToolSource::Program => host::version(path),
            ToolSource::Header(_) => None,
        }
    }

    /// Whether a tool is there, by its name in [`NEEDS`].
    pub fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }
}

/// Finds the tools of these groups, and installs missing ones.
///
/// # Errors
/// A missing tool may not or cannot be installed. The message lists all of them with their purpose and the command to run.
pub fn ensure(groups: &[Group], progress: &mut Progress<'_>) -> Result<Toolchain> {
    let needs: Vec<_> = NEEDS.iter().filter(|need| need.in_any(groups)).collect();
    let system = System::of_this_machine();
    let (missing, failures) = install_until_settled(
        || Ok(missing(&Toolchain::find(needs.iter().copied())?, &needs)),
        |missing| install::install(missing, &system, progress),
    )?;
    if missing.is_empty() {
        return Toolchain::find(needs.iter().copied());
    }
    bail!(install::instructions(&missing, &system, &failures))
}

/// Installs missing tools, and looks again: an installation may take away what was there. apt removes what conflicts with
/// the packages that it is asked for, as `qemu-utils` of Debian's backports does with the release's `qemu-system-x86`.
/// It ends when only tools are missing that were missing before. Returns those, and what went wrong on the way.
fn install_until_settled<'n>(
    mut look: impl FnMut() -> Result<Vec<&'n Need>>,
    mut install: impl FnMut(&[&'n Need]) -> Vec<String>,
) -> Result<(Vec<&'n Need>, Vec<String>)> {
    let mut tried = BTreeSet::new();
    let mut failures = Vec::new();
    loop {
        let missing = look()?;
        // None of them is new, or nothing is missing.
        if missing.iter().all(|need| tried.contains(need.name)) {
            return Ok((missing, failures));
        }
        tried.extend(missing.iter().map(|need| need.name));
        failures.extend(install(&missing));
    }
}

fn missing<'n>(toolchain: &Toolchain, needs: &[&'n Need]) -> Vec<&'n Need> {
    needs.iter().copied().filter(|need| !toolchain.has(need.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_was_not_asked_for_is_not_there() {
        let toolchain = Toolchain::find([]).unwrap();
        assert!(toolchain.rust().is_err());
        let message = toolchain.path("zig").unwrap_err().to_string();
        assert_eq!(message, "looking for zig: it is not here; run `cargo xtask setup`");
    }

    /// A machine on which installing a need may take another away.
    fn settle(takes_away: Option<&'static str>, refused: Option<&'static str>) -> (Vec<&'static str>, usize) {
        let needs: Vec<_> = NEEDS.iter().filter(|need| need.in_any(&[Group::Run])).collect();
        let here = std::cell::RefCell::new(BTreeSet::from(["qemu-img"]));
        let mut rounds = 0;
        let (missing, _) = install_until_settled(
            || Ok(needs.iter().copied().filter(|need| !here.borrow().contains(need.name)).collect()),
            |missing| {
                rounds += 1;
                let mut here = here.borrow_mut();
                if let Some(gone) = takes_away.filter(|_| rounds == 1) {
                    here.remove(gone);
                }
                here.extend(missing.iter().map(|need| need.name).filter(|name| Some(*name) != refused));
                Vec::new()
            },
        )
        .unwrap();
        (missing.iter().map(|need| need.name).collect(), rounds)
    }

    #[test]
    fn a_tool_that_another_installation_took_away_is_installed_too() {
        assert_eq!(settle(None, None), (vec![], 1));
        assert_eq!(settle(Some("qemu-img"), None), (vec![], 2));
    }

    #[test]
    fn what_cannot_be_installed_is_tried_once() {
        assert_eq!(settle(None, Some("qemu-system-i386")), (vec!["qemu-system-i386"], 1));
    }
}
