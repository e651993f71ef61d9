//! Code that may contain instructions that the processor does not have, because it never runs there.
//!
//! An exception names one symbol of one file and the reason, so that it cannot hide an instruction that slips in elsewhere.

use serde::Deserialize;

use crate::report::Violation;

/// One excused symbol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The file in the image: `lib/libcrypto.so.111`.
    pub path: String,
    /// A symbol, or the start of symbols followed by `*`. `*` alone excuses the whole file; for a file that has no symbols
    /// (`strip`), it is the only way.
    pub symbol: String,
    /// Why the code never runs on the processor.
    pub reason: String,
}

impl Exception {
    fn excuses(&self, path: &str, violation: &Violation) -> bool {
        // Code without a symbol has an empty name, which only `*` matches.
        let symbol = violation.symbol.as_deref().unwrap_or_default();
        self.path == path
            && match self.symbol.strip_suffix('*') {
                Some(start) => symbol.starts_with(start),
                None => !symbol.is_empty() && symbol == self.symbol,
            }
    }
}

/// All exceptions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Exceptions(pub Vec<Exception>);

impl Exceptions {
    /// The violations in the file `path` that no exception excuses.
    pub fn unexcused(&self, path: &str, violations: Vec<Violation>) -> Vec<Violation> {
        violations
            .into_iter()
            .filter(|violation| !self.0.iter().any(|exception| exception.excuses(path, violation)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(symbol: Option<&str>) -> Violation {
        Violation {
            address: 0,
            symbol: symbol.map(str::to_owned),
            text: "pxor %xmm0,%xmm0".into(),
            feature: "SSE2".into(),
        }
    }

    fn list(symbol: &str) -> Exceptions {
        Exceptions(vec![Exception {
            path: "lib/libcrypto.so.111".into(),
            symbol: symbol.into(),
            reason: "runs only if OPENSSL_ia32cap reports SSE2".into(),
        }])
    }

    #[test]
    fn an_exception_excuses_its_own_symbol_in_its_own_file_only() {
        let cases = [
            ("lib/libcrypto.so.111", Some("gcm_ghash_4bit_x86"), 0),
            ("lib/libcrypto.so.111", Some("gcm_ghash_4bit_x86_2"), 1),
            ("lib/libcrypto.so.111", None, 1),
            ("lib/libssl.so.111", Some("gcm_ghash_4bit_x86"), 1),
        ];
        for (path, symbol, count) in cases {
            let unexcused = list("gcm_ghash_4bit_x86").unexcused(path, vec![violation(symbol)]);
            assert_eq!(unexcused.len(), count, "{path} {symbol:?}");
        }
    }

    #[test]
    fn an_asterisk_excuses_all_symbols_that_begin_alike() {
        for (symbol, count) in [(Some("aesni_encrypt"), 0), (Some("vpaes_encrypt"), 1), (None, 1)] {
            let unexcused = list("aesni_*").unexcused("lib/libcrypto.so.111", vec![violation(symbol)]);
            assert_eq!(unexcused.len(), count, "{symbol:?}");
        }
    }

    #[test]
    fn an_asterisk_alone_excuses_a_stripped_file_and_no_other() {
        for (path, count) in [("lib/libcrypto.so.111", 0), ("lib/libssl.so.111", 1)] {
            assert_eq!(list("*").unexcused(path, vec![violation(None)]).len(), count, "{path}");
        }
        assert_eq!(list("").unexcused("lib/libcrypto.so.111", vec![violation(None)]).len(), 1);
    }
}
