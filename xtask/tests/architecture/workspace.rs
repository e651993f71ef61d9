//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, Package};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The members of the workspace with this manifest, whose path is relative to [`root`].
pub fn packages(manifest: impl AsRef<Path>) -> Vec<Package> {
    let metadata = MetadataCommand::new().manifest_path(root().join(manifest)).no_deps().exec().unwrap();
    metadata.packages
}
