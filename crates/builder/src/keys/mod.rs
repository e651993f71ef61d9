//! The keys that authenticate updates: which keys a unit trusts, and which key signs a build.
//!
//! A release trusts the keys in `firmware/keys` and no others, revokes those in `firmware/keys/revoked`, and is signed with
//! a key that it trusts. Any other build also trusts the development key of the engineer, and is signed with that; it
//! trusts and revokes the keys in the engineer's own `keys` and `keys/revoked`, too. Invariant: no secret key is ever read
//! from, or written to, the repository.

mod development;
mod location;
mod names;
mod pair;
mod signer;
mod signing;
mod trusted;

pub use location::{CONFIG_DIR, config_directory, require_outside};
pub use names::{DEVELOPMENT, DIRECTORY, REVOKED, SUFFIX};
pub use pair::Pair;
pub use signer::Signer;
pub use signing::{SIGN_KEY, Signing};
pub use trusted::{Trusted, TrustedKey};
