//! Whose signature a manifest carries: minisign's format, with a fixed first line, and the keys that are trusted.

use std::fmt;

use minisign_verify::{PublicKey, Signature};

use super::base64;

/// The first line of every signature, as minisign(1) writes it unless it is told another. It is covered by no
/// signature.
pub const SIGNATURE_COMMENT: &str = "untrusted comment: signature from minisign secret key";

/// How the third line begins; what follows is signed.
const TRUSTED_COMMENT: &str = "trusted comment: ";

/// How the first line of a key's file begins.
const KEY_COMMENT: &str = "untrusted comment: ";

/// Ed25519 over the BLAKE2b-512 of the message.
const PREHASHED: [u8; 2] = *b"ED";

/// Ed25519, in keys.
const ED25519: [u8; 2] = *b"Ed";

/// The name of a key pair: eight random bytes that key and signatures carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    /// As minisign(1) shows it: 16 digits, the last byte first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// Why a manifest is not taken as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not the text of a signature.
    #[error(
        "checking a signature: this is not the text of a prehashed minisign signature; sign with `minisign -S`"
    )]
    NotASignature,
    /// Signed by somebody else.
    #[error("checking a signature: it was made with the key {id}, which is not among the trusted ones")]
    UnknownKey {
        /// The key that the signature names.
        id: KeyId,
    },
    /// Not the signature of these bytes.
    #[error("checking a signature: it does not hold; what was signed was changed since")]
    Invalid,
}

/// Why a file is no key that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not the text of a public key.
    #[error(
        "reading a public key: this is not the text of one; it has a comment line and a line of 56 letters, as \
             `cargo xtask keygen` and minisign write it"
    )]
    NotAKey,
    /// Two keys with one name.
    #[error(
        "reading a public key: another key is named {id} too, so no signature could be told from whose it is; \
         make a new pair"
    )]
    Ambiguous {
        /// The name.
        id: KeyId,
    },
}

/// The keys whose signatures are accepted. More than one, so that a new key can be shipped before the old one goes.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    keys: Vec<(KeyId, PublicKey)>,
}

impl PublicKeys {
    /// No key: no signature is accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys of these files' texts.
    ///
    /// # Errors
    /// As [`PublicKeys::add`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let mut keys = Self::new();
        for text in texts {
            keys.add(text)?;
        }
        Ok(keys)
    }

    /// Trusts the key of one file's text: a comment line, a line of base64. A key that is trusted already stays.
    ///
    /// # Errors
    /// It is none, or another key has its name.
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

    /// The names of the keys, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|(id, _)| *id)
    }

    /// Whether no key is trusted.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks that `signature` is a trusted key's of exactly `manifest`, and tells which key's.
    ///
    /// # Errors
    /// It is no signature, names an unknown key, or does not hold.
    pub fn verify(&self, manifest: &[u8], signature: &str) -> Result<KeyId, SignatureError> {
        let id = named_key(signature).ok_or(SignatureError::NotASignature)?;
        let parsed = Signature::decode(signature).map_err(|_| SignatureError::NotASignature)?;
        let key = self.get(id).ok_or(SignatureError::UnknownKey { id })?;
        key.verify(manifest, &parsed, false).map_err(|_| SignatureError::Invalid)?;
        Ok(id)
    }

    fn get(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }
}

/// The key that a signature names, if it is the text of one: four lines and nothing that could be written otherwise.
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

/// The name of the key behind the two bytes of the algorithm.
fn key_id(bytes: &[u8]) -> KeyId {
    KeyId(bsd_disk::bytes::array(bytes, 2))
}
