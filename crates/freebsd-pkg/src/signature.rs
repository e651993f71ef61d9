//! Who vouches for a repository: its catalogue is signed, the checksums of all packages are in the catalogue.
//!
//! With `pubkey` the member `signature` of the catalogue's archive holds the signature, and the key is a file here; with
//! `fingerprints` the archive holds `NAME.sig` and `NAME.pub`, and the SHA-256 of the key must be among the trusted ones and
//! not among the revoked (`libpkg/pkg_repo.c`). What keys and signatures are like is in [`key`].

pub mod ecdsa;
pub mod eddsa;
pub mod key;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::ucl;
use key::{Kind, Origin, PublicKey};

/// Whom the product trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody signs: the repository is a folder of one's own.
    Nobody,
    /// The holder of the key whose public half is in this file.
    Key(PathBuf),
    /// Holders of keys whose fingerprints are in the folders `trusted` and not `revoked` below this one.
    Fingerprints(PathBuf),
}

/// The members of a catalogue's archive other than the catalogue itself, by name.
pub type Members = BTreeMap<String, Vec<u8>>;

impl Trust {
    /// Checks that someone trusted has signed `catalogue`.
    ///
    /// # Errors
    /// Nobody has, a key is revoked, or the keys that should be here are not.
    pub fn require(&self, catalogue: &[u8], members: &Members) -> Result<()> {
        match self {
            Self::Nobody => Ok(()),
            Self::Key(path) => signed_with_key(path, catalogue, members),
            Self::Fingerprints(dir) => signed_with_trusted(dir, catalogue, members),
        }
    }

    /// The word for it in the product definition.
    pub const fn word(&self) -> &'static str {
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
        let there = members.keys().any(|name| name.ends_with(".sig"));
        let hint = if there {
            "; it is signed for fingerprints: say packages.signature = \"fingerprints\""
        } else {
            ""
        };
        format!("the catalogue has no member `signature`{hint}")
    })?;
    let (kind, signature) = Kind::split(signature).context("reading the member `signature`")?;
    // Old versions of pkg sign with the NUL behind the text.
    let trimmed = signature.strip_suffix(&[0]).filter(|_| kind == Kind::Rsa).unwrap_or(signature);
    let key = PublicKey::parse(kind, &bytes)
        .with_context(|| format!("reading the public key {}", path.display()))?;
    let verifies = |signature| key.verifies(catalogue, Origin::File, signature);
    ensure!(
        verifies(trimmed) || verifies(signature),
        "the signature is not that of {}: the catalogue was changed, or is signed with another key",
        path.display()
    );
    Ok(())
}

fn signed_with_trusted(dir: &Path, catalogue: &[u8], members: &Members) -> Result<()> {
    let trusted = fingerprints(&dir.join("trusted"))?;
    ensure!(
        !trusted.is_empty(),
        "{} holds no fingerprint; FreeBSD's are in /usr/share/keys/pkg of a world",
        dir.join("trusted").display()
    );
    let revoked = fingerprints(&dir.join("revoked"))?;
    let mut refused = Vec::new();
    for (name, signature) in
        members.iter().filter_map(|(name, bytes)| Some((name.strip_suffix(".sig")?, bytes)))
    {
        let Some(public) = members.get(&format!("{name}.pub")) else { continue };
        let (kind, signature) = Kind::split(signature).with_context(|| format!("reading {name}.sig"))?;
        let (kind_of_key, public) = Kind::split(public).with_context(|| format!("reading {name}.pub"))?;
        let fingerprint = hex::encode(&Sha256::digest(public));
        if let Some(file) = revoked.get(&fingerprint) {
            bail!("the key `{name}` that signed it is revoked by {}", file.display());
        }
        if !trusted.contains_key(&fingerprint) {
            refused.push(format!("`{name}` with fingerprint {fingerprint} is not trusted"));
            continue;
        }
        ensure!(kind == kind_of_key, "{name}.sig is of the kind {kind}, and {name}.pub is for {kind_of_key}");
        let key = PublicKey::parse(kind, public).with_context(|| format!("reading the key `{name}`"))?;
        if key.verifies(catalogue, Origin::Repository, signature) {
            return Ok(());
        }
        refused.push(format!("the signature of `{name}` does not hold: the catalogue was changed"));
    }
    ensure!(!refused.is_empty(), "the catalogue has no signature with its key (NAME.sig and NAME.pub)");
    bail!("{}", refused.join("; "))
}

/// The fingerprints in the files of a folder, each with its file; none when there is no such folder.
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
            "{}: its function is `{function}`, and only sha256 is known",
            attempt()
        );
        let fingerprint =
            pairs.get("fingerprint").with_context(|| format!("{}: it has no `fingerprint:`", attempt()))?;
        found.insert(fingerprint.to_ascii_lowercase(), path);
    }
    Ok(found)
}
