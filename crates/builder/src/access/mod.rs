//! Who can log in to a unit over the network: the SSH public keys of `[access]` in the product definition.
//!
//! Every line is checked when an image is built, since sshd(8) passes over a line that it does not understand, which nobody
//! would notice before a unit is far away. What sshd itself is told is a step of the customization.

mod authorized_keys;
mod public_key;

pub use authorized_keys::layer;
