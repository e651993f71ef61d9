//! The subset of UCL that repositories and fingerprints use: `key = value;` or `key: "value"`, one per line, or the same as
//! JSON.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

/// The keys and values of `text`; a nested object is kept as text.
///
/// # Errors
/// The text begins like JSON, but is not.
pub fn pairs(text: &str) -> Result<BTreeMap<String, String>> {
    if text.trim_start().starts_with('{') {
        let object: BTreeMap<String, Value> = serde_json::from_str(text).context("parsing it as JSON")?;
        let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(object.into_iter().map(|(key, value)| (key, plain(value))).collect());
    }
    let pair = |line: &str| {
        let line = line.trim().trim_end_matches([';', ',']);
        let (key, value) = line.split_once([':', '=']).filter(|_| !line.starts_with('#'))?;
        let bare = |text: &str| text.trim().trim_matches('"').to_owned();
        Some((bare(key), bare(value)))
    };
    Ok(text.lines().filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_give_the_same_pairs() {
        let expected = BTreeMap::from([("a".into(), "x".into()), ("version".into(), "2".into())]);
        for text in ["version = 2;\na = \"x\";\n", "# c\nversion: 2\na: x\n", "{\"version\":2,\"a\":\"x\"}"] {
            assert_eq!(pairs(text).unwrap(), expected, "{text}");
        }
        assert!(pairs("{").is_err());
    }
}
