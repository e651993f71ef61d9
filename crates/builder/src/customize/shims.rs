//! Programs that precede the host's in the search path of hooks. They accept BSD's options on other hosts, replace programs
//! that not every host has, and write to `NANO_METALOG` what only root could do. A program that cannot be replaced says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// The part that `chown`, `chgrp`, `chflags` and `install` share.
const COMMON: &str = include_str!("shims/common");

/// On every host.
const EVERYWHERE: [(&str, &str); 5] = [
    ("cpio", include_str!("shims/cpio")),
    ("chown", include_str!("shims/chown")),
    ("chgrp", include_str!("shims/chgrp")),
    ("chflags", include_str!("shims/chflags")),
    ("install", include_str!("shims/install")),
];

/// On hosts other than FreeBSD, whose own programs hooks are written for.
const ELSEWHERE: [(&str, &str); 9] = [
    ("sed", include_str!("shims/sed")),
    ("date", include_str!("shims/date")),
    ("find", include_str!("shims/find")),
    ("ln", include_str!("shims/ln")),
    ("b64decode", include_str!("shims/b64decode")),
    ("md5", DIGEST),
    ("sha1", DIGEST),
    ("sha256", DIGEST),
    ("sha512", DIGEST),
];

const DIGEST: &str = include_str!("shims/digest");

/// Programs of FreeBSD that are used if the host has them.
const UNAVAILABLE: [&str; 3] = ["makefs", "makemap", "newaliases"];

/// Writes the programs into the new directory `dir`.
///
/// # Errors
/// A file cannot be written.
pub fn write(dir: &Path) -> Result<()> {
    let attempt = || format!("writing the programs of hooks to {}", dir.display());
    fs::create_dir(dir).with_context(attempt)?;
    fs::write(dir.join(".common"), COMMON).with_context(attempt)?;
    let elsewhere = ELSEWHERE.into_iter().filter(|_| !cfg!(target_os = "freebsd"));
    let unavailable = UNAVAILABLE.map(|name| (name, include_str!("shims/unavailable")));
    for (name, text) in EVERYWHERE.into_iter().chain(elsewhere).chain(unavailable) {
        let path = dir.join(name);
        fs::write(&path, text).with_context(attempt)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).with_context(attempt)?;
    }
    Ok(())
}
