//! Code that may hold what the processor lacks, because it never runs there.
//!
//! An exception names one symbol of one file, and why: it must not hide the next instruction that slips in elsewhere.

use serde::Deserialize;

use super::Violation;

/// One excused symbol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The file in the image: `lib/libcrypto.so.111`.
    pub path: String,
    /// The symbol, whole; or the start of a symbol with `*` behind it. `*` alone is the whole file, and the only way to
    /// excuse one that has no symbols (`strip`).
    pub symbol: String,
    /// Why it never runs on the device.
    pub reason: String,
}

impl Exception {
    fn excuses(&self, path: &str, violation: &Violation) -> bool {
        // Code without a symbol has the name that only `*` fits.
        let symbol = violation.symbol.as_deref().unwrap_or_default();
        self.path == path
            && match self.symbol.strip_suffix('*') {
                Some(start) => symbol.starts_with(start),
                None => !symbol.is_empty() && symbol == self.symbol,
            }
    }
}

/// A list of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Exceptions(pub Vec<Exception>);

impl Exceptions {
    /// The violations of a file that nothing excuses.
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
            reason: "runs only where OPENSSL_ia32cap says SSE2".into(),
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
        for (path, symbol, left) in cases {
            let unexcused = list("gcm_ghash_4bit_x86").unexcused(path, vec![violation(symbol)]);
            assert_eq!(unexcused.len(), left, "{path} {symbol:?}");
        }
    }

    #[test]
    fn a_star_excuses_a_family_of_symbols() {
        for (symbol, left) in [(Some("aesni_encrypt"), 0), (Some("vpaes_encrypt"), 1), (None, 1)] {
            let unexcused = list("aesni_*").unexcused("lib/libcrypto.so.111", vec![violation(symbol)]);
            assert_eq!(unexcused.len(), left, "{symbol:?}");
        }
    }

    #[test]
    fn a_star_alone_excuses_a_file_that_was_stripped_and_no_other() {
        for (path, left) in [("lib/libcrypto.so.111", 0), ("lib/libssl.so.111", 1)] {
            assert_eq!(list("*").unexcused(path, vec![violation(None)]).len(), left, "{path}");
        }
        assert_eq!(list("").unexcused("lib/libcrypto.so.111", vec![violation(None)]).len(), 1);
    }
}
