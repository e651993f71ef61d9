//! The Rust that compiles for the device: a compiler, its cargo, and the source of its standard library.
//!
//! The device's std is built from source, so the source must be that very compiler's: all three are taken from one
//! sysroot, never mixed. The builder itself is compiled by whatever the engineer has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::host;
use crate::workspace;

/// The oldest that knows `-Zjson-target-spec` and the target file's format.
pub const OLDEST: (u32, u32) = (1, 95);

/// A complete one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRust {
    /// The compiler.
    pub rustc: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// The directory that has `library/std`.
    pub source: PathBuf,
    /// `rustc --version`, whole: it decides on the services' bytes.
    pub version: String,
}

/// Looks for one: the toolchain that runs us, then the distribution's.
pub fn find() -> Result<Option<DeviceRust>> {
    for sysroot in sysroots() {
        if let Some(rust) = in_sysroot(&sysroot)? {
            return Ok(Some(rust));
        }
    }
    Ok(None)
}

/// The name of the toolchain under rustup that runs us, if only the source of its std is missing.
pub fn rustup_toolchain() -> Option<String> {
    let sysroot = sysroots().into_iter().next()?;
    let name = sysroot.file_name()?.to_str()?;
    let under_rustup = sysroot.parent()?.file_name()? == "toolchains";
    let version = version_of(&sysroot.join("bin/rustc")).ok()?;
    (under_rustup && recent(&version)).then(|| name.to_owned())
}

/// In the order of preference.
fn sysroots() -> Vec<PathBuf> {
    // cargo sets this for the programs that it runs: under rustup the toolchain's own, not the proxy. Started
    // without cargo, we go by the one that built us.
    let ours = std::env::var_os("CARGO").or_else(|| option_env!("CARGO").map(Into::into)).map(PathBuf::from);
    let mut sysroots: Vec<_> =
        ours.iter().filter_map(|cargo| cargo.parent()?.parent()).map(Path::to_owned).collect();
    sysroots.extend(["/usr", "/usr/local"].map(PathBuf::from));
    sysroots
}

fn in_sysroot(sysroot: &Path) -> Result<Option<DeviceRust>> {
    let (rustc, cargo) = (sysroot.join("bin/rustc"), sysroot.join("bin/cargo"));
    let source = sysroot.join("lib/rustlib/src/rust");
    let complete = host::is_program(&rustc)
        && host::is_program(&cargo)
        && source.join("library/std/src/lib.rs").is_file();
    if !complete {
        return Ok(None);
    }
    let version = version_of(&rustc)?;
    Ok(recent(&version).then_some(DeviceRust { rustc, cargo, source, version }))
}

/// `rustc 1.96.0 (...)` is recent.
fn recent(version: &str) -> bool {
    let mut numbers = version.split_whitespace().nth(1).unwrap_or_default().split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// What is remembered of a compiler, so that it need not be started only to ask for its version.
#[derive(Serialize, Deserialize, PartialEq)]
struct Seen {
    rustc: PathBuf,
    bytes: u64,
    modified: u64,
    version: String,
}

fn version_of(rustc: &Path) -> Result<String> {
    let meta = rustc.metadata().with_context(|| format!("looking at {}", rustc.display()))?;
    let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let (bytes, modified) = (meta.len(), modified.map_or(0, |time| time.as_secs()));
    let memory = workspace::target().join("toolchain/rustc-version.json");
    // What cannot be read is asked for again.
    let seen = std::fs::read(&memory).ok().and_then(|text| serde_json::from_slice::<Seen>(&text).ok());
    if let Some(seen) =
        seen.filter(|seen| (&*seen.rustc, seen.bytes, seen.modified) == (rustc, bytes, modified))
    {
        return Ok(seen.version);
    }
    let version = ask_version(rustc)?;
    let seen = Seen { rustc: rustc.to_owned(), bytes, modified, version: version.clone() };
    // Nothing is lost if it cannot be remembered.
    if let (Some(directory), Ok(text)) = (memory.parent(), serde_json::to_vec(&seen)) {
        let _ = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&memory, text));
    }
    Ok(version)
}

fn ask_version(rustc: &Path) -> Result<String> {
    let output = Command::new(rustc)
        .arg("--version")
        // cargo points it at its own toolchain's libraries, which another toolchain's compiler must not load.
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .with_context(|| format!("running {} --version", rustc.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_without_the_features_that_we_use_is_passed_over() {
        for (version, is_recent) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", true),
            ("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)", true),
            ("rustc 1.97.0-nightly (bc2112ed9 2026-05-01)", true),
            ("rustc 2.0.0", true),
            ("rustc 1.94.1", false),
            ("rustc 1.63.0", false),
            ("", false),
            ("rustc unknown", false),
        ] {
            assert_eq!(recent(version), is_recent, "{version}");
        }
    }

    #[test]
    fn a_sysroot_without_the_source_of_std_does_not_count() {
        let sysroot = tempfile::tempdir().unwrap();
        assert_eq!(in_sysroot(sysroot.path()).unwrap(), None);
    }
}
