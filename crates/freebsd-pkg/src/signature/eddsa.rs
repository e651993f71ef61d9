//! EdDSA as pkg uses it: Ed25519, but the public key is a point on Wei25519, the same curve in Weierstrass form, in a notation
//! of pkg's own (`libpkg/pkgsign_ecc.c`):
//!
//! ```text
//! SEQUENCE { UTF8String "pkg", INTEGER 1, UTF8String "ecc", UTF8String "WEI25519", BOOLEAN TRUE,
//!            BIT STRING 04 x(32, big endian) y(32, big endian) }
//! ```
//!
//! A signature is a SEQUENCE of two INTEGERs, the bytes of R and S in RFC 8032.

use anyhow::{Context, Result, ensure};
use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U256, const_monty_params};
use rsa::pkcs8::der::asn1::{BitStringRef, Utf8StringRef};
use rsa::pkcs8::der::{self, Decode, Reader, SliceReader};

use super::der::numbers;

/// The size of a coordinate in bytes.
const COORDINATE: usize = 32;

const_monty_params!(
    P25519,
    U256,
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
    "2^255 - 19"
);
/// A number modulo 2^255 - 19.
type Number = ConstMontyForm<P25519, { U256::LIMBS }>;

/// A of Curve25519, v^2 = u^3 + A u^2 + u (RFC 7748, 4.1).
const A: Number = Number::new(&U256::from_u64(486_662));
/// A / 3: the difference between Wei25519's x and Curve25519's u.
const SHIFT: Number =
    Number::new(&U256::from_be_hex("2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad2451"));
/// The square root of -486664 that leads from Curve25519 to Ed25519 (RFC 7748, 4.1).
const SCALE: Number =
    Number::new(&U256::from_be_hex("70d9120b9f5ff9442d84f723fc03b0813a5e2c2eb482e57d3391fb5500ba81e7"));

/// A public key for EdDSA.
#[derive(Debug)]
pub struct PublicKey(ed25519_compact::PublicKey);

impl PublicKey {
    /// Parses a key in pkg's notation.
    ///
    /// # Errors
    /// It is not such a key, is on another curve, or its point is not on the curve.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (app, version, signer, curve, public, point) = fields(bytes).ok().context(
            "it is not a key that pkg writes, but the repository is signed with EdDSA\nhint: `pkg key --public -t eddsa` writes one",
        )?;
        ensure!(
            (app, version, signer, curve, public) == ("pkg", 1, "ecc", "WEI25519", true),
            "it is a key of `{app}` {version} for `{signer}` on {curve} ({}); only public keys of `pkg` 1 for `ecc` on WEI25519 \
             are supported",
            if public { "public" } else { "secret" }
        );
        Ok(Self(edwards(point).context("it is damaged: its point is not on its curve")?))
    }

    /// Whether this key made `signature` for `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        numbers(signature, COORDINATE)
            .and_then(|both| ed25519_compact::Signature::from_slice(&both).ok())
            .is_some_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

type Fields<'a> = (&'a str, u8, &'a str, &'a str, bool, &'a [u8]);

fn fields(bytes: &[u8]) -> der::Result<Fields<'_>> {
    let mut reader = SliceReader::new(bytes)?;
    let fields = reader.sequence(|inside| -> der::Result<_> {
        Ok((
            Utf8StringRef::decode(inside)?.as_str(),
            u8::decode(inside)?,
            Utf8StringRef::decode(inside)?.as_str(),
            Utf8StringRef::decode(inside)?.as_str(),
            bool::decode(inside)?,
            BitStringRef::decode(inside)?.as_bytes().unwrap_or_default(),
        ))
    })?;
    reader.finish()?;
    Ok(fields)
}

/// Converts the point to Edwards form, which Ed25519 uses.
fn edwards(point: &[u8]) -> Option<ed25519_compact::PublicKey> {
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(COORDINATE)?;
    let number = |bytes: &[u8]| (bytes.len() == COORDINATE).then(|| Number::new(&U256::from_be_slice(bytes)));
    let (u, v) = (number(x)? - SHIFT, number(y)?);
    let one = Number::new(&U256::ONE);
    if v * v != u * (u * u + A * u + one) {
        return None;
    }
    let inverse = |number: Number| number.invert().into_option();
    let (x, y) = (SCALE * u * inverse(v)?, (u - one) * inverse(u + one)?);
    let mut bytes = <[u8; COORDINATE]>::from(y.retrieve().to_le_bytes());
    bytes[COORDINATE - 1] |= u8::from(bool::from(x.retrieve().is_odd())) << 7;
    ed25519_compact::PublicKey::from_slice(&bytes).ok()
}
