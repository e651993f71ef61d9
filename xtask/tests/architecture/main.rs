//! Imports point one way: between crates, and between the files of a crate.
//!
//! The compiler keeps the crates apart; these tests keep the list of floors true, and find the circles that a crate may still
//! have inside.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but does not recognize the functions that they share"
)]

mod floors;
mod imports;
mod names;
