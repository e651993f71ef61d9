//! The builder: turns the product definition and a FreeBSD world into images. It runs on the engineer's machine
//! (Linux or FreeBSD) and never on the device.
//!
//! The pipeline is in the order of its stages: [`world`] and [`layer`]s -> [`tree`] -> [`nanobsd`] rules -> file
//! system (the `ufs` crate) -> [`image`]. What the device shares with it is in the `firmware` crate.

pub mod command;
pub mod isa;
pub mod nanobsd;
pub mod services;
pub mod toolchain;
pub mod tree;
