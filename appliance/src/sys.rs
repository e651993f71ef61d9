//! What is asked of the kernel directly: mounts, the kernel's environment, sysctls, a clock, and of a disk its size and
//! that it keep what was written.
//!
//! The only unsafe code of the services is below this module, for FreeBSD. On the engineer's machine, which builds and
//! tests the logic, each question fails instead, with an error that says so.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(not(target_os = "freebsd"))]
mod stub;

#[cfg(target_os = "freebsd")]
pub use freebsd::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
#[cfg(not(target_os = "freebsd"))]
pub use stub::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
