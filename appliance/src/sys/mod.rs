//! System calls: mounts, the kernel's environment, sysctls, the uptime, and the size and cache of a disk.
//!
//! The only unsafe code of the services is in this module's FreeBSD half, and only this module uses libc. On other systems,
//! where the services are only tested, each call fails with [`std::io::ErrorKind::Unsupported`].

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(not(target_os = "freebsd"))]
mod stub;

#[cfg(target_os = "freebsd")]
pub use freebsd::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
#[cfg(not(target_os = "freebsd"))]
pub use stub::{flush, kenv, media_size, mounts, root_device, sysctl, sysctl_text, uptime};
