//! The public keys of repositories, of the kinds that pkg knows, and what each of them signs.
//!
//! | kind | key | signature |
//! |---|---|---|
//! | `rsa` | PEM | RSA, PKCS#1 v1.5, of SHA-256 |
//! | `ecdsa` | `SubjectPublicKeyInfo` in DER | DER, of SHA-256 |
//! | `eddsa`, `ecc` | pkg's own, in DER | Ed25519, its two halves as numbers in DER |
//!
//! What is signed is not the catalogue but a digest of it: with RSA, and where the key comes with the repository, the 64
//! hexadecimal digits of its SHA-256; else its BLAKE2b (`libpkg/pkgsign_ossl.c`, `pkgsign_ecc.c`).

use std::fmt;

use anyhow::{Context, Result, bail};
use blake2::Blake2b512;
use rsa::Pkcs1v15Sign;
use rsa::pkcs8::DecodePublicKey;
use rsa::pkcs8::der::asn1::UintRef;
use rsa::pkcs8::der::{Decode, Reader, SliceReader};
use sha2::{Digest, Sha256};

use super::{ecdsa, eddsa};

/// What stands before a SHA-256 digest in a PKCS#1 v1.5 signature (RFC 8017, 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// What pkg writes where OpenSSL is older than 3, as on FreeBSD 13: the 64 digits themselves and the NUL behind them, given
/// out for SHA-1.
const DIGITS_AS_SHA1_PREFIX: [u8; 15] =
    [0x30, 0x4e, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x41];
/// What names the kind of a signature or key that is not RSA: `$PKGSIGN:ecdsa$`.
const HEAD: &[u8] = b"$PKGSIGN:";

/// A kind of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one that FreeBSD signs with.
    Rsa,
    /// On a curve that the key names.
    Ecdsa,
    /// Ed25519.
    Eddsa,
}

impl Kind {
    /// The kind of a signature or key, and what stands behind the head that names it; without one it is RSA.
    ///
    /// # Errors
    /// A head that has no end, or names what pkg does not know.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let Some(named) = bytes.strip_prefix(HEAD) else { return Ok((Self::Rsa, bytes)) };
        let end = named.iter().position(|byte| *byte == b'$');
        let end =
            end.context("it begins with `$PKGSIGN:`, and no `$` ends the name of its kind: it is damaged")?;
        let kind = match &named[..end] {
            b"rsa" => Self::Rsa,
            b"ecdsa" => Self::Ecdsa,
            b"eddsa" | b"ecc" => Self::Eddsa,
            other => bail!(
                "it is for `{}`, and of pkg's kinds rsa, ecdsa and eddsa are known",
                String::from_utf8_lossy(other)
            ),
        };
        Ok((kind, &named[end + 1..]))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
            Self::Eddsa => "eddsa",
        })
    }
}

/// Where a key comes from, which decides on what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of the engineer's (`pubkey`).
    File,
    /// The repository, where its fingerprint is trusted (`fingerprints`).
    Repository,
}

/// A public key.
#[derive(Debug)]
pub enum PublicKey {
    /// For RSA.
    Rsa(rsa::PublicKey),
    /// For ECDSA.
    Ecdsa(ecdsa::PublicKey),
    /// For EdDSA.
    Eddsa(eddsa::PublicKey),
}

