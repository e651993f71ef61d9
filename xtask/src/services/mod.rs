//! The product's own services, compiled for the device.
//!
//! The invariant: the same commit and toolchain give the same bytes, in any folder, for any user, whatever cargo is
//! configured to do on this machine. And none of those bytes is an instruction that the device lacks ([`crate::isa`]).
//! What the services do is in the `appliance` package; where they go in the image is not known here.

mod cargo;
mod log;
mod sysroot;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::isa;
use crate::toolchain::{self, Toolchain};

pub use cargo::Build;
pub use sysroot::Sysroot;

/// The package that the services are in.
const PACKAGE: &str = "appliance";

/// Its programs.
const PROGRAMS: [&str; 1] = ["sluice"];

/// What in the workspace decides on the services' bytes, besides the toolchain and the sysroot.
pub const SOURCES: &[&str] = &[
    ".cargo/i386-unknown-freebsd.json",
    "Cargo.lock",
    "Cargo.toml",
    "appliance",
    "firmware",
    "xtask/src/services",
];

/// A service, ready for the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The program's name.
    pub name: String,
    /// Where it was put.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// Compiles the services of this workspace, links them against a sysroot, checks their instructions, and puts them into
/// `out_dir`.
///
/// The compiler's messages go to a log, which an error names.
pub fn build(toolchain: &Toolchain, sysroot: &Sysroot, out_dir: &Path) -> Result<Vec<Service>> {
    let build = Build {
        workspace: toolchain::workspace().to_owned(),
        folder: toolchain::build_folder().join("device"),
        toolchain,
        sysroot,
    };
    build.run(|program| deliver(&program, out_dir))
}

fn deliver(program: &Path, out_dir: &Path) -> Result<Service> {
    isa::require(program)?;
    let name = program.file_name().context("a program has a name")?.to_string_lossy().into_owned();
    let path = out_dir.join(&name);
    fs::create_dir_all(out_dir).with_context(|| format!("making {}", out_dir.display()))?;
    let size = fs::copy(program, &path)
        .with_context(|| format!("copying {} to {}", program.display(), path.display()))?;
    Ok(Service { name, path, size })
}
