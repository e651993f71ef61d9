//! The rules of NanoBSD, which turn the merged content of world, kernel, packages, services and overlay into a system with
//! a read-only root. They are `setup_nanobsd_etc`, `setup_nanobsd`, `prune_usr` and `cust_comconsole` of FreeBSD's
//! `tools/tools/nanobsd/defaults.sh`, as transformations of a [`rootfs::tree::Tree`].
//!
//! Invariants: nothing here depends on the slot that the image will be written to, and nothing reads the host. A rule that
//! would do nothing, or not what the engineer intended, is an error: the boot that it would break happens hundreds of
//! kilometres away. What the product itself chooses (host name, services) belongs into the overlay, not here.

mod conf;
mod console;
mod etc;
#[cfg(test)]
mod fixture;
mod fstab;
mod generated;
mod local;
#[cfg(test)]
mod real_world;
mod release;
mod root;
mod rules;
mod settings;
mod tmp;
mod ttys;

pub use firmware::release::Release;
#[cfg(test)]
pub use rules::apply_all;
pub use rules::{finish, prepare};
pub use settings::Settings;
