//! The updater's promises, on a disk in memory that fails in every way a card can.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but does not recognise their shared functions as such"
)]

mod bench;
mod bundles;
mod deadlines;
mod disk;
mod faults;
mod http;
mod images;
mod keys;
mod locks;
mod power_cut;
mod refusals;
mod signals;
mod sources;
mod states;
mod stock;
mod web_server;
