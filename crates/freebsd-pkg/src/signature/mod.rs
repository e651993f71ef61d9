//! Signatures of repositories, of every type that pkg makes, and the keys that are [trusted](Trust).

mod der;
mod ecdsa;
mod eddsa;
mod key;
mod trust;

pub use trust::{Members, Trust};
