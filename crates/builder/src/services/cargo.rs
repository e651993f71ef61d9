//! Running cargo for the device.
//!
//! What decides on the bytes is given here, whole; whatever this machine's configuration or environment would add is
//! taken away. Nothing absolute is among the flags, for cargo hashes those: paths are dealt with by `rustc.sh`.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::edition::Edition;
use super::package::{self, PROFILE, Package, Program};
use super::sysroot::{Linker, Sysroot};
use crate::board::Board;
use crate::first_error::first_error;
use crate::inputs;
use crate::toolchain::{DeviceRust, Toolchain};

/// Flags for every crate: no run-time choice of instructions that the device does not have anyway. httparse's build script reads its
/// own from what cargo makes of these, `CARGO_CFG_HTTPARSE_DISABLE_SIMD`.
const RUSTFLAGS: &str = "--cfg\u{1f}sha2_backend=\"soft\"\u{1f}--cfg\u{1f}httparse_disable_simd=\"1\"";
/// Lines of cargo's log that an error shows.
const SHOWN: usize = 12;
/// Stands before rustc.
const WRAPPER: &str = include_str!("rustc.sh");
/// Variables of cargo's own that only say where things are and how to reach the network.
const HARMLESS: &[&str] = &["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];

/// One compilation of the services.
pub struct Build<'a> {
    /// The workspace to build.
    pub workspace: PathBuf,
    /// Where cargo works, apart from the builder's own output: another compiler may be at work there.
    pub directory: PathBuf,
    /// What the services are compiled for.
    pub board: &'a Board,
    /// The services.
    pub package: &'a Package,
    /// The compiler and the linkers.
    pub toolchain: &'a Toolchain,
    /// What to link against.
    pub sysroot: &'a Sysroot,
    /// For whom.
    pub edition: Edition,
}

impl Build<'_> {
    /// Compiles and links, and hands the programs, in cargo's directory, to `deliver`, before another build may begin.
    pub fn run<T>(&self, mut deliver: impl FnMut(&Program, PathBuf) -> Result<T>) -> Result<Vec<T>> {
        let rust = self.toolchain.rust()?;
        let linker = self.sysroot.linker(self.board, self.toolchain)?;
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("making {}", self.directory.display()))?;
        let _lock = self.lock()?;
        let wrapper = self.script("rustc.sh", WRAPPER)?;
        let link = self.script("linker.sh", linker.script)?;
        let output = self.directory.join(self.board.services.triple);
        let programs = &self.package.programs;
        let linked = linked(&output.join(PROFILE), programs)?;
        self.forget_if_changed("compiler", &[WRAPPER, &rust.version], std::slice::from_ref(&output))?;
        self.forget_if_changed("linker", &[linker.script, &linker.identity], &linked)?;
        self.cargo(rust, &wrapper, &link, &linker)?;
        programs.iter().map(|program| deliver(program, output.join(PROFILE).join(&program.name))).collect()
    }

    /// One build at a time: the next may be linked against something else, in the same place.
    fn lock(&self) -> Result<File> {
        let path = self.directory.join("lock");
        let lock = || {
            let file = File::create(&path)?;
            file.lock().map(|()| file)
        };
        lock()
            .with_context(|| format!("waiting for another build of the services to end ({})", path.display()))
    }

    fn cargo(&self, rust: &DeviceRust, wrapper: &Path, link: &Path, linker: &Linker) -> Result<()> {
        let mut cargo = Command::new(&rust.cargo);
        for (name, _) in std::env::vars_os().filter(|(name, _)| disturbs(name)) {
            cargo.env_remove(name);
        }
        cargo
            .current_dir(&self.workspace)
            .args(arguments(self.board, self.edition))
            .args(self.package.programs.iter().flat_map(|program| ["--bin", &program.name]))
            .env("RUSTC", &rust.rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC_WRAPPER", wrapper)
            .env("CARGO_TARGET_DIR", &self.directory)
            .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TERM_COLOR", "never")
            .env(linker_variable(self.board), link)
            .env("SLUICE_WORKSPACE", &self.workspace)
            .env("SLUICE_RUST_SRC", &rust.source)
            .env("ZIG_GLOBAL_CACHE_DIR", self.directory.join("zig"))
            .env("ZIG_LOCAL_CACHE_DIR", self.directory.join("zig"))
            .env("LC_ALL", "C")
            .envs(linker.environment.iter().map(|(name, value)| (name, value)));

        let path = self.directory.join("cargo.log");
        let log = File::create(&path).with_context(|| format!("writing the log {}", path.display()))?;
        let errors = log.try_clone().with_context(|| format!("writing the log {}", path.display()))?;
        let status = cargo
            .stdout(log)
            .stderr(errors)
            .status()
            .with_context(|| format!("running {}", rust.cargo.display()))?;
        if !status.success() {
            let said = fs::read_to_string(&path).unwrap_or_default();
            bail!(
                "compiling the services for the device: cargo ended with {status}; its log is {}\n{}",
                path.display(),
                first_error(&said, is_error, SHOWN)
            );
        }
        Ok(())
    }

    /// Puts a script into the directory, in one step, so that a build next to this one never runs half of it.
    fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(path);
        }
        let write = || {
            let file = tempfile::NamedTempFile::new_in(&self.directory)?;
            fs::write(file.path(), text)?;
            fs::set_permissions(file.path(), Permissions::from_mode(0o755))?;
            // Linux runs no file that is open for writing.
            file.into_temp_path().persist(&path).map_err(|error| error.error)
        };
        write().with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// cargo does not know what the scripts do: when that has changed, its result is removed and made anew.
    fn forget_if_changed(&self, name: &str, parts: &[&str], results: &[PathBuf]) -> Result<()> {
        let identity = inputs::of_texts(parts.iter().copied());
        let stamp = self.directory.join(format!("{name}.stamp"));
        if fs::read_to_string(&stamp).is_ok_and(|there| there == identity) {
            return Ok(());
        }
        for result in results {
            let removed = if result.is_dir() { fs::remove_dir_all(result) } else { fs::remove_file(result) };
            removed
                .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
                .with_context(|| format!("removing {}", result.display()))?;
        }
        fs::write(&stamp, identity).with_context(|| format!("writing {}", stamp.display()))
    }
}

