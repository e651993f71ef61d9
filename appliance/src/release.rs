//! Which release this system is: `/usr/share/sluice/release.json`, which the builder puts into every image.
//!
//! It is part of the read-only slot, so it is as true as the slot itself. What is *installed* in the two slots is in
//! their own headers, see [`crate::slot`].

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::device::Facts;

/// Where the builder puts it.
pub const RELEASE_FILE: &str = "/usr/share/sluice/release.json";

/// What the builder says of the image. Fields that a later builder adds are none of our business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The product, `sluice`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// The board that it is made for, `alix2d13`.
    pub board: String,
    /// The commit that it was built from.
    pub commit: String,
    /// The world in it, `FreeBSD 13.2-RELEASE`.
    pub world: String,
}

impl Release {
    /// The running system's.
    pub fn of(facts: &dyn Facts) -> Result<Self> {
        let text = facts.release()?;
        serde_json::from_str(&text).with_context(|| format!("parsing {RELEASE_FILE}"))
    }

    /// Product, version, commit and board in one line.
    pub fn title(&self) -> String {
        format!("{} {} ({}) for {}", self.product, self.version, self.commit, self.board)
    }
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
        assert_eq!(Release::of(&fake).unwrap().title(), "sluice 2.0 (f00) for alix2d13");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let mut fake = Fake::healthy();
        fake.release = Some(r#"{"product":"sluice""#.into());
        let message = format!("{:#}", Release::of(&fake).unwrap_err());
        assert!(message.starts_with("parsing /usr/share/sluice/release.json: EOF"), "{message}");
    }
}
