//! The keys of one build: which keys its slots trust, and which key signs its update.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::development;
use super::location::require_outside;
use super::names::{DEVELOPMENT, DIRECTORY};
use super::signer::Signer;
use super::trusted::Trusted;

/// The environment variable with the path of a release's secret key, for builds without `--sign-key`.
pub const SIGN_KEY: &str = "SLUICE_SIGN_KEY";

/// The keys of one build.
#[derive(Debug)]
pub struct Signing {
    /// The keys that its slots trust.
    pub trusted: Trusted,
    /// Signs its bundle.
    pub signer: Signer,
}

impl Signing {
    /// The keys of a development build. Creates the development key if it does not exist, and reports that with `report`.
    ///
    /// # Errors
    /// A key cannot be read, or the development key cannot be created.
    pub fn of_development(root: &Path, report: impl FnOnce(String)) -> Result<Self> {
        let mut trusted = Trusted::of_repository(root)?;
        let signer = development::signer(root, report)?;
        trusted.add(DEVELOPMENT, signer.public_text()).context("trusting the development key")?;
        Ok(Self { trusted, signer })
    }

    /// The keys of a release. Its secret key is in `file`, or else in the file that [`SIGN_KEY`] names. Asks for the
    /// password now, so that nobody has to wait for the end of the build.
    ///
    /// # Errors
    /// There is no product key, no secret key, or the repository does not hold the public key of the secret key.
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
}

/// The line of a public key file that holds the key.
fn encoded(text: &str) -> Option<&str> {
    text.lines().nth(1)
}
