//! The subcommands: one file each, with `Args` and what running them does.

pub mod setup;
