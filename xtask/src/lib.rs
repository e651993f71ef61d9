//! The builder: turns the product definition and a FreeBSD world into images. It runs on the engineer's machine
//! (Linux or FreeBSD) and never on the device.
//!
//! The pipeline is in the order of its stages: [`world`] and [`layer`]s -> [`tree`] -> [`nanobsd`] rules -> file
//! system (the `ufs` crate) -> [`image`]. What the device shares with it is in the `firmware` crate.

pub mod assembler;
pub mod command;
pub mod miniature;
pub mod qemu;
pub mod tree;

use std::path::{Path, PathBuf};

/// The root of the repository that this builder was compiled in.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where builds keep what they make: cargo's target folder.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}
