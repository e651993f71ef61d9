//! Who vouches for a repository: its catalogue is signed, the checksums of all packages are in the catalogue.
//!
//! pkg signs the SHA-256 of the catalogue *in hexadecimal*: RSA, PKCS#1 v1.5, over the SHA-256 of those 64 digits. With
//! `pubkey` the member `signature` of the catalogue's archive holds it, and the key is a file here; with `fingerprints` the
//! archive holds `NAME.sig` and `NAME.pub`, and the SHA-256 of the key must be among the trusted ones and not among the
//! revoked (`libpkg/pkg_repo.c`, `libpkg/pkgsign_ossl.c`). Only RSA is known, which is what FreeBSD signs with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};

use super::ucl;
use crate::hex;

/// What stands before a SHA-256 digest in a PKCS#1 v1.5 signature (RFC 8017, 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// What pkg writes where OpenSSL is older than 3, as on FreeBSD 13: the 64 digits themselves, given out for SHA-1.
const DIGITS_AS_SHA1_PREFIX: [u8; 15] =
    [0x30, 0x4d, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x40];
/// What names the kind of a signature that is not RSA: `$PKGSIGN:ecdsa$`.
const KIND_HEAD: &[u8] = b"$PKGSIGN:";

/// Whom the product trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody signs: the repository is a folder of one's own.
    Nobody,
    /// The holder of the key whose public half, in PEM, is in this file.
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
    let pem = fs::read(path).with_context(|| {
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
    // Old versions of pkg sign with the NUL behind the text.
    let trimmed = signature.strip_suffix(&[0]).unwrap_or(signature);
    let key = public_key(&pem).with_context(|| format!("reading the public key {}", path.display()))?;
    ensure!(
        verifies(&key, catalogue, trimmed)? || verifies(&key, catalogue, signature)?,
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
        let Some(pem) = members.get(&format!("{name}.pub")) else { continue };
        let fingerprint = hex(&Sha256::digest(pem));
        if let Some(file) = revoked.get(&fingerprint) {
            bail!("the key `{name}` that signed it is revoked by {}", file.display());
        }
        if !trusted.contains_key(&fingerprint) {
            refused.push(format!("`{name}` with fingerprint {fingerprint} is not trusted"));
        } else if verifies(
            &public_key(pem).with_context(|| format!("reading the key `{name}`"))?,
            catalogue,
            signature,
        )? {
            return Ok(());
        } else {
            refused.push(format!("the signature of `{name}` does not hold: the catalogue was changed"));
        }
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
        let text = fs::read_to_string(&path)
            .with_context(|| format!("reading the fingerprint {}", path.display()))?;
        let pairs = ucl::pairs(&text)?;
        let function = pairs.get("function").map_or("", String::as_str);
        ensure!(
            function.eq_ignore_ascii_case("sha256"),
            "reading the fingerprint {}: its function is `{function}`, and only sha256 is known",
            path.display()
        );
        let fingerprint = pairs
            .get("fingerprint")
            .with_context(|| format!("reading the fingerprint {}: no `fingerprint:`", path.display()))?;
        found.insert(fingerprint.to_ascii_lowercase(), path);
    }
    Ok(found)
}

fn public_key(pem: &[u8]) -> Result<RsaPublicKey> {
    if pem.starts_with(KIND_HEAD) {
        bail!("{}", kind_is_unknown(pem));
    }
    let text = std::str::from_utf8(pem).context("it is no text")?;
    RsaPublicKey::from_public_key_pem(text.trim())
        .context("it is no RSA public key in PEM (`BEGIN PUBLIC KEY`)")
}

fn kind_is_unknown(bytes: &[u8]) -> String {
    let kind = bytes[KIND_HEAD.len()..].split(|byte| *byte == b'$').next().unwrap_or_default();
    format!("it is for `{}`, and only RSA is known", String::from_utf8_lossy(kind))
}

fn verifies(key: &RsaPublicKey, catalogue: &[u8], signature: &[u8]) -> Result<bool> {
    if signature.starts_with(KIND_HEAD) {
        bail!("reading the signature: {}", kind_is_unknown(signature));
    }
    let digits = hex(&Sha256::digest(catalogue));
    let scheme = |prefix: &[u8], hash_len| Pkcs1v15Sign { hash_len: Some(hash_len), prefix: prefix.into() };
    let today = key.verify(scheme(&SHA256_PREFIX, 32), &Sha256::digest(&digits), signature);
    let before = || key.verify(scheme(&DIGITS_AS_SHA1_PREFIX, 64), digits.as_bytes(), signature);
    Ok(today.is_ok() || before().is_ok())
}
