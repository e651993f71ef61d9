//! Public keys of repositories, for the algorithms that pkg knows, and the message that each of them signs.
//!
//! | algorithm | key | signature |
//! |---|---|---|
//! | `rsa` | PEM | RSA, PKCS#1 v1.5, of SHA-256 |
//! | `ecdsa` | `SubjectPublicKeyInfo` in DER | DER, of SHA-256 |
//! | `eddsa`, `ecc` | pkg's own, in DER | Ed25519, its two halves as numbers in DER |
//!
//! The message is not the catalogue but a digest of it: with RSA, or if the key comes with the repository, the 64 hexadecimal
//! digits of its SHA-256; otherwise its BLAKE2b (`libpkg/pkgsign_ossl.c`, `pkgsign_ecc.c`).

use std::fmt;

use anyhow::{Context, Result, bail};
use blake2::Blake2b512;
use rsa::Pkcs1v15Sign;
use rsa::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha256};

use super::{ecdsa, eddsa};

/// The prefix of a SHA-256 digest in a PKCS#1 v1.5 signature (RFC 8017, 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The prefix that pkg writes if OpenSSL is older than 3, as on FreeBSD 13: the 64 digits themselves and a NUL follow, labelled
/// as SHA-1.
const DIGITS_AS_SHA1_PREFIX: [u8; 15] =
    [0x30, 0x4e, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x41];
/// The start of a signature or key that is not RSA; the algorithm follows: `$PKGSIGN:ecdsa$`.
const HEADER: &[u8] = b"$PKGSIGN:";

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, which FreeBSD signs with.
    Rsa,
    /// ECDSA, on the curve that the key names.
    Ecdsa,
    /// Ed25519.
    Eddsa,
}

impl Algorithm {
    /// Splits a signature or key into its algorithm and its content. Without a header it is RSA.
    ///
    /// # Errors
    /// The header has no end, or names an algorithm that is not supported.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let Some(named) = bytes.strip_prefix(HEADER) else { return Ok((Self::Rsa, bytes)) };
        let end = named.iter().position(|byte| *byte == b'$');
        let end = end.context("it is damaged: no `$` follows the algorithm after `$PKGSIGN:`")?;
        let algorithm = match &named[..end] {
            b"rsa" => Self::Rsa,
            b"ecdsa" => Self::Ecdsa,
            b"eddsa" | b"ecc" => Self::Eddsa,
            other => {
                bail!("it uses `{}`; only rsa, ecdsa and eddsa are supported", String::from_utf8_lossy(other))
            }
        };
        Ok((algorithm, &named[end + 1..]))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
            Self::Eddsa => "eddsa",
        })
    }
}

/// The origin of a key, which determines what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// A local file (`pubkey`).
    File,
    /// The repository; its fingerprint is trusted (`fingerprints`).
    Repository,
}

/// A public key.
#[derive(Debug)]
pub enum PublicKey {
    /// A key for RSA.
    Rsa(rsa::PublicKey),
    /// A key for ECDSA.
    Ecdsa(ecdsa::PublicKey),
    /// A key for EdDSA.
    Eddsa(eddsa::PublicKey),
}

impl PublicKey {
    /// Parses a key for `algorithm`.
    ///
    /// # Errors
    /// It is for another algorithm, or not a key.
    pub fn parse(algorithm: Algorithm, bytes: &[u8]) -> Result<Self> {
        match algorithm {
            Algorithm::Rsa => {
                let text = std::str::from_utf8(bytes).ok().map(str::trim);
                let text = text.filter(|text| text.starts_with("-----BEGIN PUBLIC KEY")).context(
                    "it is not an RSA public key in PEM (`BEGIN PUBLIC KEY`), but the repository is signed with RSA",
                )?;
                let key = rsa::PublicKey::from_public_key_pem(text).ok();
                Ok(Self::Rsa(key.context("it is in PEM, but is damaged or not an RSA public key")?))
            }
            Algorithm::Ecdsa => Ok(Self::Ecdsa(ecdsa::PublicKey::parse(bytes)?)),
            Algorithm::Eddsa => Ok(Self::Eddsa(eddsa::PublicKey::parse(bytes)?)),
        }
    }

