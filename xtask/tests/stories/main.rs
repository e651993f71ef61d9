//! Stories: the builder's promises, told from the command line to the booted device.
//!
//! They need the tools that `cargo xtask test` installs. Where one lacks, a story says that it was skipped; with
//! `SLUICE_TEST_ALL`, which `cargo xtask test` sets, it fails instead.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and sees none in the functions they share"
)]

mod boot;
mod boot_decisions;
mod boot_manager;
mod bundle;
mod burn;
mod convert;
mod customize;
mod diff;
mod digests;
mod image;
mod inspect;
mod lab;
mod labels;
mod letters;
mod mirror;
mod options;
mod output;
mod package_faults;
mod package_repository;
mod packages;
mod readers;
mod real_world;
mod repository;
mod sets;
mod sizes;
mod source_tree;
mod summary;
mod test_disk;
mod tools;
