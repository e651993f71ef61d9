//! The engineer's machine: its kind, its programs, its directories.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What installs packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packages {
    /// apt-get(8).
    Debian,
    /// pkg(8).
    FreeBsd,
    /// Nothing that we know.
    Unknown,
}

/// The machine, as far as installing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// Its packages.
    pub packages: Packages,
    /// Whether this process may install them.
    pub root: bool,
}

impl System {
    /// The one that we run on.
    pub fn of_this_machine() -> Self {
        let packages = if cfg!(target_os = "freebsd") {
            Packages::FreeBsd
        } else if program("apt-get").is_some() {
            Packages::Debian
        } else {
            Packages::Unknown
        };
        // A file belongs to the effective user who makes it: the safe way to ask for geteuid(2).
        let root =
            tempfile::tempfile().and_then(|file: File| file.metadata()).is_ok_and(|meta| meta.uid() == 0);
        Self { packages, root }
    }
}

/// A program in `PATH`, or where Debian keeps those of the administrator.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file| is_program(file))
}

/// Whether a path is a file that can be run.
pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What a program says of its version: the first line of `--version` that has a number in it.
pub fn version(program: &Path) -> Option<String> {
    // The Sleuth Kit knows `-V` only; nothing else is asked that way.
    let flag = if program.ends_with("fls") { "-V" } else { "--version" };
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.bytes().any(|byte| byte.is_ascii_digit()))?;
    Some(line.trim().to_owned())
}

/// A C header of this machine.
pub fn header(file: &str) -> Option<PathBuf> {
    let include = Path::new("/usr/include");
    let own = include.join(format!("{}-linux-gnu", std::env::consts::ARCH));
    [include, &own].into_iter().map(|directory| directory.join(file)).find(|path| path.is_file())
}
