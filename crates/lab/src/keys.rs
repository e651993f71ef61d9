//! Who signs the releases of the lab, and which keys they trust and revoke.
//!
//! Development builds are signed with the development key of a configuration directory, and also trust and revoke the keys
//! in its `keys`. So each change of keys is such a directory of its own: `lab/NAME` in the engineer's, whose development
//! key is the *old* one, with which all other releases of the lab are signed. No secret key leaves the engineer's directory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use builder::keys::{DEVELOPMENT, Pair, REVOKED, SUFFIX, Signer, config_directory};

/// The directory of public keys in a configuration directory.
const KEYS: &str = "keys";

/// A change of the trusted keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Signed with the old key; the new one is trusted, too.
    Both,
    /// Signed with the new key, the only one that is trusted.
    New,
    /// Signed with the new key; the old one is revoked.
    Leaked,
}

impl Keys {
    /// The configuration directory for building such a release. The old key must exist.
    ///
    /// # Errors
    /// It cannot be made, or there is no old key.
    pub fn config_directory(self) -> Result<PathBuf> {
        self.prepare(&config_directory()?)
    }

    fn prepare(self, engineer: &Path) -> Result<PathBuf> {
        // The links below must not depend on the current directory.
        let engineer = &std::path::absolute(engineer).context("finding the directory of the keys")?;
        let secret = |dir: &Path| dir.join(format!("{DEVELOPMENT}.key"));
        let new = engineer.join("lab/new");
        let (old_key, new_key) = (secret(engineer), secret(&new));
        if !new_key.exists() {
            match Pair::generate(None)?.save_secret(&new_key) {
                // Another lab was faster.
                Err(_) if new_key.exists() => {}
                saved => saved?,
            }
        }
        let (name, signer, file, public) = match self {
            Self::New => return Ok(new),
            Self::Both => ("both", &old_key, format!("{KEYS}/new{SUFFIX}"), &new_key),
            Self::Leaked => ("leaked", &new_key, format!("{KEYS}/{REVOKED}/old{SUFFIX}"), &old_key),
        };
        let directory = engineer.join("lab").join(name);
        let file = directory.join(file);
        let public = Signer::open(public)?.public_text().to_owned();
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(file.parent().unwrap_or(&directory))?;
            fs::write(&file, public)?;
            match symlink(signer, secret(&directory)) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        };
        write().with_context(|| format!("making the keys of the lab in {}", directory.display()))?;
        Ok(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_key_is_made_once_and_the_old_one_is_the_engineers() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Keys::Leaked.prepare(dir.path()).is_err(), "there is no old key");
        Pair::generate(None).unwrap().save_secret(&dir.path().join("development.key")).unwrap();
        let id = |path: PathBuf| Signer::open(&path).unwrap().id();
        let directories =
            || [Keys::Both, Keys::New, Keys::Leaked].map(|keys| keys.prepare(dir.path()).unwrap());
        let [both, new, leaked] = directories();
        let old = id(dir.path().join("development.key"));
        assert_eq!(id(both.join("development.key")), old);
        assert_ne!(id(new.join("development.key")), old);
        assert_eq!(id(leaked.join("development.key")), id(new.join("development.key")));
        let public = |path: PathBuf| fs::read_to_string(path).unwrap();
        let text = |path: PathBuf| Signer::open(&path).unwrap().public_text().to_owned();
        assert_eq!(public(both.join("keys/new.pub")), text(new.join("development.key")));
        assert_eq!(public(leaked.join("keys/revoked/old.pub")), text(dir.path().join("development.key")));
        assert!(!new.join(KEYS).exists());
        let before = id(new.join("development.key"));
        assert_eq!(directories(), [both, new.clone(), leaked]);
        assert_eq!(id(new.join("development.key")), before);
    }
}
