//! Where the repository is, and where builds keep what can be made again.

use std::path::{Path, PathBuf};

/// The root of the repository that is built: the one that `cargo xtask` was called in.
pub fn root() -> PathBuf {
    // cargo sets this for what it runs; a builder that is started by hand serves the repository it was compiled in.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let holds_the_product = |dir: &&Path| dir.join("appliance/appliance.toml").is_file();
    manifest.ancestors().find(holds_the_product).unwrap_or(Path::new(".")).to_owned()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    // A relative path means the folder that cargo was started in, which is the workspace as far as the alias goes.
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
