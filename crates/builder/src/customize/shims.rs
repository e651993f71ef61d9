//! Programs that stand before the host's for hooks: they speak BSD's language on other hosts, do what not every host
//! has, and write to `NANO_METALOG` what only root could do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// What each of `chown`, `chgrp`, `chflags` and `install` needs.
const COMMON: &str = include_str!("shims/common");

const SHIMS: [(&str, &str); 6] = [
    ("cpio", include_str!("shims/cpio")),
    ("sed", include_str!("shims/sed")),
    ("chown", include_str!("shims/chown")),
    ("chgrp", include_str!("shims/chgrp")),
    ("chflags", include_str!("shims/chflags")),
    ("install", include_str!("shims/install")),
];

/// Writes them into the folder `dir`, which is made.
///
/// # Errors
/// The host cannot hold them.
pub fn write(dir: &Path) -> Result<()> {
    let attempt = || format!("writing the programs of hooks to {}", dir.display());
    fs::create_dir(dir).with_context(attempt)?;
    fs::write(dir.join(".common"), COMMON).with_context(attempt)?;
    for (name, text) in SHIMS {
        let path = dir.join(name);
        // FreeBSD's sed is what hooks are written for.
        if name == "sed" && cfg!(target_os = "freebsd") {
            continue;
        }
        fs::write(&path, text).with_context(attempt)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).with_context(attempt)?;
    }
    Ok(())
}
