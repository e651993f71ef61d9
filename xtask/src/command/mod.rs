//! The subcommands of `cargo xtask`, one file each: its arguments and what it does with the rest of the crate.

pub mod burn;
pub mod completions;
pub mod convert;
pub mod diff;
pub mod image;
pub mod inspect;
pub mod keygen;
pub mod lab;
pub mod man;
pub mod markdown;
pub mod pkg;
mod request;
pub mod run;
pub mod setup;
pub mod sizes;
pub mod summary;
pub mod test;
