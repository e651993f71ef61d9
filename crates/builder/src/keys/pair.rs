//! Making key pairs, in minisign's format, and putting them where they belong.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use minisign::KeyPair;
use tempfile::NamedTempFile;

use super::{DEVELOPMENT, SUFFIX, Signer, config_folder, require_outside};

/// A key pair that is not on any disk yet.
pub struct Pair {
    public: String,
    secret: String,
}

impl Pair {
    /// A new pair, its secret key locked with `password` if there is one.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn generate(password: Option<String>) -> Result<Self> {
        let pair = match password {
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password)),
            None => KeyPair::generate_unencrypted_keypair(),
        };
        let pair = pair.context("making a key pair")?;
        let public = pair.pk.to_box().context("writing a public key")?.into_string();
        let secret = pair.sk.to_box(Some("minisign secret key of Sluice updates"));
        Ok(Self { public, secret: secret.context("writing a secret key")?.into_string() })
    }

    /// The text of the public key's file.
    pub fn public_text(&self) -> &str {
        &self.public
    }

    /// Writes the secret key for this user alone. Nothing that is there is replaced.
    ///
    /// # Errors
    /// There is something already, or it cannot be written.
    pub fn save_secret(&self, path: &Path) -> Result<()> {
        let attempt = || format!("writing the secret key {}", path.display());
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(attempt)?;
        save(folder, path, &self.secret, 0o600).with_context(attempt)
    }

    /// Writes the public key. Nothing that is there is replaced.
    ///
    /// # Errors
    /// There is something already, or it cannot be written.
    pub fn save_public(&self, path: &Path) -> Result<()> {
        save_public(path, &self.public)
    }
}

fn save_public(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        fs::create_dir_all(folder)?;
        Ok(save(folder, path, text, 0o644)?)
    };
    write().with_context(|| format!("writing the public key {}", path.display()))
}

/// All of `text` appears under `path` at once, or nothing.
fn save(folder: &Path, path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// This user's development key, made on first use.
pub(super) fn development(root: &Path, say: impl FnOnce(String)) -> Result<Signer> {
    let folder = config_folder()?;
    let path = folder.join(format!("{DEVELOPMENT}.key"));
    require_outside(root, &path)?;
    if !path.exists() {
        match Pair::generate(None)?.save_secret(&path) {
            Ok(()) => say(format!("made a key pair for development builds: {}", path.display())),
            // A build beside this one was faster.
            Err(_) if path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    let signer = Signer::open(&path)?;
    // For minisign(1) and `inspect`; the secret key holds it too.
    let public = folder.join(format!("{DEVELOPMENT}{SUFFIX}"));
    if fs::read_to_string(&public).is_ok_and(|there| there == signer.public_text()) {
        return Ok(signer);
    }
    match save_public(&public, signer.public_text()) {
        // A build beside this one was faster; a key of which the secret half is gone makes room.
        Err(_) if public.exists() => fs::write(&public, signer.public_text())
            .with_context(|| format!("writing the public key {}", public.display()))?,
        written => written?,
    }
    Ok(signer)
}

#[cfg(test)]
mod tests {
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
