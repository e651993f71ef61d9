//! The architecture of the workspace: imports point one way, between crates and between the files of a crate; general
//! crates do not know the product; every dependency is used, and has a licence that the product accepts.
//!
//! The compiler keeps the crates apart; these tests keep the list of floors true, and find the circles that a crate may still
//! have inside. They need no tools.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but does not recognize the functions that they share"
)]

mod dependencies;
mod floors;
mod imports;
mod licences;
mod names;
mod workspace;
