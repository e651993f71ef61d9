//! Where the repository is, and where builds keep what can be made again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that every checkout has.
const MARK: &str = "appliance/appliance.toml";

/// The root of the checkout that `cargo xtask` was called in, or, for a builder that is started by hand, of the one that the
/// current directory is in.
///
/// # Errors
/// There is no checkout.
pub fn find() -> Result<PathBuf> {
    // cargo sets this for the programs that it runs.
    let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(manifest) => PathBuf::from(manifest),
        None => std::env::current_dir().context("finding the current directory")?,
    };
    checkout_of(&start)
}

/// As [`find`]; the current directory if there is no checkout.
pub fn root() -> PathBuf {
    find().unwrap_or_else(|_| PathBuf::from("."))
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    // A relative path is relative to the directory that cargo was started in, which is the workspace as far as the alias goes.
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn checkout_of(start: &Path) -> Result<PathBuf> {
    let root = start.ancestors().find(|dir| dir.join(MARK).is_file());
    root.map(Path::to_owned).with_context(|| {
        format!(
            "looking for the product's repository: neither {} nor a directory above it has {MARK}\nhint: change to the \
             checkout first",
            start.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_that_one_stands_in_is_served_and_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("appliance/src");
        std::fs::create_dir_all(&deep).unwrap();
        let error = checkout_of(&deep).unwrap_err().to_string();
        assert!(error.contains("\nhint: change to the checkout first"), "{error}");
        std::fs::write(dir.path().join(MARK), "").unwrap();
        assert_eq!(checkout_of(&deep).unwrap(), dir.path());
    }
}
