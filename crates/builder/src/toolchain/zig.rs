//! The pinned zig: fetched with pip, checked by pip against pinned hashes, unpacked into the build directory.
//!
//! One version for everyone: it brings the stubs of FreeBSD's libc and the linker, so it decides on bytes. On FreeBSD,
//! for which there is no wheel, it is the package's.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::host;
use crate::workspace;

/// The version; `REQUIREMENTS` pins its contents.
pub const VERSION: &str = "0.15.2";

/// pip's requirements file, with a hash for each platform.
const REQUIREMENTS: &str = include_str!("zig.txt");

/// zig, if it is here.
pub fn find() -> Option<PathBuf> {
    if cfg!(target_os = "freebsd") {
        return host::program("zig");
    }
    Some(directory().join("ziglang/zig")).filter(|zig| host::is_program(zig))
}

/// Whether pip is there to fetch it with; asking starts a process.
pub fn can_fetch() -> bool {
    let asked = Command::new("python3").args(["-m", "pip", "--version"]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// Fetches it.
///
/// The directory appears in one step, when it is complete.
pub fn fetch() -> Result<()> {
    let directory = directory();
    let parent = directory.parent().context("zig's directory has a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let work = tempfile::tempdir_in(parent)
        .with_context(|| format!("making a directory in {}", parent.display()))?;
    let requirements = work.path().join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).with_context(|| format!("writing {}", requirements.display()))?;

    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]);
    run(pip.arg("--dest").arg(work.path()).arg("--requirement").arg(&requirements))?;
    let wheel = fs::read_dir(work.path())
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("listing {}", work.path().display()))?
        .into_iter()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("fetching zig: pip said it worked, and left no wheel")?;

    let unpacked = work.path().join("unpacked");
    let mut unzip = Command::new("python3");
    run(unzip.args(["-m", "zipfile", "--extract"]).arg(&wheel).arg(&unpacked))?;
    let zig = unpacked.join("ziglang/zig");
    fs::set_permissions(&zig, Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", zig.display()))?;
    match fs::rename(&unpacked, &directory) {
        // Someone else was faster, with the same contents.
        Err(_) if find().is_some() => Ok(()),
        renamed => renamed.with_context(|| format!("moving zig to {}", directory.display())),
    }
}

fn directory() -> PathBuf {
    workspace::target().join(format!("toolchain/zig-{VERSION}"))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<_> = said.lines().rev().take(4).collect();
        let last: Vec<_> = last.into_iter().rev().map(|line| format!("\n  {line}")).collect();
        bail!("running {command:?}: {}{}", output.status, last.concat());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_of_the_pinned_version_is_pinned_by_hash() {
        let (head, hashes) = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.trim().trim_end_matches('\\').trim())
            .fold((String::new(), Vec::new()), |(head, mut hashes), line| {
                match line.strip_prefix("--hash=sha256:") {
                    Some(hash) => {
                        hashes.push(hash);
                        (head, hashes)
                    }
                    None => (head + line, hashes),
                }
            });
        assert_eq!(head, format!("ziglang=={VERSION}"));
        assert!(hashes.len() >= 6);
        assert!(
            hashes.iter().all(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        );
    }
}
