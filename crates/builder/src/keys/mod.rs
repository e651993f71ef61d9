//! The keys that authenticate updates: which keys a unit trusts, and which key signs a build.
//!
//! A release trusts the keys in `firmware/keys` and no others, and is signed with one of them. Any other build also trusts
//! the development key of the engineer, and is signed with that. Invariant: no secret key is ever read from, or written
//! to, the repository.

mod development;
mod location;
mod names;
mod pair;
mod signer;
mod signing;
mod trusted;

pub use location::{config_directory, require_outside};
pub use names::{DEVELOPMENT, DIRECTORY, SUFFIX};
pub use pair::Pair;
pub use signer::Signer;
pub use signing::{SIGN_KEY, Signing};
pub use trusted::{Trusted, TrustedKey};
