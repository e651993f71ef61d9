//! Where secret keys are kept: in this user's configuration directory, never in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The environment variable with another directory for this user's keys, for tests and for shared machines.
pub const CONFIG_DIR: &str = "SLUICE_CONFIG_DIR";

/// This user's directory for keys. It need not exist yet.
///
/// # Errors
/// None of the environment variables that name it is set.
pub fn config_directory() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable(CONFIG_DIR)
        .or_else(|| variable("XDG_CONFIG_HOME").map(|config| config.join("sluice")))
        .or_else(|| variable("HOME").map(|home| home.join(".config/sluice")))
        .with_context(|| {
            format!("looking for this user's keys: neither {CONFIG_DIR}, XDG_CONFIG_HOME nor HOME is set")
        })
}

/// Refuses a path of a secret key inside the repository at `root`. The file need not exist yet.
///
/// # Errors
/// The path is in the repository, or cannot be resolved.
pub fn require_outside(root: &Path, key: &Path) -> Result<()> {
    let resolve =
        |path: &Path| resolve(path).with_context(|| format!("resolving the path {}", path.display()));
    ensure!(
        !resolve(key)?.starts_with(resolve(root)?),
        "{} is in the repository, where a secret key must never be: sooner or later it would be committed\n\
         hint: keep it outside the repository",
        key.display()
    );
    Ok(())
}

/// Resolves the symbolic links in the part of `path` that exists.
fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut rest = Vec::new();
    let mut existing = path.as_path();
    loop {
        match (existing.canonicalize(), existing.file_name(), existing.parent()) {
            (Ok(known), ..) => return Ok(rest.iter().rev().fold(known, |path, name| path.join(name))),
            (Err(_), Some(name), Some(parent)) => {
                rest.push(name);
                existing = parent;
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
