//! ECDSA as pkg has it: SHA-256 on whatever curve the key names (`libpkg/pkgsign_ecc.c`). The key is a
//! `SubjectPublicKeyInfo` in DER with an uncompressed point.
//!
//! `pkg key --create -t ecdsa` makes keys on secp256k1; those on other curves are made with openssl. Of the eleven curves
//! that pkg takes, there are libraries for seven.

use anyhow::{Context, Result, bail, ensure};
use ecdsa::elliptic_curve::array::typenum::Unsigned;
use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize};
use ecdsa::signature::hazmat::PrehashVerifier;
use ecdsa::{EcdsaCurve, Signature, VerifyingKey};
use rsa::pkcs8::ObjectIdentifier;
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use sha2::{Digest, Sha256};

use super::key::numbers;

/// The algorithm of a key on a curve (RFC 5480).
const ON_A_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The curves that pkg takes (SEC 2; RFC 5639), and how to verify on them where a library can.
const CURVES: [(ObjectIdentifier, &str, Option<Verify>); 11] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1", Some(on::<k256::Secp256k1>)),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "secp384r1", Some(on::<p384::NistP384>)),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "secp521r1", Some(on::<p521::NistP521>)),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"),
        "brainpoolP256r1",
        Some(on::<bp256::BrainpoolP256r1>),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.8"),
        "brainpoolP256t1",
        Some(on::<bp256::BrainpoolP256t1>),
    ),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.9"), "brainpoolP320r1", None),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.10"), "brainpoolP320t1", None),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"),
        "brainpoolP384r1",
        Some(on::<bp384::BrainpoolP384r1>),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.12"),
        "brainpoolP384t1",
        Some(on::<bp384::BrainpoolP384t1>),
    ),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1", None),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.14"), "brainpoolP512t1", None),
];

/// Whether a signature is that of the key with this point; none when there is no such point.
type Verify = fn(point: &[u8], message: &[u8], signature: &[u8]) -> Option<bool>;

/// A key for ECDSA.
#[derive(Debug)]
pub struct PublicKey {
    point: Vec<u8>,
    verify: Verify,
}

impl PublicKey {
    /// Reads a key in DER.
    ///
    /// # Errors
    /// It is none, or on a curve that cannot be verified on.
    pub fn parse(der: &[u8]) -> Result<Self> {
        let info = SubjectPublicKeyInfoRef::try_from(der).ok().context(
            "it is no public key in DER, and the repository is signed with ECDSA; `pkg key --public -t ecdsa` writes one",
        )?;
        ensure!(
            info.algorithm.oid == ON_A_CURVE,
            "it is for the algorithm {}, and the repository is signed with ECDSA",
            info.algorithm.oid
        );
        let curve: ObjectIdentifier =
            info.algorithm.parameters_oid().ok().context("it does not name its curve")?;
        let make = "make the repository's key with `pkg key --create -t ecdsa`, which takes secp256k1";
        let verify = match CURVES.iter().find(|(oid, ..)| *oid == curve) {
            Some((_, _, Some(verify))) => *verify,
            Some((_, name, None)) => {
                bail!("it is on the curve {name}, for which there is no library; {make}")
            }
            None => bail!("it is on the curve {curve}, which pkg does not know; {make}"),
        };
        let point = info.subject_public_key.as_bytes().unwrap_or_default().to_vec();
        ensure!(verify(&point, &[], &[]).is_some(), "its point is not on its curve: it is damaged");
        Ok(Self { point, verify })
    }

    /// Whether `signature` is that of this key for `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.verify)(&self.point, message, signature) == Some(true)
    }
}

fn on<C>(point: &[u8], message: &[u8], signature: &[u8]) -> Option<bool>
where
    C: EcdsaCurve + CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let key = VerifyingKey::<C>::from_sec1_bytes(point).ok()?;
    let signature = numbers(signature, FieldBytesSize::<C>::USIZE)
        .and_then(|both| Signature::<C>::from_slice(&both).ok())
        // What Bitcoin asks of secp256k1, pkg does not.
        .map(|signature| signature.normalize_s());
    Some(signature.is_some_and(|signature| key.verify_prehash(&Sha256::digest(message), &signature).is_ok()))
}
