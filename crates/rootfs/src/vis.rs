//! vis(3), the encoding of unusual bytes in mtree(5) and METALOG, as `mtree -C` and install(1) use it.

use anyhow::{Context, Result, bail};

/// Decodes `\040`, `\s`, `\M-C`, `\\` and similar sequences.
///
/// # Errors
/// A sequence that vis(3) does not write, or bytes that are not UTF-8.
pub fn decode(text: &str) -> Result<String> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\' {
            let (byte, used) = sequence(tail).with_context(|| format!("decoding `{text}`"))?;
            bytes.push(byte);
            rest = &tail[used..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).with_context(|| format!("decoding `{text}`: names in an image must be UTF-8"))
}

/// Decodes one sequence, after its backslash: its byte, and its length in bytes.
fn sequence(tail: &[u8]) -> Result<(u8, usize)> {
    Ok(match tail {
        [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), 3)
        }
        [b'M', b'-', c, ..] => (c | 0x80, 3),
        [b'M', b'^', b'?', ..] => (0xff, 3),
        [b'M', b'^', c, ..] => ((c & 0x1f) | 0x80, 3),
        [b'^', b'?', ..] => (0x7f, 2),
        [b'^', c, ..] => (c & 0x1f, 2),
        [b's', ..] => (b' ', 1),
        [b't', ..] => (b'\t', 1),
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b'\\', ..] => (b'\\', 1),
        [b'#', ..] => (b'#', 1),
        _ => bail!("unknown escape after a backslash"),
    })
}

/// Encodes `text` for mtree(8): everything outside of `!`..=`~`, and `\`, `#`, `*`, `?`, `[`, as octal.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\\#*?[".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\{byte:03o}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_install_writes_is_decoded() {
        assert_eq!(decode(r"F\M-E\M^Qtan\M-C\M-:s.pem").unwrap(), "Főtanús.pem");
        assert_eq!(decode(r"a\040b\\c\#").unwrap(), r"a b\c#");
        assert!(decode(r"bad\").is_err());
        assert!(decode(r"\M-E").is_err());
    }

    proptest! {
        #[test]
        fn decoding_reverses_encoding(name in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&name)).unwrap(), name);
        }
    }
}
