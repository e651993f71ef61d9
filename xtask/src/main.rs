//! `cargo xtask`: the command line.
fn main() {}
