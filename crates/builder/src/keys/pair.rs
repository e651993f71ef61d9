//! Key pairs in minisign's format, and saving them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use minisign::KeyPair;
use tempfile::NamedTempFile;

/// A new key pair in memory.
pub struct Pair {
    public: String,
    secret: String,
}

impl Pair {
    /// Generates a pair, and encrypts its secret key with `password` if there is one.
    ///
    /// # Errors
    /// The system has no source of random numbers.
    pub fn generate(password: Option<String>) -> Result<Self> {
        let pair = match password {
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password)),
            None => KeyPair::generate_unencrypted_keypair(),
        };
        let pair = pair.context("generating a key pair")?;
        let public = pair.pk.to_box().context("encoding a public key")?.into_string();
        let secret = pair.sk.to_box(Some("minisign secret key of Sluice updates"));
        Ok(Self { public, secret: secret.context("encoding a secret key")?.into_string() })
    }

    /// The content of the public key file.
    pub fn public_text(&self) -> &str {
        &self.public
    }

    /// Writes the secret key to a new file that only this user can read.
    ///
    /// # Errors
    /// The file exists already, or cannot be written.
    pub fn save_secret(&self, path: &Path) -> Result<()> {
        let attempt = || format!("writing the secret key {}", path.display());
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(attempt)?;
        save(dir, path, &self.secret, 0o600).with_context(attempt)
    }

    /// Writes the public key to a new file.
    ///
    /// # Errors
    /// The file exists already, or cannot be written.
    pub fn save_public(&self, path: &Path) -> Result<()> {
        save_public(path, &self.public)
    }
}

pub(super) fn save_public(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        fs::create_dir_all(dir)?;
        Ok(save(dir, path, text, 0o644)?)
    };
    write().with_context(|| format!("writing the public key {}", path.display()))
}

/// Creates `path` with all of `text` in one step, or not at all.
fn save(dir: &Path, path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::signer::Signer;
    use super::*;

    #[test]
    fn a_pair_on_disk_belongs_together_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, public) = (dir.path().join("new/a.key"), dir.path().join("a.pub"));
        let pair = Pair::generate(None).unwrap();
        pair.save_secret(&secret).unwrap();
        pair.save_public(&public).unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(secret.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(Signer::open(&secret).unwrap().public_text(), fs::read_to_string(&public).unwrap());

        let other = Pair::generate(None).unwrap();
        assert!(other.save_secret(&secret).is_err() && other.save_public(&public).is_err());
        assert_eq!(Signer::open(&secret).unwrap().public_text(), pair.public_text());
        assert_eq!(fs::read_to_string(&public).unwrap(), pair.public_text());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-written is left");
    }
}
