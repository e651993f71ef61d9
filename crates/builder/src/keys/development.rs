//! The development key of this user.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::location::{config_directory, require_outside};
use super::names::{DEVELOPMENT, SUFFIX};
use super::pair::{self, Pair};
use super::signer::Signer;

/// Opens this user's development key. Creates it first if it does not exist, and reports that with `report`.
pub(super) fn signer(root: &Path, report: impl FnOnce(String)) -> Result<Signer> {
    let dir = config_directory()?;
    let path = dir.join(format!("{DEVELOPMENT}.key"));
    require_outside(root, &path)?;
    if !path.exists() {
        match Pair::generate(None)?.save_secret(&path) {
            Ok(()) => report(format!("created a key pair for development builds: {}", path.display())),
            // A concurrent build was faster.
            Err(_) if path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    let signer = Signer::open(&path)?;
    // minisign(1) and `inspect` read the public key from a file of its own; the secret key file holds it too.
    let public = dir.join(format!("{DEVELOPMENT}{SUFFIX}"));
    if fs::read_to_string(&public).is_ok_and(|existing| existing == signer.public_text()) {
        return Ok(signer);
    }
    match pair::save_public(&public, signer.public_text()) {
        // A concurrent build was faster, or the secret half of the existing public key is gone.
        Err(_) if public.exists() => fs::write(&public, signer.public_text())
            .with_context(|| format!("writing the public key {}", public.display()))?,
        saved => saved?,
    }
    Ok(signer)
}
