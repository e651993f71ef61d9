//! The signature of a manifest, in minisign's format with a fixed first line, and the keys that are trusted.

use minisign_verify::{PublicKey, Signature};

use super::base64;
use crate::key_id::KeyId;

/// The first line of every signature, as minisign(1) writes it by default. No signature covers this line.
pub const SIGNATURE_COMMENT: &str = "untrusted comment: signature from minisign secret key";

/// The start of the third line; the text after it is signed.
const TRUSTED_COMMENT: &str = "trusted comment: ";

/// The start of the first line of a key's file.
const KEY_COMMENT: &str = "untrusted comment: ";

/// The algorithm of signatures: Ed25519 over the BLAKE2b-512 of the message.
const PREHASHED: [u8; 2] = *b"ED";

/// The algorithm of keys: Ed25519.
const ED25519: [u8; 2] = *b"Ed";

/// A signature that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The text is not a signature.
    #[error(
        "checking a signature: this is not the text of a prehashed minisign signature\nhint: sign with `minisign -S`"
    )]
    NotASignature,
    /// The signature was made with a key that is not trusted.
    #[error("checking a signature: it was made with the key {id}, which is not among the trusted keys")]
    UnknownKey {
        /// The key that the signature names.
        id: KeyId,
    },
    /// The signature names a key that was revoked.
    #[error("checking a signature: it was made with the key {id}, which has been revoked")]
    Revoked {
        /// The key that the signature names.
        id: KeyId,
    },
    /// The signature does not match the signed bytes.
    #[error("checking a signature: it does not match; the data was changed after it was signed")]
    Invalid,
}

/// A public key that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a public key.
    #[error(
        "reading a public key: this is not the text of a public key\nhint: a key has a comment line and a line of 56 characters, \
         as written by `cargo xtask keygen` and minisign"
    )]
    NotAKey,
    /// Two keys have the same name.
    #[error(
        "reading a public key: another key has the same name {id}, so their signatures could not be distinguished\nhint: make a \
         new key pair"
    )]
    Ambiguous {
        /// The name of both keys.
        id: KeyId,
    },
}

/// The keys whose signatures are accepted. There can be several, so that a new key can be shipped before the old one is
/// removed.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    keys: Vec<(KeyId, PublicKey)>,
    revoked: Vec<KeyId>,
}

impl PublicKeys {
    /// An empty set of keys: no signature is accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys in the texts of these files.
    ///
    /// # Errors
    /// Those of [`PublicKeys::add`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let mut keys = Self::new();
        for text in texts {
            keys.add(text)?;
        }
        Ok(keys)
    }

    /// Adds the key in the text of one file: a comment line and a line of base64. Adding a key again changes nothing.
    ///
    /// # Errors
    /// The text is not a key, or another key has the same name.
    pub fn add(&mut self, text: &str) -> Result<KeyId, KeyError> {
        let text = text.trim_end_matches(['\r', '\n']);
        let (comment, encoded) = text.split_once('\n').ok_or(KeyError::NotAKey)?;
        let bytes = base64::decode(encoded).filter(|bytes| bytes.len() == 42 && bytes[..2] == ED25519);
        let (Some(bytes), true) = (bytes, comment.starts_with(KEY_COMMENT)) else {
            return Err(KeyError::NotAKey);
        };
        let id = key_id(&bytes);
        let key = PublicKey::from_base64(encoded).map_err(|_| KeyError::NotAKey)?;
        match self.get(id) {
            Some(known) if *known == key => {}
            Some(_) => return Err(KeyError::Ambiguous { id }),
            None => self.keys.push((id, key)),
        }
        Ok(id)
    }

    /// Accepts no signature of these keys from now on, whether they were added or not.
    pub fn revoke(&mut self, ids: impl IntoIterator<Item = KeyId>) {
        self.revoked.extend(ids);
    }

    /// The names of the keys, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|(id, _)| *id)
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks that `signature` is the signature of exactly `manifest` by a trusted key, and returns the name of that key.
    ///
    /// # Errors
    /// The text is not a signature, names an unknown or revoked key, or does not match the manifest.
    pub fn verify(&self, manifest: &[u8], signature: &str) -> Result<KeyId, SignatureError> {
        let id = named_key(signature).ok_or(SignatureError::NotASignature)?;
        let parsed = Signature::decode(signature).map_err(|_| SignatureError::NotASignature)?;
        if self.revoked.contains(&id) {
            return Err(SignatureError::Revoked { id });
        }
        let key = self.get(id).ok_or(SignatureError::UnknownKey { id })?;
        key.verify(manifest, &parsed, false).map_err(|_| SignatureError::Invalid)?;
        Ok(id)
    }

    fn get(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }
}

/// The key that a signature names; `None` unless the text is a signature in its only allowed form of four lines.
fn named_key(signature: &str) -> Option<KeyId> {
    let lines: Vec<&str> = signature.split('\n').collect();
    let [comment, signed, trusted, global, ""] = lines[..] else { return None };
    if comment != SIGNATURE_COMMENT || !trusted.starts_with(TRUSTED_COMMENT) || trusted.ends_with('\r') {
        return None;
    }
    let signed = base64::decode(signed).filter(|bytes| bytes.len() == 74 && bytes[..2] == PREHASHED)?;
    base64::decode(global).filter(|bytes| bytes.len() == 64)?;
    Some(key_id(&signed))
}

/// The name of the key, which follows the two bytes of the algorithm.
fn key_id(bytes: &[u8]) -> KeyId {
    KeyId(bsd_disk::bytes::array(bytes, 2))
}
