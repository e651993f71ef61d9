//! Asks the kernel where the system runs from, what is mounted, and which disk a slice is on.

use anyhow::{Context, Result};
use bsd_disk::conftxt;

use crate::sys;

/// The device that is mounted on `/`: `/dev/ada0s1a`.
///
/// # Errors
/// The kernel does not answer.
pub fn root_device() -> Result<String> {
    sys::root_device().context("asking which device is mounted on /")
}

/// The device that the loader was loaded from, kenv(1)'s `loaddev`: `disk0s1a:`.
///
/// # Errors
/// The kernel does not know it.
pub fn loader_device() -> Result<String> {
    sys::kenv(c"loaddev").context("reading `loaddev` from the kernel's environment")
}

/// Where the slice at this path, or a part of it, is mounted.
///
/// # Errors
/// The kernel does not answer.
pub fn mount_point(slice: &str) -> Result<Option<String>> {
    let mounts = sys::mounts().context("listing the mounted file systems")?;
    let tree = geom_tree()?;
    // A label is one more name for a slice, and a mount shows only one of the names.
    let names = conftxt::names_of_slice(&tree, slice.trim_start_matches("/dev/"));
    let is_of_slice = |from: &str| {
        from.starts_with(slice) || from.strip_prefix("/dev/").is_some_and(|name| names.contains(&name))
    };
    Ok(mounts.into_iter().find(|(from, _)| is_of_slice(from)).map(|(_, at)| at))
}

/// The disk that a slice is a part of, both without `/dev/`.
///
/// # Errors
/// The kernel does not answer, or lists no such slice.
pub fn disk_of(slice: &str) -> Result<String> {
    let tree = geom_tree()?;
    let disk = conftxt::disk_of(&tree, slice).map(str::to_owned);
    disk.with_context(|| format!("kern.geom.conftxt lists no disk for {slice}"))
}

fn geom_tree() -> Result<String> {
    sys::sysctl_text(c"kern.geom.conftxt").context("reading the sysctl kern.geom.conftxt")
}
