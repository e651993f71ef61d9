//! The builder: turns the product definition and a FreeBSD world into images. It runs on the engineer's machine
//! (Linux or FreeBSD) and never on the device.
//!
//! In the order of the pipeline: a [`world`] and the product's own [`layer`]s merge into a [`tree`], [`nanobsd`]'s
//! rules transform it, and [`image`] lays it out and writes it, with the file systems of the `ufs` crate and the
//! on-disk formats of the `firmware` crate. [`command`] is the command line.

pub mod command;
pub mod flags;
pub mod image;
pub mod inputs;
pub mod isa;
pub mod layer;
pub mod miniature;
pub mod nanobsd;
pub mod product;
pub mod report;
pub mod services;
pub mod toolchain;
pub mod tree;
pub mod vis;
pub mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The root of the repository that is built: the one that `cargo xtask` was called in.
pub fn repository() -> PathBuf {
    // cargo sets this for what it runs; a builder that is started by hand serves the repository it was compiled in.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Where builds keep what they make: cargo's target folder.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}
