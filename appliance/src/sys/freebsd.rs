//! FreeBSD. Each function is a safe wrapper around one system call.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The device that is mounted on `/` (statfs(2), `f_mntfromname`).
pub fn root_device() -> Result<String> {
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in a NUL, and `found` is as large as the kernel's struct statfs.
    check(unsafe { libc::statfs(c"/".as_ptr(), found.as_mut_ptr()) })?;
    // SAFETY: statfs succeeded, so it has filled `found` in.
    let found = unsafe { found.assume_init() };
    // SAFETY: the kernel ends the name with a NUL inside the array, which outlives `name`.
    let name = unsafe { CStr::from_ptr(found.f_mntfromname.as_ptr()) };
    Ok(name.to_string_lossy().into_owned())
}

/// Every mounted device and its mount point (getfsstat(2), `f_mntfromname` and `f_mntonname`).
pub fn mounts() -> Result<Vec<(String, String)>> {
    /// More than a unit ever has; mounts beyond it would be missed.
    const MOST: usize = 64;
    let mut found = [const { MaybeUninit::<libc::statfs>::uninit() }; MOST];
    let bytes = size_of_val(&found) as libc::c_long;
    // SAFETY: the kernel writes at most `bytes` bytes of struct statfs to `found`.
    let count = unsafe { libc::getfsstat(found.as_mut_ptr().cast(), bytes, libc::MNT_NOWAIT) };
    check(count)?;
    let text = |name: &[libc::c_char]| {
        let bytes: Vec<u8> =
            name.iter().map(|&byte| byte.cast_unsigned()).take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let count = usize::try_from(count).unwrap_or_default();
    Ok(found[..count.min(MOST)]
        .iter()
        .map(|mount| {
            // SAFETY: the kernel has filled in `count` entries.
            let mount = unsafe { mount.assume_init_ref() };
            (text(&mount.f_mntfromname), text(&mount.f_mntonname))
        })
        .collect())
}

/// The value of a variable of the kernel's environment (kenv(2)).
pub fn kenv(name: &CStr) -> Result<String> {
    /// `KENV_MVALLEN` of sys/kenv.h, and the NUL.
    const LONGEST: usize = 129;
    let mut value = [0_u8; LONGEST];
    // SAFETY: the name ends in a NUL; the kernel writes at most `LONGEST` bytes to `value`.
    check(unsafe {
        libc::kenv(libc::KENV_GET, name.as_ptr(), value.as_mut_ptr().cast(), LONGEST as libc::c_int)
    })?;
    let value =
        CStr::from_bytes_until_nul(&value).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    Ok(value.to_string_lossy().into_owned())
}

/// The value of a sysctl that is an unsigned integer of four or eight bytes (sysctlbyname(3)).
pub fn sysctl(name: &CStr) -> Result<u64> {
    let mut value = [0_u8; 8];
    let mut length = value.len();
    // SAFETY: the name ends in a NUL; the kernel writes at most `length` bytes to `value`; nothing is set.
    check(unsafe {
        libc::sysctlbyname(name.as_ptr(), value.as_mut_ptr().cast(), &raw mut length, std::ptr::null(), 0)
    })?;
    match length {
        4 | 8 => Ok(u64::from_le_bytes(value)),
        other => {
            Err(Error::new(ErrorKind::InvalidData, format!("{other} bytes are not the size of an integer")))
        }
    }
}

/// The value of a sysctl that is a string (sysctlbyname(3)).
pub fn sysctl_text(name: &CStr) -> Result<String> {
    let mut length = 0;
    // SAFETY: the name ends in a NUL; without a buffer, the kernel writes only the value's length; nothing is set.
    check(unsafe {
        libc::sysctlbyname(name.as_ptr(), std::ptr::null_mut(), &raw mut length, std::ptr::null(), 0)
    })?;
    // The value may grow between the two calls.
    length += 1024;
    let mut value = vec![0_u8; length];
    // SAFETY: the name ends in a NUL; the kernel writes at most `length` bytes to `value`; nothing is set.
    check(unsafe {
        libc::sysctlbyname(name.as_ptr(), value.as_mut_ptr().cast(), &raw mut length, std::ptr::null(), 0)
    })?;
    value.truncate(length);
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// The time since the boot, which setting the date does not change (clock_gettime(2)).
pub fn uptime() -> Result<Duration> {
    let mut now = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `now` is a struct timespec.
    check(unsafe { libc::clock_gettime(libc::CLOCK_UPTIME, now.as_mut_ptr()) })?;
    // SAFETY: clock_gettime succeeded, so it has filled `now` in.
    let now = unsafe { now.assume_init() };
    Ok(Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or_default()))
}

/// The size of a disk or slice in bytes (DIOCGMEDIASIZE, disk(9)'s sys/disk.h).
pub fn media_size(disk: &File) -> Result<u64> {
    /// `_IOR('d', 129, off_t)`.
    const DIOCGMEDIASIZE: libc::c_ulong = 0x4008_6481;
    let mut bytes: libc::off_t = 0;
    // SAFETY: the kernel writes one off_t to `bytes`.
    check(unsafe { libc::ioctl(disk.as_raw_fd(), DIOCGMEDIASIZE, &raw mut bytes) })?;
    u64::try_from(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// Returns once a disk has stored everything it was given (DIOCGFLUSH, sys/disk.h).
///
/// A card without a write cache answers `EOPNOTSUPP` (`g_disk_start()`, geom_disk.c): there is nothing to wait for then.
pub fn flush(disk: &File) -> Result<()> {
    /// `_IO('d', 135)`.
    const DIOCGFLUSH: libc::c_ulong = 0x2000_6487;
    // SAFETY: this request takes no argument.
    match check(unsafe { libc::ioctl(disk.as_raw_fd(), DIOCGFLUSH) }) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
        result => result,
    }
}

fn check(result: libc::c_int) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}
