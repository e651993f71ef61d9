//! Stories: the builder's promises, tested from the command line to the booted unit.
//!
//! They need the tools that `cargo xtask test` installs. If one is missing, a story reports that it is skipped; with
//! `SLUICE_TEST_ALL`, which `cargo xtask test` sets, it fails instead.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in the functions that they share"
)]

mod access;
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
mod mirror;
mod options;
mod output;
mod package_faults;
mod package_repository;
mod packages;
mod readers;
mod real_world;
mod repository;
mod saved_configuration;
mod sets;
mod sizes;
mod skip_options;
mod source_tree;
mod summary;
mod test_disk;
mod tools;
