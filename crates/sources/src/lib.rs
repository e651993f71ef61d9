//! What a package of the workspace is compiled from, and a digest of it: its own sources and those of the packages of the
//! workspace that it depends on, the versions that the lock file has for everything else, and what the manifests say of
//! features and targets.
//!
//! What cannot change the result does not count: tests, benchmarks, examples, documentation, development dependencies, and
//! packages that it does not depend on. Cargo is asked for the manifests only (`cargo metadata --no-deps --offline`), which
//! needs neither a network nor downloaded crates; the lock file says the rest.

mod closure;
mod digest;
mod files;
mod lock;
mod manifest;

pub use closure::Closure;
pub use digest::Digest;
pub use manifest::Package;
