//! The tools that the builder uses and does not bring: what each is for, where it is, and how it comes here.
//!
//! [`ensure`] is asked at the start of a command and answers in a few milliseconds when nothing lacks, without starting
//! a process. What lacks it installs where it may, and otherwise fails once, with everything that lacks and the command
//! to type: never in the middle of a build. How a tool is used is known to the module that uses it.

mod device_rust;
mod host;
mod install;
mod need;
mod zig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use device_rust::DeviceRust;
pub use host::System;
pub use need::{Group, Kind, NEEDS, Need};
pub use zig::VERSION as ZIG_VERSION;

/// Where progress goes: one line a step.
pub type Progress<'a> = dyn FnMut(&str) + 'a;

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
        match need.kind {
            Kind::DeviceRust => self.rust.as_ref().map(|rust| rust.version.clone()),
            Kind::Zig => Some(zig::VERSION.to_owned()),
            Kind::Program => host::version(path),
            Kind::Header(_) => None,
        }
    }

    /// Whether a tool is there, by its name in [`NEEDS`].
    pub fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }
}

/// Finds the tools of these groups, and installs what lacks.
///
/// # Errors
/// When something lacks that may not or cannot be installed. The message then is complete: what, what for, and what to
/// type.
pub fn ensure(groups: &[Group], progress: &mut Progress<'_>) -> Result<Toolchain> {
    let needs: Vec<_> = NEEDS.iter().filter(|need| need.in_any(groups)).collect();
    let toolchain = Toolchain::find(needs.iter().copied())?;
    let missing = missing(&toolchain, &needs);
    if missing.is_empty() {
        return Ok(toolchain);
    }
    let system = System::of_this_machine();
    let failures = install::install(&missing, &system, progress);
    let toolchain = Toolchain::find(needs.iter().copied())?;
    let missing = self::missing(&toolchain, &needs);
    if missing.is_empty() {
        return Ok(toolchain);
    }
    bail!(install::instructions(&missing, &system, &failures))
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
}
