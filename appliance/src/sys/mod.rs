//! System calls: mounts, the kernel's environment, sysctls, the uptime, the size and cache of a disk, waiting for input, and
//! signals.
//!
//! The only unsafe code of the services is in this module, and only this module uses libc. On systems other than FreeBSD,
//! where the services are only tested, each call that is FreeBSD's own fails with [`std::io::ErrorKind::Unsupported`].

#[cfg(target_os = "freebsd")]
mod freebsd;
mod posix;
#[cfg(not(target_os = "freebsd"))]
mod stub;

#[cfg(target_os = "freebsd")]
pub use freebsd::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
pub use posix::{catch_stop_signals, stop_signal, wait_for_input};
#[cfg(not(target_os = "freebsd"))]
pub use stub::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
