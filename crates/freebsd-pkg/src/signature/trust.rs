//! Whom to trust for a repository: its catalogue is signed, and the checksums of all packages are in the catalogue.
//!
//! With `pubkey`, the member `signature` of the catalogue's archive is the signature, and the key is a local file. With
//! `fingerprints`, the archive contains `NAME.sig` and `NAME.pub`, and the SHA-256 of the key must be among the trusted ones
//! and not among the revoked ones (`libpkg/pkg_repo.c`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::key::{Algorithm, KeyOrigin, PublicKey};
use crate::ucl;

/// Whom to trust for a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody: the repository is a directory of your own, and is not signed.
    Nobody,
    /// The owner of the public key in this file.
    Key(PathBuf),
    /// Owners of keys whose fingerprints are in the directory `trusted` below this one, and not in `revoked`.
    Fingerprints(PathBuf),
}

/// The members of a catalogue's archive without the catalogue itself, by name.
pub type Members = BTreeMap<String, Vec<u8>>;

impl Trust {
    /// Checks that `catalogue` has a signature of someone trusted.
    ///
    /// # Errors
    /// It does not, a key is revoked, or the local keys are missing.
    pub fn require(&self, catalogue: &[u8], members: &Members) -> Result<()> {
        match self {
            Self::Nobody => Ok(()),
            Self::Key(path) => signed_with_key(path, catalogue, members),
            Self::Fingerprints(dir) => signed_with_trusted(dir, catalogue, members),
        }
    }

    /// The value of `signature_type` in pkg.conf(5).
    pub const fn signature_type(&self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Key(_) => "pubkey",
            Self::Fingerprints(_) => "fingerprints",
        }
    }
}

fn signed_with_key(path: &Path, catalogue: &[u8], members: &Members) -> Result<()> {
    let bytes = fs::read(path).with_context(|| {
        format!("reading the public key {} (packages.key in the product definition)", path.display())
    })?;
    let signature = members.get("signature").with_context(|| {
        let has_fingerprints = members.keys().any(|name| name.ends_with(".sig"));
        let hint = if has_fingerprints {
            "\nhint: it is signed for fingerprints; set packages.signature = \"fingerprints\""
        } else {
            ""
        };
        format!("the catalogue has no member `signature`{hint}")
    })?;
    let (algorithm, signature) = Algorithm::split(signature).context("reading the member `signature`")?;
    // Old versions of pkg append a NUL to the signature.
    let trimmed = signature.strip_suffix(&[0]).filter(|_| algorithm == Algorithm::Rsa).unwrap_or(signature);
    let key = PublicKey::parse(algorithm, &bytes)
        .with_context(|| format!("reading the public key {}", path.display()))?;
    let verifies = |signature| key.verifies(catalogue, KeyOrigin::File, signature);
    ensure!(
        verifies(trimmed) || verifies(signature),
        "the signature does not match the key {}: the catalogue was changed, or signed with another key",
        path.display()
    );
    Ok(())
}

fn signed_with_trusted(dir: &Path, catalogue: &[u8], members: &Members) -> Result<()> {
    let trusted = fingerprints(&dir.join("trusted"))?;
    ensure!(
        !trusted.is_empty(),
        "{} contains no fingerprints\nhint: FreeBSD's are in /usr/share/keys/pkg of a world",
        dir.join("trusted").display()
    );
    let revoked = fingerprints(&dir.join("revoked"))?;
    let mut refused = Vec::new();
    for (name, signature) in
        members.iter().filter_map(|(name, bytes)| Some((name.strip_suffix(".sig")?, bytes)))
    {
        let Some(public) = members.get(&format!("{name}.pub")) else { continue };
        let (algorithm, signature) =
            Algorithm::split(signature).with_context(|| format!("reading {name}.sig"))?;
        let (key_algorithm, public) =
            Algorithm::split(public).with_context(|| format!("reading {name}.pub"))?;
        let fingerprint = hex::encode(Sha256::digest(public));
        if let Some(file) = revoked.get(&fingerprint) {
            bail!("the key `{name}` that signed it is revoked by {}", file.display());
        }
        if !trusted.contains_key(&fingerprint) {
            refused.push(format!("the key `{name}` with the fingerprint {fingerprint} is not trusted"));
            continue;
        }
        ensure!(
            algorithm == key_algorithm,
            "{name}.sig uses {algorithm}, but {name}.pub is a key for {key_algorithm}"
        );
        let key = PublicKey::parse(algorithm, public).with_context(|| format!("reading the key `{name}`"))?;
        if key.verifies(catalogue, KeyOrigin::Repository, signature) {
            return Ok(());
        }
        refused.push(format!("the signature of `{name}` does not match: the catalogue was changed"));
    }
    ensure!(!refused.is_empty(), "the catalogue has no signature with a key (NAME.sig and NAME.pub)");
    bail!("{}", refused.join("; "))
}

/// The fingerprints in the files of a directory, each with its file; empty if the directory is missing.
fn fingerprints(dir: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    if !dir.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        let attempt = || format!("reading the fingerprint {}", path.display());
        let text = fs::read_to_string(&path).with_context(attempt)?;
        let pairs = ucl::pairs(&text).with_context(attempt)?;
        let function = pairs.get("function").map_or("", String::as_str);
        ensure!(
            function.eq_ignore_ascii_case("sha256"),
            "{}: its function is `{function}`; only sha256 is supported",
            attempt()
        );
        let fingerprint =
            pairs.get("fingerprint").with_context(|| format!("{}: it has no `fingerprint:`", attempt()))?;
        found.insert(fingerprint.to_ascii_lowercase(), path);
    }
    Ok(found)
}
