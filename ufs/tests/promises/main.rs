//! The promises of the crate, held against readers and a checker that share nothing with the
//! writer.

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
