//! Checksums as pkg(8) writes them: 64 hexadecimal digits, or `TYPE$HASH`, or `VERSION$TYPE$HASH`
//! (`libpkg/pkg_checksum.c`).

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use blake2::{Blake2b512, Blake2s256};
use sha2::{Digest, Sha256};

/// The alphabet of z-base-32, in which pkg writes BLAKE2.
const BASE32: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// One checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sum {
    /// SHA-256, in hexadecimal.
    Sha256(String),
    /// SHA-256, in pkg's base 32.
    Sha256Base32(String),
    /// BLAKE2b with 64 bytes, in pkg's base 32.
    Blake2b(String),
    /// BLAKE2s with 32 bytes, in pkg's base 32.
    Blake2s(String),
}

impl Sum {
    /// Reads a checksum.
    ///
    /// # Errors
    /// None of the kinds above.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.rsplit('$');
        let hash = parts.next().unwrap_or_default().to_owned();
        let sum = match parts.next() {
            None | Some("1") => Self::Sha256(hash),
            Some("0") => Self::Sha256Base32(hash),
            Some("2") => Self::Blake2b(hash),
            Some("5") => Self::Blake2s(hash),
            Some(other) => bail!(
                "checksum `{text}`: kind {other}, and only SHA-256 (0, 1), BLAKE2b (2) and BLAKE2s (5) in text are known"
            ),
        };
        let (digits, alphabet): (usize, &[u8]) = match &sum {
            Self::Sha256(_) => (64, b"0123456789abcdef"),
            Self::Sha256Base32(_) | Self::Blake2s(_) => (52, BASE32),
            Self::Blake2b(_) => (103, BASE32),
        };
        let digits_of = sum.hash();
        ensure!(
            digits_of.len() == digits && digits_of.bytes().all(|digit| alphabet.contains(&digit)),
            "checksum `{text}`: not {digits} digits of its kind"
        );
        Ok(sum)
    }

    /// What computes the same kind of checksum of bytes that come piece by piece.
    pub fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::Sha256Base32(_) => Hasher::Sha256Base32(Sha256::new()),
            Self::Blake2b(_) => Hasher::Blake2b(Box::default()),
            Self::Blake2s(_) => Hasher::Blake2s(Box::default()),
        }
    }

    /// It as SHA-256 in hexadecimal, if it is SHA-256.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::Sha256(hash) => Some(hash),
            _ => None,
        }
    }

    fn hash(&self) -> &str {
        match self {
            Self::Sha256(hash) | Self::Sha256Base32(hash) | Self::Blake2b(hash) | Self::Blake2s(hash) => hash,
        }
    }

    /// Checks what `hasher`, which is [`Sum::hasher`], has seen against it.
    ///
    /// # Errors
    /// It has another checksum.
    pub fn require(&self, hasher: Hasher) -> Result<()> {
        let found = hasher.finish();
        ensure!(found == *self, "its checksum is {found} and should be {self}");
        Ok(())
    }
}

/// Computes one kind of checksum.
#[derive(Debug)]
pub enum Hasher {
    /// SHA-256, for hexadecimal.
    Sha256(Sha256),
    /// SHA-256, for base 32.
    Sha256Base32(Sha256),
    /// BLAKE2b.
    Blake2b(Box<Blake2b512>),
    /// BLAKE2s.
    Blake2s(Box<Blake2s256>),
}

impl Hasher {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) | Self::Sha256Base32(hash) => hash.update(bytes),
            Self::Blake2b(hash) => hash.update(bytes),
            Self::Blake2s(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Sum {
        match self {
            Self::Sha256(hash) => Sum::Sha256(hex::encode(&hash.finalize())),
            Self::Sha256Base32(hash) => Sum::Sha256Base32(base32(&hash.finalize())),
            Self::Blake2b(hash) => Sum::Blake2b(base32(&hash.finalize())),
            Self::Blake2s(hash) => Sum::Blake2s(base32(&hash.finalize())),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Sha256(_) => return out.write_str(self.hash()),
            Self::Sha256Base32(_) => 0,
            Self::Blake2b(_) => 2,
            Self::Blake2s(_) => 5,
        };
        write!(out, "{kind}${}", self.hash())
    }
}

/// Checks that `text` is SHA-256 in hexadecimal.
///
/// # Errors
/// It is something else.
pub fn require_sha256(text: &str) -> Result<()> {
    Sum::parse(text)
        .ok()
        .filter(|sum| sum.sha256() == Some(text))
        .with_context(|| format!("`{text}` is no SHA-256 checksum of 64 hexadecimal digits"))?;
    Ok(())
}

/// z-base-32 with the lowest bits first, as pkg does it.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits |= u32::from(*byte) << count;
        count += 8;
        while count >= 5 {
            text.push(char::from(BASE32[(bits & 31) as usize]));
            bits >>= 5;
            count -= 5;
        }
    }
    if count > 0 {
        text.push(char::from(BASE32[(bits & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "hi\n", as pkg 2.8 wrote it for a file.
    const BLAKE2B: &str = "2$6mj7j7byqyo8ynqpg5b67k89b36osqrae7gqor1sr5ou3eiy3gcga5d6e75whyrw6iw7zxq1domtfe9ng4afmncee4nwqmfdqc365nd";

    fn judge(sum: &str, bytes: &[u8]) -> Result<()> {
        let sum = Sum::parse(sum)?;
        let mut hasher = sum.hasher();
        bytes.chunks(2).for_each(|chunk| hasher.update(chunk));
        sum.require(hasher)
    }

    #[test]
    fn what_pkg_wrote_is_understood() {
        judge(BLAKE2B, b"hi\n").unwrap();
        judge(&format!("2${BLAKE2B}"), b"hi\n").unwrap();
        let sha256 = "1$98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4";
        judge(sha256, b"hi\n").unwrap();
        judge(&sha256[2..], b"hi\n").unwrap();
    }

    #[test]
    fn a_wrong_or_unknown_checksum_is_told() {
        let error = judge(BLAKE2B, b"ho\n").unwrap_err().to_string();
        assert!(error.contains("should be 2$6mj7") && error.contains("its checksum is 2$"), "{error}");
        for bad in ["", "-", "3$abc", "1$abc", "98EA", "2$lll", "7$x"] {
            assert!(Sum::parse(bad).is_err(), "{bad}");
        }
        assert!(require_sha256(BLAKE2B).is_err());
    }
}
