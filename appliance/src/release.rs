//! The release that is running, from the file that the builder puts into every slot ([`firmware::release`]).

use anyhow::{Context, Result};
use firmware::release::{RELEASE_FILE, Release};

/// The running release.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn running() -> Result<Release> {
    parse(&std::fs::read_to_string(RELEASE_FILE).with_context(|| format!("reading {RELEASE_FILE}"))?)
}

/// Parses the text of [`RELEASE_FILE`].
///
/// # Errors
/// The file is damaged.
pub fn parse(text: &str) -> Result<Release> {
    serde_json::from_str(text).with_context(|| format!("parsing {RELEASE_FILE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_added_by_a_later_builder_is_ignored() {
        let text =
            r#"{"product":"sluice","version":"2.0","board":"alix2d13","commit":"f00","world":"w","epoch":7}"#;
        assert_eq!(parse(text).unwrap().title(), "sluice 2.0 (f00) for alix2d13");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let message = format!("{:#}", parse(r#"{"product":"sluice""#).unwrap_err());
        assert!(message.starts_with("parsing /usr/share/sluice/release.json: EOF"), "{message}");
    }
}
