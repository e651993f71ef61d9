//! Checksums in pkg(8)'s notations: 64 hexadecimal digits, `TYPE$HASH`, or `VERSION$TYPE$HASH`
//! (`libpkg/pkg_checksum.c`).

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use blake2::{Blake2b512, Blake2s256};
use sha2::{Digest, Sha256};

/// The alphabet of z-base-32, which pkg writes BLAKE2 in.
const BASE32: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// A checksum of one of pkg's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 in hexadecimal.
    Sha256(String),
    /// SHA-256 in base 32.
    Sha256Base32(String),
    /// BLAKE2b with 64 bytes, in base 32.
    Blake2b(String),
    /// BLAKE2s with 32 bytes, in base 32.
    Blake2s(String),
}

impl Checksum {
    /// Parses a checksum.
    ///
    /// # Errors
    /// Its type is not supported, or its digits do not match the type.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.rsplit('$');
        let hash = parts.next().unwrap_or_default().to_owned();
        let checksum = match parts.next() {
            None | Some("1") => Self::Sha256(hash),
            Some("0") => Self::Sha256Base32(hash),
            Some("2") => Self::Blake2b(hash),
            Some("5") => Self::Blake2s(hash),
            Some(other) => bail!(
                "checksum `{text}` is of type {other}; only SHA-256 (0, 1), BLAKE2b (2) and BLAKE2s (5) as text are supported"
            ),
        };
        let (digits, alphabet): (usize, &[u8]) = match &checksum {
            Self::Sha256(_) => (64, b"0123456789abcdef"),
            Self::Sha256Base32(_) | Self::Blake2s(_) => (52, BASE32),
            Self::Blake2b(_) => (103, BASE32),
        };
        let hash = checksum.hash();
        ensure!(
            hash.len() == digits && hash.bytes().all(|digit| alphabet.contains(&digit)),
            "checksum `{text}` does not have the {digits} digits of its type"
        );
        Ok(checksum)
    }

    /// A hasher for checksums of the same type.
    pub fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::Sha256Base32(_) => Hasher::Sha256Base32(Sha256::new()),
            Self::Blake2b(_) => Hasher::Blake2b(Box::default()),
            Self::Blake2s(_) => Hasher::Blake2s(Box::default()),
        }
    }

    /// The SHA-256 in hexadecimal, if the checksum is one.
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

    /// Compares the checksum with that of `hasher`, which came from [`Checksum::hasher`].
    ///
    /// # Errors
    /// They differ.
    pub fn require(&self, hasher: Hasher) -> Result<()> {
        let found = hasher.finish();
        ensure!(found == *self, "its checksum is {found}, but should be {self}");
        Ok(())
    }
}

/// Computes a checksum of one type.
#[derive(Debug)]
pub enum Hasher {
    /// SHA-256 in hexadecimal.
    Sha256(Sha256),
    /// SHA-256 in base 32.
    Sha256Base32(Sha256),
    /// BLAKE2b.
    Blake2b(Box<Blake2b512>),
    /// BLAKE2s.
    Blake2s(Box<Blake2s256>),
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) | Self::Sha256Base32(hash) => hash.update(bytes),
            Self::Blake2b(hash) => hash.update(bytes),
            Self::Blake2s(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Checksum {
        match self {
            Self::Sha256(hash) => Checksum::Sha256(hex::encode(hash.finalize())),
            Self::Sha256Base32(hash) => Checksum::Sha256Base32(base32(&hash.finalize())),
            Self::Blake2b(hash) => Checksum::Blake2b(base32(&hash.finalize())),
            Self::Blake2s(hash) => Checksum::Blake2s(base32(&hash.finalize())),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Sha256(_) => return out.write_str(self.hash()),
            Self::Sha256Base32(_) => 0,
            Self::Blake2b(_) => 2,
            Self::Blake2s(_) => 5,
        };
        write!(out, "{number}${}", self.hash())
    }
}

/// Checks that `text` is a SHA-256 in hexadecimal.
///
/// # Errors
/// It is something else.
pub fn require_sha256(text: &str) -> Result<()> {
    Checksum::parse(text)
        .ok()
        .filter(|checksum| checksum.sha256() == Some(text))
        .with_context(|| format!("`{text}` is not a SHA-256 checksum of 64 hexadecimal digits"))?;
    Ok(())
}

/// z-base-32 with the lowest bits first, as in pkg.
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

    /// The checksum that pkg 2.8 wrote for a file with the content "hi\n".
    const BLAKE2B: &str = "2$6mj7j7byqyo8ynqpg5b67k89b36osqrae7gqor1sr5ou3eiy3gcga5d6e75whyrw6iw7zxq1domtfe9ng4afmncee4nwqmfdqc365nd";

    fn check(checksum: &str, bytes: &[u8]) -> Result<()> {
        let checksum = Checksum::parse(checksum)?;
        let mut hasher = checksum.hasher();
        bytes.chunks(2).for_each(|chunk| hasher.update(chunk));
        checksum.require(hasher)
    }

    #[test]
    fn checksums_of_pkg_are_understood() {
        check(BLAKE2B, b"hi\n").unwrap();
        check(&format!("2${BLAKE2B}"), b"hi\n").unwrap();
        let sha256 = "1$98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4";
        check(sha256, b"hi\n").unwrap();
        check(&sha256[2..], b"hi\n").unwrap();
    }

    #[test]
    fn a_wrong_or_unknown_checksum_is_refused() {
        let error = check(BLAKE2B, b"ho\n").unwrap_err().to_string();
        assert!(error.contains("should be 2$6mj7") && error.contains("its checksum is 2$"), "{error}");
        for bad in ["", "-", "3$abc", "1$abc", "98EA", "2$lll", "7$x"] {
            assert!(Checksum::parse(bad).is_err(), "{bad}");
        }
        assert!(require_sha256(BLAKE2B).is_err());
    }
}
