//! The product's own services, compiled for the device.
//!
//! The invariant: the same commit and toolchain give the same bytes, in any directory, for any user, whatever cargo is
//! configured to do on this machine. And none of those bytes is an instruction that the device does not have ([`isa`]).
//! What the services do is in the `appliance` package; where they go in the image is not known here.

mod cargo;
mod edition;
mod package;
mod sysroot;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::board::Board;
use crate::toolchain::Toolchain;
use crate::{inputs, workspace};
pub use cargo::Build;
pub use edition::Edition;
pub use package::{Package, Program};
pub use sysroot::Sysroot;

/// A service, ready for the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The program's name.
    pub name: String,
    /// Where it was put.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The most bytes that it may have.
    pub budget: Option<u64>,
}

/// Changes whenever the services of this workspace would: their sources, their crates, features, compiler, or what they are
/// linked with.
///
/// # Errors
/// Something cannot be read, or the tools or the sysroot are missing.
pub fn digest(board: &Board, toolchain: &Toolchain, sysroot: &Sysroot, edition: Edition) -> Result<String> {
    let root = workspace::root();
    let sources = Package::read(&root)?.digest(&root)?;
    let target = inputs::of_files(&root, &[board.services.file])?;
    let linker = sysroot.linker(board, toolchain)?;
    let rust = &toolchain.rust()?.version;
    let recipe = cargo::recipe(board, edition);
    Ok(inputs::of_texts([&*sources, &*target, &*recipe, rust, linker.script, &*linker.identity]))
}

/// The services of `digest`, from the cache or compiled now; `before_compiling` is called in the second case.
///
/// # Errors
/// As [`build`].
pub fn provide(
    board: &Board,
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    edition: Edition,
    digest: &str,
    before_compiling: impl FnOnce(),
) -> Result<Vec<Service>> {
    let directory = workspace::target().join("services");
    let cached = directory.join(digest);
    let package = Package::read(&workspace::root())?;
    if let Some(services) = services_in(&cached, &package) {
        return Ok(services);
    }
    before_compiling();
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let making = tempfile::tempdir_in(&directory)
        .with_context(|| format!("making a directory in {}", directory.display()))?;
    build(board, toolchain, sysroot, edition, making.path())?;
    // A build of the same sources beside this one may have been faster; what it made is the same.
    if let Err(error) = fs::rename(making.path(), &cached)
        && services_in(&cached, &package).is_none()
    {
        return Err(error).with_context(|| format!("moving the services to {}", cached.display()));
    }
    services_in(&cached, &package)
        .with_context(|| format!("the services are not in {} after they were built", cached.display()))
}

/// All services, if `directory` holds them.
fn services_in(directory: &Path, package: &Package) -> Option<Vec<Service>> {
    let service = |program: &Program| {
        let path = directory.join(&program.name);
        let size = fs::metadata(&path).ok()?.len();
        Some(Service { name: program.name.clone(), path, size, budget: program.budget })
    };
    package.programs.iter().map(service).collect()
}

/// The names of the services.
///
/// # Errors
/// They cannot be read from their package.
pub fn programs() -> Result<Vec<String>> {
    let package = Package::read(&workspace::root())?;
    Ok(package.programs.into_iter().map(|program| program.name).collect())
}

/// Compiles the services of this workspace, links them against a sysroot, checks their instructions, and puts them into
/// `out_dir`.
///
/// The compiler's messages go to a log, which an error names.
pub fn build(
    board: &Board,
    toolchain: &Toolchain,
    sysroot: &Sysroot,
    edition: Edition,
    out_dir: &Path,
) -> Result<Vec<Service>> {
    let package = Package::read(&workspace::root())?;
    let build = Build {
        workspace: workspace::root(),
        directory: workspace::target().join("device"),
        board,
        package: &package,
        toolchain,
        sysroot,
        edition,
    };
    build.run(|program, path| deliver(program, &path, out_dir, board))
}

fn deliver(program: &Program, compiled: &Path, out_dir: &Path, board: &Board) -> Result<Service> {
    isa::require(compiled, board.processor.instructions)?;
    let path = out_dir.join(&program.name);
    fs::create_dir_all(out_dir).with_context(|| format!("making {}", out_dir.display()))?;
    let size = fs::copy(compiled, &path)
        .with_context(|| format!("copying {} to {}", compiled.display(), path.display()))?;
    Ok(Service { name: program.name.clone(), path, size, budget: program.budget })
}
