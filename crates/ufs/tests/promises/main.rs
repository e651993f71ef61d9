//! Tests the promises of the crate against readers and a checker that share nothing with the writer.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but does not recognize the functions they share"
)]

mod bytes;
mod checker;
mod sample;
mod tools;

mod boundaries;
mod determinism;
mod garbage;
mod refusals;
mod roundtrip;
mod scale;
