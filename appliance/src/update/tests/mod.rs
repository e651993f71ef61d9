//! The updater's promises, on a disk in memory that fails in every way a card does.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and sees none in the functions they share"
)]

mod bench;
mod bundles;
mod disk;
mod faults;
mod http;
mod images;
mod power_cut;
mod refusals;
mod states;