    /// Whether this key, which comes from `origin`, made `signature` for `catalogue`.
    pub fn verifies(&self, catalogue: &[u8], origin: KeyOrigin, signature: &[u8]) -> bool {
        let digits = hex::encode(Sha256::digest(catalogue));
        let message = || match origin {
            KeyOrigin::File => Blake2b512::digest(catalogue).to_vec(),
            KeyOrigin::Repository => digits.clone().into_bytes(),
        };
        match self {
            Self::Rsa(key) => {
                let scheme = |prefix: &[u8], hash_len| Pkcs1v15Sign {
                    hash_len: Some(hash_len),
                    prefix: prefix.into(),
                };
                let current = key.verify(scheme(&SHA256_PREFIX, 32), &Sha256::digest(&digits), signature);
                let text = [digits.as_bytes(), &[0]].concat();
                let old = || key.verify(scheme(&DIGITS_AS_SHA1_PREFIX, text.len()), &text, signature);
                current.is_ok() || (origin == KeyOrigin::File && old().is_ok())
            }
            Self::Ecdsa(key) => key.verifies(&message(), signature),
            Self::Eddsa(key) => key.verifies(&message(), signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Signed {
        algorithm: Algorithm,
        key: PublicKey,
        signatures: [(KeyOrigin, Vec<u8>); 2],
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// The catalogue, and the keys and signatures that pkg made for it.
    fn made_by_pkg() -> (String, Vec<Signed>) {
        let mut lines = include_str!("made_by_pkg.txt").lines().filter(|line| !line.starts_with('#'));
        let catalogue = lines.next().unwrap().to_owned() + "\n";
        let made = lines.map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let (algorithm, _) = Algorithm::split(format!("$PKGSIGN:{}$", words[0]).as_bytes()).unwrap();
            let key = PublicKey::parse(algorithm, &bytes(words[2])).unwrap();
            let signatures = [(KeyOrigin::File, bytes(words[3])), (KeyOrigin::Repository, bytes(words[4]))];
            Signed { algorithm, key, signatures }
        });
        (catalogue, made.collect())
    }

    #[test]
    fn a_signature_of_pkg_is_valid_only_for_its_key_catalogue_and_origin() {
        let (catalogue, made) = made_by_pkg();
        assert_eq!(made.len(), 10);
        for (number, one) in made.iter().enumerate() {
            for (origin, signature) in &one.signatures {
                let valid = |key: &PublicKey, catalogue: &str, signature: &[u8]| {
                    key.verifies(catalogue.as_bytes(), *origin, signature)
                };
                assert!(valid(&one.key, &catalogue, signature), "{number}");
                assert!(!valid(&one.key, &catalogue[1..], signature), "{number}");
                assert!(!valid(&one.key, &catalogue, &signature[..signature.len() - 1]), "{number}");
                assert!(!valid(&one.key, &catalogue, &[signature.as_slice(), &[0]].concat()), "{number}");
                for at in (0..signature.len()).step_by(11) {
                    let mut other = signature.clone();
                    other[at] ^= 1;
                    assert!(!valid(&one.key, &catalogue, &other), "{number}, byte {at}");
                }
                let others = made.iter().enumerate().filter(|(other, _)| *other != number);
                for (other, of) in others {
                    assert!(!valid(&of.key, &catalogue, signature), "{number} is not {other}");
                }
            }
            let [(file, for_file), (repository, for_repository)] = &one.signatures;
            let crossed = one.key.verifies(catalogue.as_bytes(), *file, for_repository)
                || one.key.verifies(catalogue.as_bytes(), *repository, for_file);
            assert_eq!(crossed, one.algorithm == Algorithm::Rsa, "only RSA signs the same message for both");
        }
    }

    #[test]
    fn a_signature_made_on_freebsd_13_is_valid_if_the_key_is_a_file() {
        let lines: Vec<&str> =
            include_str!("made_on_freebsd_13.txt").lines().filter(|line| !line.starts_with('#')).collect();
        let catalogue = format!("{}\n", lines[0]);
        let key = PublicKey::parse(Algorithm::Rsa, &bytes(lines[1])).unwrap();
        let with_nul = bytes(lines[2]);
        let signature = with_nul.strip_suffix(&[0]).unwrap();
        assert!(key.verifies(catalogue.as_bytes(), KeyOrigin::File, signature));
        assert!(!key.verifies(&catalogue.as_bytes()[1..], KeyOrigin::File, signature));
        assert!(
            !key.verifies(catalogue.as_bytes(), KeyOrigin::Repository, signature),
            "pkg does not accept it either"
        );
    }

    #[test]
    fn an_unsuitable_key_is_refused() {
        let error =
            |algorithm: Algorithm, key: &[u8]| format!("{:#}", PublicKey::parse(algorithm, key).unwrap_err());
        let der = |oid: &str, point: &str| {
            let head = bytes("06072a8648ce3d0201");
            let curve = [head, vec![6, u8::try_from(oid.len() / 2).unwrap()], bytes(oid)].concat();
            let point = [vec![0], bytes(point)].concat();
            let sequence =
                |tag: u8, inside: Vec<u8>| [vec![tag, u8::try_from(inside.len()).unwrap()], inside].concat();
            sequence(0x30, [sequence(0x30, curve), sequence(3, point)].concat())
        };
        let pkgs = |curve: &str, public: u8, point: &[u8]| {
            let text = |text: &str| [&[0x0c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            let bits = [&[3, u8::try_from(point.len() + 1).unwrap(), 0], point].concat();
            let inside =
                [text("pkg"), vec![2, 1, 1], text("ecc"), text(curve), vec![1, 1, public], bits].concat();
            [vec![0x30, u8::try_from(inside.len()).unwrap()], inside].concat()
        };
        let point = "04".to_owned() + &"11".repeat(64);
        insta::assert_snapshot!(error(Algorithm::Rsa, b"no key"), @"it is not an RSA public key in PEM (`BEGIN PUBLIC KEY`), but the repository is signed with RSA");
        insta::assert_snapshot!(error(Algorithm::Rsa, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), @"it is in PEM, but is damaged or not an RSA public key");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, b"-----BEGIN PUBLIC KEY-----\n"), @"
it is not a public key in DER, but the repository is signed with ECDSA
hint: `pkg key --public -t ecdsa` writes one
");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &der("2b81040023", "04")), @"it is damaged: its point is not on its curve");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &der("2b8104000a", &point)), @"it is damaged: its point is not on its curve");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &der("2b2403030208010109", &point)), @"
it is on the curve brainpoolP320r1, for which there is no library
hint: create the repository's key with `pkg key --create -t ecdsa`, which uses secp256k1
");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &der("2a8648ce3d030107", &point)), @"
it is on the curve 1.2.840.10045.3.1.7, which pkg does not support
hint: create the repository's key with `pkg key --create -t ecdsa`, which uses secp256k1
");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &bytes("3012300d06092a864886f70d0101010500030100")), @"it is for the algorithm 1.2.840.113549.1.1.1, but the repository is signed with ECDSA");
        insta::assert_snapshot!(error(Algorithm::Ecdsa, &bytes("300f300906072a8648ce3d020103020004")), @"it does not name its curve");
        insta::assert_snapshot!(error(Algorithm::Eddsa, b"no key"), @"
it is not a key that pkg writes, but the repository is signed with EdDSA
hint: `pkg key --public -t eddsa` writes one
");
        insta::assert_snapshot!(error(Algorithm::Eddsa, &pkgs("SECP256K1", 255, &[4; 65])), @"it is a key of `pkg` 1 for `ecc` on SECP256K1 (public); only public keys of `pkg` 1 for `ecc` on WEI25519 are supported");
        insta::assert_snapshot!(error(Algorithm::Eddsa, &pkgs("WEI25519", 0, &[4; 65])), @"it is a key of `pkg` 1 for `ecc` on WEI25519 (secret); only public keys of `pkg` 1 for `ecc` on WEI25519 are supported");
        insta::assert_snapshot!(error(Algorithm::Eddsa, &pkgs("WEI25519", 255, &[4; 65])), @"it is damaged: its point is not on its curve");
        insta::assert_snapshot!(error(Algorithm::Eddsa, &pkgs("WEI25519", 255, &[4; 64])), @"it is damaged: its point is not on its curve");
        let split = |bytes: &[u8]| format!("{:#}", Algorithm::split(bytes).unwrap_err());
        insta::assert_snapshot!(split(b"$PKGSIGN:gost$x"), @"it uses `gost`; only rsa, ecdsa and eddsa are supported");
        insta::assert_snapshot!(split(b"$PKGSIGN:ecdsa"), @"it is damaged: no `$` follows the algorithm after `$PKGSIGN:`");
    }
}
