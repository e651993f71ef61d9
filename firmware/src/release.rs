//! Which release a system is: the JSON file that the builder puts into every slot and the device reads.
//!
//! It lies in the read-only slot, so it is as true as the slot itself, and outside `/etc`, so that what is saved on
//! `/cfg` cannot outlive the slot that it describes. What the *slots* hold is in their headers ([`crate::slot`]). No time
//! is in it: the same inputs are the same bytes.

use serde::{Deserialize, Serialize};

/// Where it lies on the device.
pub const RELEASE_FILE: &str = "/usr/share/sluice/release.json";

/// What an image is. Fields that a later builder adds are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The product's name, `sluice`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// The board that it is built for, `alix`.
    pub board: String,
    /// The commit of the repository.
    pub commit: String,
    /// The version of the world, `13.2-RELEASE`.
    pub world: String,
    /// The version of the configuration on `/cfg` that it writes; 0 from a builder that did not tell yet.
    #[serde(default)]
    pub config_version: u32,
}

/// A fact that a release cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A device that cannot say what it runs cannot be supported.
    #[error("the release's {fact} is empty")]
    Empty {
        /// Which fact.
        fact: &'static str,
    },
    /// It would spoil a console or a log.
    #[error("the release's {fact} holds a control character: `{}`", value.escape_debug())]
    Control {
        /// Which fact.
        fact: &'static str,
        /// What it is.
        value: String,
    },
}

impl Release {
    /// Checks that every fact is there and can be shown.
    ///
    /// # Errors
    /// Names the fact that is empty or holds a control character.
    pub fn check(&self) -> Result<(), ReleaseError> {
        for (fact, value) in [
            ("product", &self.product),
            ("version", &self.version),
            ("board", &self.board),
            ("commit", &self.commit),
            ("world", &self.world),
        ] {
            if value.trim().is_empty() {
                return Err(ReleaseError::Empty { fact });
            }
            if value.contains(char::is_control) {
                return Err(ReleaseError::Control { fact, value: value.clone() });
            }
        }
        Ok(())
    }

    /// Product, version, commit and board in one line.
    pub fn title(&self) -> String {
        format!("{} {} ({}) for {}", self.product, self.version, self.commit, self.board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_is_missing_or_cannot_be_shown_is_named() {
        let good = Release {
            product: "sluice".into(),
            version: "1.4.0".into(),
            board: "alix".into(),
            commit: "0123abc".into(),
            world: "13.2-RELEASE".into(),
            config_version: 1,
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.title(), "sluice 1.4.0 (0123abc) for alix");
        let empty = Release { commit: " ".into(), ..good.clone() }.check().unwrap_err();
        assert_eq!(empty.to_string(), "the release's commit is empty");
        let control = Release { board: "a\nb".into(), ..good }.check().unwrap_err();
        assert!(control.to_string().contains("`a\\nb`"), "{control}");
    }
    #[test]
    fn the_file_of_a_builder_that_knew_no_configuration_version_is_still_read() {
        let json = r#"{"product":"sluice","version":"0.1.0","board":"alix","commit":"0","world":"w"}"#;
        assert_eq!(serde_json::from_str::<Release>(json).unwrap().config_version, 0);
    }
}
