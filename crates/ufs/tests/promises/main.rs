//! The promises of the crate, held against readers and a checker that share nothing with the
//! writer.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and sees none in the functions they share"
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
