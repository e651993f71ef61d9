//! The identifier of a key pair.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// Digits of an identifier as text.
const DIGITS: usize = 16;

/// The identifier of a key pair: eight random bytes in the key and in its signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

/// A text that is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's identifier has {DIGITS} digits, 0-9 and A-F, as minisign prints it")]
pub struct KeyIdError;

impl fmt::Display for KeyId {
    /// As minisign(1) shows it: 16 digits, the last byte first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    /// Accepts exactly what is displayed, so that an identifier has one text only.
    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        if text.len() != DIGITS || !text.bytes().all(is_digit) {
            return Err(KeyIdError);
        }
        u64::from_str_radix(text, 16).map(|id| Self(id.to_le_bytes())).map_err(|_| KeyIdError)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_text_the_one_that_minisign_prints() {
        let id = KeyId([0x1f, 0xe8, 0xb4, 0x42, 0x18, 0x0f, 0x62, 0xe7]);
        assert_eq!(id.to_string(), "E7620F1842B4E81F");
        assert_eq!("E7620F1842B4E81F".parse(), Ok(id));
        assert_eq!(serde_json::to_string(&[id]).unwrap(), r#"["E7620F1842B4E81F"]"#);
        assert_eq!(serde_json::from_str::<Vec<KeyId>>(r#"["E7620F1842B4E81F"]"#).unwrap(), [id]);
        for text in [
            "",
            "e7620f1842b4e81f",
            "E7620F1842B4E81",
            "E7620F1842B4E81F0",
            "+7620F1842B4E81F",
            "É620F1842B4E81F",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(KeyIdError), "{text}");
        }
        let error = serde_json::from_str::<KeyId>("\"x\"").unwrap_err().to_string();
        assert!(error.contains("16 digits"), "{error}");
    }
}
