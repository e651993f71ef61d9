//! Signing as minisign(1) does, but deterministically: the `minisign` crate adds random bytes to each signature, which
//! RFC 8032 does not require and which would make builds differ.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use blake2::{Blake2b512, Digest};
use ed25519_compact as ed25519;
use firmware::bundle::{KeyId, SIGNATURE_COMMENT};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

/// The environment variable with the password of the secret key, for use without a terminal.
const PASSWORD: &str = "SLUICE_SIGN_PASSWORD";
/// The offset of the Ed25519 key in minisign's secret key, in bytes. Three algorithms of 2 bytes, a salt of 32, two limits
/// of 8 and the id of 8 come before it.
const KEY_AT: usize = 62;
/// The length of minisign's secret key in bytes. A checksum of 32 follows the Ed25519 key.
const KEY_FILE_BYTES: usize = KEY_AT + ed25519::SecretKey::BYTES + 32;
/// minisign's name for prehashed Ed25519.
const ALGORITHM: [u8; 2] = *b"ED";

/// A decrypted secret key.
pub struct Signer {
    id: KeyId,
    public: String,
    secret: ed25519::SecretKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.id)
    }
}

impl Signer {
    /// Reads the secret key in `file`. Takes the password of an encrypted key from the environment or the terminal.
    ///
    /// # Errors
    /// The file cannot be read, is not a secret key, or the password is wrong.
    pub fn open(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading the secret key {}", file.display()))?;
        let attempt = || format!("unlocking the secret key {}", file.display());
        Self::parse(&text, || password(file)).with_context(attempt)
    }

    fn parse(text: &str, password: impl FnOnce() -> Result<String>) -> Result<Self> {
        let parse = || SecretKeyBox::from_string(text);
        let key = match parse()?.into_unencrypted_secret_key() {
            Ok(key) => key,
            // It is encrypted, or it is not a key at all.
            Err(_) => {
                ensure!(is_key(text), "this is not a minisign secret key");
                parse()?.into_secret_key(Some(password()?))?
            }
        };
        Self::of(&key)
    }

    fn of(key: &SecretKey) -> Result<Self> {
        let bytes = key.to_bytes();
        let secret =
            bytes.get(KEY_AT..KEY_AT + ed25519::SecretKey::BYTES).context("the secret key is too short")?;
        let public = PublicKey::from_secret_key(key)?.to_box()?.into_string();
        let id = key.keynum().try_into().context("the secret key has no id")?;
        Ok(Self { id: KeyId(id), public, secret: ed25519::SecretKey::from_slice(secret)? })
    }

    /// The id of the key pair.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The content of the public key file.
    pub fn public_text(&self) -> &str {
        &self.public
    }

    /// Signs `message` and returns the content of its `.minisig` file. The signature covers `comment` too, which
    /// `minisign -V` prints.
    ///
    /// # Errors
    /// The comment has more than one line.
    pub fn sign(&self, message: &[u8], comment: &str) -> Result<String> {
        ensure!(
            !comment.contains(['\n', '\r']),
            "signing: the comment `{}` has more than one line",
            comment.escape_debug()
        );
        let signature = self.secret.sign(Blake2b512::digest(message), None);
        let global = self.secret.sign([&signature[..], comment.as_bytes()].concat(), None);
        let signed = [&ALGORITHM[..], &self.id.0, &signature[..]].concat();
        Ok(format!(
            "{SIGNATURE_COMMENT}\n{}\ntrusted comment: {comment}\n{}\n",
            base64(&signed)?,
            base64(&global[..])?
        ))
    }
}

fn base64(bytes: &[u8]) -> Result<String> {
    use ct_codecs::{Base64, Encoder};
    Ok(Base64::encode_to_string(bytes)?)
}

/// Whether `text` is the content of a secret key file, encrypted or not.
fn is_key(text: &str) -> bool {
    use ct_codecs::{Base64, Decoder};
    let bytes = text.lines().nth(1).map(|line| Base64::decode_to_vec(line, None));
    bytes.is_some_and(|bytes| bytes.is_ok_and(|bytes| bytes.len() == KEY_FILE_BYTES))
}

fn password(file: &Path) -> Result<String> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(password);
    }
    ensure!(
        std::io::stderr().is_terminal(),
        "it has a password, and there is no terminal to ask for it\n\
         hint: set {PASSWORD} to the password"
    );
    rpassword::prompt_password(format!("password of {}: ", file.display())).context("asking for the password")
}

#[cfg(test)]
mod tests {
    use firmware::bundle::PublicKeys;
    use minisign::KeyPair;

    use super::*;

    #[test]
    fn a_signature_holds_for_minisign_too_and_is_the_same_each_time() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let signer = Signer::of(&pair.sk).unwrap();
        let text = signer.sign(b"manifest", "timestamp:0\tfile:x\thashed").unwrap();
        assert_eq!(text, signer.sign(b"manifest", "timestamp:0\tfile:x\thashed").unwrap());
        let keys = PublicKeys::parse([signer.public_text()]).unwrap();
        assert_eq!(keys.verify(b"manifest", &text), Ok(signer.id()));
        let theirs = minisign::SignatureBox::from_string(&text).unwrap();
        minisign::verify(&pair.pk, &theirs, std::io::Cursor::new(b"manifest"), true, false, false).unwrap();
        assert!(signer.sign(b"", "a\nb").is_err());
    }

    #[test]
    fn an_encrypted_key_needs_its_password_and_nonsense_is_not_a_key() {
        let pair = KeyPair::generate_encrypted_keypair(Some("secret".to_owned())).unwrap();
        let text = pair.sk.to_box(None).unwrap().into_string();
        let open = |password: &'static str| Signer::parse(&text, || Ok(password.to_owned()));
        assert_eq!(open("secret").unwrap().id().0, pair.pk.keynum());
        assert!(open("wrong").unwrap_err().to_string().contains("password"));
        let error = Signer::parse("a\nb\n", || panic!("there is nothing to decrypt")).unwrap_err();
        assert!(error.to_string().contains("not a minisign secret key"), "{error}");
    }
}