/// The arguments of cargo, without the names of the programs.
fn arguments(board: &Board, edition: Edition) -> [&str; 14] {
    let target = board.services.file;
    [
        "build",
        "--locked",
        "--package",
        package::NAME,
        "--profile",
        PROFILE,
        "--target",
        target,
        "--no-default-features",
        "--features",
        edition.features(),
        // std without its backtraces, which would be of no use without symbols.
        "-Zbuild-std=std,panic_abort",
        "-Zbuild-std-features=optimize_for_size",
        "-Zjson-target-spec",
    ]
}

/// Changes whenever cargo would be called otherwise.
pub(super) fn recipe(board: &Board, edition: Edition) -> String {
    inputs::of_texts(arguments(board, edition).into_iter().chain([RUSTFLAGS, WRAPPER]))
}

/// The variable that names the linker of the board's target to cargo.
fn linker_variable(board: &Board) -> String {
    format!("CARGO_TARGET_{}_LINKER", board.services.triple.to_uppercase().replace(['-', '.'], "_"))
}

/// The programs as cargo links them, in its directory `deps`. Those beside it are only further names for these.
fn linked(output: &Path, programs: &[Program]) -> Result<Vec<PathBuf>> {
    let directory = output.join("deps");
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let entries = entries.with_context(|| format!("listing {}", directory.display()))?;
    let is_program = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        programs
            .iter()
            .any(|program| name.strip_prefix(&*program.name).is_some_and(|rest| rest.starts_with('-')))
    };
    Ok(entries.into_iter().map(|entry| entry.path()).filter(is_program).collect())
}

/// How cargo and rustc begin an error.
fn is_error(line: &str) -> bool {
    line.starts_with("error:") || line.starts_with("error[")
}

/// Whether a variable could change what cargo makes.
fn disturbs(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let cargos = name.starts_with("CARGO") || name.starts_with("RUSTC") || name.starts_with("RUSTFLAGS");
    // cargo points this at its own toolchain's libraries, which another toolchain's compiler must not load.
    name == "LD_LIBRARY_PATH" || (cargos && !HARMLESS.iter().any(|harmless| name.starts_with(harmless)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_is_configured_for_does_not_reach_the_device() {
        for name in [
            "CARGO",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_PROFILE_DEVICE_LTO",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(disturbs(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "PATH", "HOME", "RUSTUP_HOME"] {
            assert!(!disturbs(OsStr::new(name)), "{name}");
        }
    }
}
