//! Where secret keys are: in this user's configuration, never in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Names another folder for this user's keys, for tests and for machines that many use.
const VARIABLE: &str = "SLUICE_CONFIG_DIR";

/// This user's folder for keys; it need not be there yet.
///
/// # Errors
/// Nothing tells where it would be.
pub fn config_folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable(VARIABLE)
        .or_else(|| variable("XDG_CONFIG_HOME").map(|config| config.join("sluice")))
        .or_else(|| variable("HOME").map(|home| home.join(".config/sluice")))
        .with_context(|| {
            format!("looking for this user's keys: neither {VARIABLE}, XDG_CONFIG_HOME nor HOME is set")
        })
}

/// Refuses a secret key that would lie, or lies, in the repository at `root`.
///
/// # Errors
/// It does, or a path cannot be resolved.
pub fn require_outside(root: &Path, key: &Path) -> Result<()> {
    let resolve = |path: &Path| resolve(path).with_context(|| format!("looking where {} is", path.display()));
    ensure!(
        !resolve(key)?.starts_with(resolve(root)?),
        "{} is in the repository, where a secret key must never be: sooner or later it would be committed; keep \
         it elsewhere",
        key.display()
    );
    Ok(())
}

/// `path` without links, as far as it is there.
fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut rest = Vec::new();
    let mut there = path.as_path();
    loop {
        match (there.canonicalize(), there.file_name(), there.parent()) {
            (Ok(known), ..) => return Ok(rest.iter().rev().fold(known, |path, name| path.join(name))),
            (Err(_), Some(name), Some(parent)) => {
                rest.push(name);
                there = parent;
            }
            (Err(error), ..) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_key_in_the_repository_is_refused_by_whatever_path_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("repository");
        std::fs::create_dir_all(root.join("target")).unwrap();
        std::os::unix::fs::symlink(root.join("target"), dir.path().join("link")).unwrap();
        for inside in
            ["repository/a.key", "repository/target/not/there/a.key", "link/a.key", "x/../repository/a"]
        {
            let _ = std::fs::create_dir(dir.path().join("x"));
            let error = require_outside(&root, &dir.path().join(inside)).unwrap_err().to_string();
            assert!(error.contains("never"), "{inside}: {error}");
        }
        for outside in ["a.key", "repository2/a.key", "not/there/a.key"] {
            require_outside(&root, &dir.path().join(outside)).unwrap();
        }
    }
}
