//! The product's own services, compiled for the device.
//!
//! The invariant: the same commit and toolchain give the same bytes, in any folder, for any user, whatever cargo is
//! configured to do on this machine. And none of those bytes is an instruction that the device lacks ([`isa`]).
//! What the services do is in the `appliance` package; where they go in the image is not known here.

mod cargo;
mod sysroot;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::toolchain::Toolchain;
use crate::{inputs, workspace};
pub use cargo::Build;
pub use sysroot::Sysroot;

/// The package that the services are in.
const PACKAGE: &str = "appliance";

/// Its programs.
pub const PROGRAMS: [&str; 1] = ["sluice"];

/// What in the workspace decides on the services' bytes, besides the toolchain and the sysroot.
pub const SOURCES: &[&str] = &[
    ".cargo/i386-unknown-freebsd.json",
    "Cargo.lock",
    "Cargo.toml",
    "appliance",
    "crates/bsd-disk",
    "firmware",
    "crates/builder/src/services",
];

/// For whom the services are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// For units in the field: without what only engineers may do.
    Release,
    /// For the desk.
    Development,
}

impl Edition {
    /// The features of the package that it has.
    const fn features(self) -> &'static str {
        match self {
            Self::Release => "",
            Self::Development => "development",
        }
    }
}

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

/// Changes whenever the services of this workspace would: their sources, features, compiler, or what they are linked
/// with.
///
/// # Errors
/// Something cannot be read, or the tools or the sysroot lack.
pub fn digest(toolchain: &Toolchain, sysroot: &Sysroot, edition: Edition) -> Result<String> {
    let sources = inputs::of_files(&workspace::root(), SOURCES)?;
    let linker = sysroot.linker(toolchain)?;
    let rust = &toolchain.rust()?.version;
    Ok(inputs::of_texts([&*sources, edition.features(), rust, linker.script, &linker.identity]))
}

/// The services of `digest`, compiled before or now; `before_compiling` is called in the second case.
///
/// # Errors
/// As [`build`].
pub fn provide(
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    edition: Edition,
    digest: &str,
    before_compiling: impl FnOnce(),
) -> Result<Vec<Service>> {
    let folder = workspace::target().join("services");
    let kept = folder.join(digest);
    if let Some(services) = kept_services(&kept) {
        return Ok(services);
    }
    before_compiling();
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let making =
        tempfile::tempdir_in(&folder).with_context(|| format!("making a folder in {}", folder.display()))?;
    build(toolchain, sysroot, edition, making.path())?;
    // A build of the same sources beside this one may have been faster; what it made is the same.
    if let Err(error) = fs::rename(making.path(), &kept)
        && kept_services(&kept).is_none()
    {
        return Err(error).with_context(|| format!("keeping the services in {}", kept.display()));
    }
    kept_services(&kept)
        .with_context(|| format!("the services are not in {} after they were built", kept.display()))
}

/// All services, if `folder` holds them.
fn kept_services(folder: &Path) -> Option<Vec<Service>> {
    PROGRAMS
        .into_iter()
        .map(|name| {
            let path = folder.join(name);
            let size = fs::metadata(&path).ok()?.len();
            Some(Service { name: name.to_owned(), path, size })
        })
        .collect()
}

/// Compiles the services of this workspace, links them against a sysroot, checks their instructions, and puts them into
/// `out_dir`.
///
/// The compiler's messages go to a log, which an error names.
pub fn build(
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    edition: Edition,
    out_dir: &Path,
) -> Result<Vec<Service>> {
    let build = Build {
        workspace: workspace::root(),
        folder: workspace::target().join("device"),
        toolchain,
        sysroot,
        edition,
    };
    build.run(|program| deliver(&program, out_dir))
}

fn deliver(program: &Path, out_dir: &Path) -> Result<Service> {
    isa::require(program, &crate::processor::GEODE_LX)?;
    let name = program.file_name().context("a program has a name")?.to_string_lossy().into_owned();
    let path = out_dir.join(&name);
    fs::create_dir_all(out_dir).with_context(|| format!("making {}", out_dir.display()))?;
    let size = fs::copy(program, &path)
        .with_context(|| format!("copying {} to {}", program.display(), path.display()))?;
    Ok(Service { name, path, size })
}
