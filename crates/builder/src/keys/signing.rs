//! The keys of one build: which keys its slots trust, and which key signs its update.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use firmware::revocations::Revocations;

use super::development;
use super::location::{config_directory, require_outside};
use super::names::{DEVELOPMENT, DIRECTORY, REVOKED};
use super::signer::Signer;
use super::trusted::Trusted;

/// The environment variable with the path of a release's secret key, for builds without `--sign-key`.
pub const SIGN_KEY: &str = "SLUICE_SIGN_KEY";

/// The directory of more keys for development builds, in this user's configuration directory.
const OWN_KEYS: &str = "keys";

/// The keys of one build.
#[derive(Debug)]
pub struct Signing {
    /// The keys that its slots trust.
    pub trusted: Trusted,
    /// Signs its bundle.
    pub signer: Signer,
}

impl Signing {
    /// The keys of a development build: those of the repository, and of `keys` in this user's configuration directory, by
    /// which a change of keys can be tried before it is committed. Creates the development key if it does not exist, and
    /// reports that with `report`.
    ///
    /// # Errors
    /// A key cannot be read, the development key cannot be created, or a key is both trusted and revoked.
    pub fn of_development(root: &Path, report: impl FnOnce(String)) -> Result<Self> {
        let mut trusted = Trusted::of_repository(root)?;
        trusted.add_directory(&config_directory()?.join(OWN_KEYS))?;
        let signer = development::signer(root, report)?;
        trusted.add(DEVELOPMENT, signer.public_text()).context("trusting the development key")?;
        trusted.check()?;
        Ok(Self { trusted, signer })
    }

    /// The keys of a release. Its secret key is in `file`, or else in the file that [`SIGN_KEY`] names. Asks for the
    /// password now, so that nobody has to wait for the end of the build.
    ///
    /// # Errors
    /// There is no product key, no secret key, the secret key is revoked, or the repository does not hold its public key.
    pub fn of_release(root: &Path, release: &str, file: Option<PathBuf>) -> Result<Self> {
        let trusted = Trusted::of_repository(root)?;
        ensure!(
            !trusted.keys().is_empty(),
            "building release {release}: {DIRECTORY} holds no product key, so no unit could ever install an update\n\
             hint: create a key pair with `cargo xtask keygen` and commit the public key"
        );
        let file =
            file.or_else(|| std::env::var_os(SIGN_KEY).filter(|file| !file.is_empty()).map(PathBuf::from));
        let Some(file) = file else {
            bail!(
                "building release {release}: no product key was given to sign its update with\n\
                 hint: pass the secret key with --sign-key FILE, or set {SIGN_KEY}"
            )
        };
        require_outside(root, &file)?;
        let signer = Signer::open(&file)?;
        let revoked = trusted.revoked().iter().find(|key| key.id == signer.id());
        if let Some(revoked) = revoked {
            bail!(
                "building release {release}: the key in {} ({}) is revoked as {DIRECTORY}/{REVOKED}/{}.pub, so no unit would \
                 install an update that is signed with it\nhint: sign with one of the keys in {DIRECTORY}",
                file.display(),
                signer.id(),
                revoked.name
            );
        }
        let known = trusted.keys().iter().find(|key| key.id == signer.id());
        ensure!(
            known.is_some_and(|key| encoded(&key.text) == encoded(signer.public_text())),
            "building release {release}: the key in {} ({}) is not one of the keys in {DIRECTORY} ({})\n\
             hint: use the secret key of one of them, or commit the public key of this one",
            file.display(),
            signer.id(),
            trusted
                .keys()
                .iter()
                .map(|key| format!("{} {}", key.name, key.id))
                .collect::<Vec<_>>()
                .join(", ")
        );
        Ok(Self { trusted, signer })
    }

    /// What the build withdraws from those who sign updates, with the key epoch of the product definition.
    ///
    /// # Errors
    /// Keys are revoked, and the epoch is 0.
    pub fn revocations(&self, epoch: u32) -> Result<Revocations> {
        let revoked = self.trusted.revoked();
        ensure!(
            epoch > 0 || revoked.is_empty(),
            "update.key_epoch is 0, although {} is revoked\n\
             hint: raise it by one whenever a key is revoked, so that units refuse the releases before that",
            revoked.iter().map(|key| &*key.name).collect::<Vec<_>>().join(", ")
        );
        let revocations = Revocations { epoch, keys: revoked.iter().map(|key| key.id).collect() };
        revocations.check()?;
        Ok(revocations)
    }
}

/// The line of a public key file that holds the key.
fn encoded(text: &str) -> Option<&str> {
    text.lines().nth(1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::pair::Pair;
    use super::*;

    #[test]
    fn a_release_is_not_signed_with_a_revoked_key_and_says_what_it_revokes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("repository");
        let keys = root.join(DIRECTORY);
        fs::create_dir_all(keys.join(REVOKED)).unwrap();
        for name in ["old", "new"] {
            let pair = Pair::generate(None).unwrap();
            pair.save_secret(&dir.path().join(format!("{name}.key"))).unwrap();
            pair.save_public(&keys.join(format!("{name}.pub"))).unwrap();
        }
        let release =
            |name: &str| Signing::of_release(&root, "1.2.0", Some(dir.path().join(format!("{name}.key"))));
        let signing = release("old").unwrap();
        assert!(signing.revocations(0).unwrap().is_empty());
        assert_eq!(signing.revocations(3).unwrap(), Revocations { epoch: 3, keys: Vec::new() });

        fs::rename(keys.join("old.pub"), keys.join(REVOKED).join("old.pub")).unwrap();
        let error = release("old").unwrap_err().to_string();
        assert!(error.contains("is revoked as firmware/keys/revoked/old.pub"), "{error}");
        assert!(error.contains("\nhint: sign with one of the keys in firmware/keys"), "{error}");
        let revoking = release("new").unwrap();
        let id = signing.signer.id();
        assert_eq!(revoking.revocations(1).unwrap(), Revocations { epoch: 1, keys: vec![id] });
        let error = revoking.revocations(0).unwrap_err().to_string();
        assert!(error.contains("update.key_epoch is 0, although old is revoked\nhint: "), "{error}");
        assert!(revoking.revocations(10_000).is_err());
    }
}
