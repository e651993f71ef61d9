//! ECDSA as pkg uses it: SHA-256, on the curve that the key names (`libpkg/pkgsign_ecc.c`). The key is a
//! `SubjectPublicKeyInfo` in DER with an uncompressed point.
//!
//! `pkg key --create -t ecdsa` creates keys on secp256k1; keys on other curves come from openssl. pkg supports eleven curves;
//! there are libraries for seven of them.

use anyhow::{Context, Result, bail, ensure};
use ecdsa::elliptic_curve::array::typenum::Unsigned;
use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize};
use ecdsa::signature::hazmat::PrehashVerifier;
use ecdsa::{EcdsaCurve, Signature, VerifyingKey};
use rsa::pkcs8::ObjectIdentifier;
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use sha2::{Digest, Sha256};

use super::der::numbers;

/// The algorithm of a key on an elliptic curve (RFC 5480).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The curves that pkg supports (SEC 2; RFC 5639), and how to verify signatures on them, if there is a library.
const CURVES: [(ObjectIdentifier, &str, Option<Verify>); 11] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1", Some(verify_on::<k256::Secp256k1>)),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "secp384r1", Some(verify_on::<p384::NistP384>)),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "secp521r1", Some(verify_on::<p521::NistP521>)),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"),
        "brainpoolP256r1",
        Some(verify_on::<bp256::BrainpoolP256r1>),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.8"),
        "brainpoolP256t1",
        Some(verify_on::<bp256::BrainpoolP256t1>),
    ),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.9"), "brainpoolP320r1", None),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.10"), "brainpoolP320t1", None),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"),
        "brainpoolP384r1",
        Some(verify_on::<bp384::BrainpoolP384r1>),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.12"),
        "brainpoolP384t1",
        Some(verify_on::<bp384::BrainpoolP384t1>),
    ),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1", None),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.14"), "brainpoolP512t1", None),
];

/// Verifies a signature with the key that has this point; `None` if the point is not on the curve.
type Verify = fn(point: &[u8], message: &[u8], signature: &[u8]) -> Option<bool>;

/// A public key for ECDSA.
#[derive(Debug)]
pub struct PublicKey {
    point: Vec<u8>,
    verify: Verify,
}

impl PublicKey {
    /// Parses a key in DER.
    ///
    /// # Errors
    /// It is not a key for ECDSA, or its curve is not supported.
    pub fn parse(der: &[u8]) -> Result<Self> {
        let info = SubjectPublicKeyInfoRef::try_from(der).ok().context(
            "it is not a public key in DER, but the repository is signed with ECDSA\nhint: `pkg key --public -t ecdsa` writes one",
        )?;
        ensure!(
            info.algorithm.oid == EC_PUBLIC_KEY,
            "it is for the algorithm {}, but the repository is signed with ECDSA",
            info.algorithm.oid
        );
        let curve: ObjectIdentifier =
            info.algorithm.parameters_oid().ok().context("it does not name its curve")?;
        let hint = "hint: create the repository's key with `pkg key --create -t ecdsa`, which uses secp256k1";
        let verify = match CURVES.iter().find(|(oid, ..)| *oid == curve) {
            Some((_, _, Some(verify))) => *verify,
            Some((_, name, None)) => {
                bail!("it is on the curve {name}, for which there is no library\n{hint}")
            }
            None => bail!("it is on the curve {curve}, which pkg does not support\n{hint}"),
        };
        let point = info.subject_public_key.as_bytes().unwrap_or_default().to_vec();
        ensure!(verify(&point, &[], &[]).is_some(), "it is damaged: its point is not on its curve");
        Ok(Self { point, verify })
    }

    /// Whether this key made `signature` for `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.verify)(&self.point, message, signature) == Some(true)
    }
}

fn verify_on<C>(point: &[u8], message: &[u8], signature: &[u8]) -> Option<bool>
where
    C: EcdsaCurve + CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = VerifyingKey::<C>::from_sec1_bytes(point).ok()?;
    let signature = numbers(signature, FieldBytesSize::<C>::USIZE)
        .and_then(|both| Signature::<C>::from_slice(&both).ok())
        // Bitcoin requires this of signatures on secp256k1, pkg does not.
        .map(|signature| signature.normalize_s());
    Some(signature.is_some_and(|signature| key.verify_prehash(&Sha256::digest(message), &signature).is_ok()))
}
