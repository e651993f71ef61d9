//! The names of the key files.

/// The directory of the product's public keys, from the root of the repository.
pub const DIRECTORY: &str = "firmware/keys";
/// The name of the key pair that each engineer has for builds that are not releases.
pub const DEVELOPMENT: &str = "development";
/// The directory of revoked keys, in the directory of the keys.
pub const REVOKED: &str = "revoked";
/// The extension of a public key file.
pub const SUFFIX: &str = firmware::paths::KEY_SUFFIX;
