//! Systems other than FreeBSD, where the services are only tested: every call fails.

use std::ffi::CStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

fn unsupported<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "this is not FreeBSD"))
}

/// statfs(2), of `/`.
pub fn root_device() -> Result<String> {
    unsupported()
}

/// getfsstat(2).
pub fn mounts() -> Result<Vec<(String, String)>> {
    unsupported()
}

/// kenv(2).
pub fn kenv(_: &CStr) -> Result<String> {
    unsupported()
}

/// sysctlbyname(3).
pub fn sysctl(_: &CStr) -> Result<u64> {
    unsupported()
}

/// sysctlbyname(3).
pub fn sysctl_text(_: &CStr) -> Result<String> {
    unsupported()
}

/// clock_gettime(2).
pub fn uptime() -> Result<Duration> {
    unsupported()
}

/// DIOCGMEDIASIZE.
pub fn media_size(_: &File) -> Result<u64> {
    unsupported()
}

/// DIOCGFLUSH.
pub fn flush(_: &File) -> Result<()> {
    unsupported()
}