impl PublicKey {
    /// Reads a key for signatures of `kind`.
    ///
    /// # Errors
    /// It is for another kind, or none at all.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self> {
        match kind {
            Kind::Rsa => {
                let text = std::str::from_utf8(bytes).ok().map(str::trim);
                let text = text.filter(|text| text.starts_with("-----BEGIN PUBLIC KEY")).context(
                    "it is no RSA public key in PEM (`BEGIN PUBLIC KEY`), and the repository is signed with RSA",
                )?;
                let key = rsa::PublicKey::from_public_key_pem(text).ok();
                Ok(Self::Rsa(key.context("it is in PEM, but no RSA public key, or damaged")?))
            }
            Kind::Ecdsa => Ok(Self::Ecdsa(ecdsa::PublicKey::parse(bytes)?)),
            Kind::Eddsa => Ok(Self::Eddsa(eddsa::PublicKey::parse(bytes)?)),
        }
    }

    /// Whether `signature` is that of this key, which comes from `origin`, for `catalogue`.
    pub fn verifies(&self, catalogue: &[u8], origin: Origin, signature: &[u8]) -> bool {
        let digits = hex::encode(&Sha256::digest(catalogue));
        let message = || match origin {
            Origin::File => Blake2b512::digest(catalogue).to_vec(),
            Origin::Repository => digits.clone().into_bytes(),
        };
        match self {
            Self::Rsa(key) => {
                let scheme = |prefix: &[u8], hash_len| Pkcs1v15Sign {
                    hash_len: Some(hash_len),
                    prefix: prefix.into(),
                };
                let today = key.verify(scheme(&SHA256_PREFIX, 32), &Sha256::digest(&digits), signature);
                let text = [digits.as_bytes(), &[0]].concat();
                let before = || key.verify(scheme(&DIGITS_AS_SHA1_PREFIX, text.len()), &text, signature);
                today.is_ok() || (origin == Origin::File && before().is_ok())
            }
            Self::Ecdsa(key) => key.verifies(&message(), signature),
            Self::Eddsa(key) => key.verifies(&message(), signature),
        }
    }
}

