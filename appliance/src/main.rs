//! `sluice`: the product's services.
fn main() {}
