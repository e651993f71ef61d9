//! Which release this system is, from the file that the builder puts into every slot ([`firmware::release`]).

use anyhow::{Context, Result};
use firmware::release::{RELEASE_FILE, Release};

use crate::device::Facts;

/// The running system's.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn of(facts: &dyn Facts) -> Result<Release> {
    let text = facts.release()?;
    serde_json::from_str(&text).with_context(|| format!("parsing {RELEASE_FILE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;

    #[test]
    fn a_field_that_a_later_builder_adds_does_no_harm() {
        let mut fake = Fake::healthy();
        fake.release = Some(
            r#"{"product":"sluice","version":"2.0","board":"alix2d13","commit":"f00","world":"w","epoch":7}"#
                .into(),
        );
        assert_eq!(of(&fake).unwrap().title(), "sluice 2.0 (f00) for alix2d13");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let mut fake = Fake::healthy();
        fake.release = Some(r#"{"product":"sluice""#.into());
        let message = format!("{:#}", of(&fake).unwrap_err());
        assert!(message.starts_with("parsing /usr/share/sluice/release.json: EOF"), "{message}");
    }
}