/// The two numbers of a signature on a curve, each filled up to `size` bytes, one behind the other.
pub(super) fn numbers(signature: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(signature).ok()?;
    let (first, second) = reader
        .sequence(|inside| {
            Ok::<_, rsa::pkcs8::der::Error>((UintRef::decode(inside)?, UintRef::decode(inside)?))
        })
        .ok()?;
    reader.finish().ok()?;
    let mut both = Vec::with_capacity(2 * size);
    for number in [first.as_bytes(), second.as_bytes()] {
        both.resize(both.len() + size.checked_sub(number.len())?, 0);
        both.extend_from_slice(number);
    }
    Some(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        kind: Kind,
        key: PublicKey,
        signatures: [(Origin, Vec<u8>); 2],
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// The catalogue, and what pkg made for it.
    fn made_by_pkg() -> (String, Vec<Made>) {
        let mut lines = include_str!("made_by_pkg.txt").lines().filter(|line| !line.starts_with('#'));
        let catalogue = lines.next().unwrap().to_owned() + "\n";
        let made = lines.map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let (kind, _) = Kind::split(format!("$PKGSIGN:{}$", words[0]).as_bytes()).unwrap();
            let key = PublicKey::parse(kind, &bytes(words[2])).unwrap();
            let signatures = [(Origin::File, bytes(words[3])), (Origin::Repository, bytes(words[4]))];
            Made { kind, key, signatures }
        });
        (catalogue, made.collect())
    }

    #[test]
    fn what_pkg_signed_holds_for_its_key_its_catalogue_and_its_origin_alone() {
        let (catalogue, made) = made_by_pkg();
        assert_eq!(made.len(), 10);
        for (number, one) in made.iter().enumerate() {
            for (origin, signature) in &one.signatures {
                let holds = |key: &PublicKey, catalogue: &str, signature: &[u8]| {
                    key.verifies(catalogue.as_bytes(), *origin, signature)
                };
                assert!(holds(&one.key, &catalogue, signature), "{number}");
                assert!(!holds(&one.key, &catalogue[1..], signature), "{number}");
                assert!(!holds(&one.key, &catalogue, &signature[..signature.len() - 1]), "{number}");
                assert!(!holds(&one.key, &catalogue, &[signature.as_slice(), &[0]].concat()), "{number}");
                for at in (0..signature.len()).step_by(11) {
                    let mut other = signature.clone();
                    other[at] ^= 1;
                    assert!(!holds(&one.key, &catalogue, &other), "{number}, byte {at}");
                }
                let others = made.iter().enumerate().filter(|(other, _)| *other != number);
                for (other, of) in others {
                    assert!(!holds(&of.key, &catalogue, signature), "{number} is not {other}");
                }
            }
            let [(file, for_file), (repository, for_repository)] = &one.signatures;
            let crossed = one.key.verifies(catalogue.as_bytes(), *file, for_repository)
                || one.key.verifies(catalogue.as_bytes(), *repository, for_file);
            assert_eq!(crossed, one.kind == Kind::Rsa, "RSA alone signs the same for both");
        }
    }

    #[test]
    fn what_pkg_signed_on_freebsd_13_holds_where_the_key_is_a_file() {
        let lines: Vec<&str> =
            include_str!("made_on_freebsd_13.txt").lines().filter(|line| !line.starts_with('#')).collect();
        let catalogue = format!("{}\n", lines[0]);
        let key = PublicKey::parse(Kind::Rsa, &bytes(lines[1])).unwrap();
        let with_nul = bytes(lines[2]);
        let signature = with_nul.strip_suffix(&[0]).unwrap();
        assert!(key.verifies(catalogue.as_bytes(), Origin::File, signature));
        assert!(!key.verifies(&catalogue.as_bytes()[1..], Origin::File, signature));
        assert!(
            !key.verifies(catalogue.as_bytes(), Origin::Repository, signature),
            "pkg does not take it either"
        );
    }

    #[test]
    fn a_key_that_does_not_fit_is_told() {
        let error = |kind: Kind, key: &[u8]| format!("{:#}", PublicKey::parse(kind, key).unwrap_err());
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
        insta::assert_snapshot!(error(Kind::Rsa, b"no key"), @"it is no RSA public key in PEM (`BEGIN PUBLIC KEY`), and the repository is signed with RSA");
        insta::assert_snapshot!(error(Kind::Rsa, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), @"it is in PEM, but no RSA public key, or damaged");
        insta::assert_snapshot!(error(Kind::Ecdsa, b"-----BEGIN PUBLIC KEY-----\n"), @"it is no public key in DER, and the repository is signed with ECDSA; `pkg key --public -t ecdsa` writes one");
        insta::assert_snapshot!(error(Kind::Ecdsa, &der("2b81040023", "04")), @"its point is not on its curve: it is damaged");
        insta::assert_snapshot!(error(Kind::Ecdsa, &der("2b8104000a", &point)), @"its point is not on its curve: it is damaged");
        insta::assert_snapshot!(error(Kind::Ecdsa, &der("2b2403030208010109", &point)), @"it is on the curve brainpoolP320r1, for which there is no library; make the repository's key with `pkg key --create -t ecdsa`, which takes secp256k1");
        insta::assert_snapshot!(error(Kind::Ecdsa, &der("2a8648ce3d030107", &point)), @"it is on the curve 1.2.840.10045.3.1.7, which pkg does not know; make the repository's key with `pkg key --create -t ecdsa`, which takes secp256k1");
        insta::assert_snapshot!(error(Kind::Ecdsa, &bytes("3012300d06092a864886f70d0101010500030100")), @"it is for the algorithm 1.2.840.113549.1.1.1, and the repository is signed with ECDSA");
        insta::assert_snapshot!(error(Kind::Ecdsa, &bytes("300f300906072a8648ce3d020103020004")), @"it does not name its curve");
        insta::assert_snapshot!(error(Kind::Eddsa, b"no key"), @"it is no key as pkg writes them, and the repository is signed with EdDSA; `pkg key --public -t eddsa` writes one");
        insta::assert_snapshot!(error(Kind::Eddsa, &pkgs("SECP256K1", 255, &[4; 65])), @"it is a key of `pkg` 1 for `ecc` on SECP256K1 (public), and only public keys of `pkg` 1 for `ecc` on WEI25519 are known");
        insta::assert_snapshot!(error(Kind::Eddsa, &pkgs("WEI25519", 0, &[4; 65])), @"it is a key of `pkg` 1 for `ecc` on WEI25519 (secret), and only public keys of `pkg` 1 for `ecc` on WEI25519 are known");
        insta::assert_snapshot!(error(Kind::Eddsa, &pkgs("WEI25519", 255, &[4; 65])), @"its point is not on its curve: it is damaged");
        insta::assert_snapshot!(error(Kind::Eddsa, &pkgs("WEI25519", 255, &[4; 64])), @"its point is not on its curve: it is damaged");
        let split = |bytes: &[u8]| format!("{:#}", Kind::split(bytes).unwrap_err());
        insta::assert_snapshot!(split(b"$PKGSIGN:gost$x"), @"it is for `gost`, and of pkg's kinds rsa, ecdsa and eddsa are known");
        insta::assert_snapshot!(split(b"$PKGSIGN:ecdsa"), @"it begins with `$PKGSIGN:`, and no `$` ends the name of its kind: it is damaged");
    }
}
