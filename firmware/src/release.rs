//! The description of a system: the JSON file that the builder puts into every slot and the unit reads.
//!
//! The file is in the read-only slot, so it is as reliable as the slot itself. It is not in `/etc`, so a copy saved on `/cfg`
//! cannot survive the slot that it describes. It contains no time, so the same inputs give the same bytes. For the content
//! of a slot that is not running, see its header ([`crate::slot`]).

use serde::{Deserialize, Serialize};

pub use crate::paths::RELEASE as RELEASE_FILE;

/// The description of a system. Fields added by a later builder are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The name of the product, such as `sluice`.
    pub product: String,
    /// The version of the product.
    pub version: String,
    /// The board that it was built for, such as `alix`.
    pub board: String,
    /// The commit of the product's repository.
    pub commit: String,
    /// The version of the world, such as `13.2-RELEASE`.
    pub world: String,
    /// The version of the configuration that it writes to `/cfg`; 0 if made by a builder without this field.
    #[serde(default)]
    pub config_version: u32,
    /// Seconds of uptime after which a system on trial that was not confirmed restarts; 0 if it never does.
    #[serde(default)]
    pub trial_deadline: u32,
}

/// An invalid description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A fact is empty.
    #[error("the release's {fact} is empty")]
    Empty {
        /// The name of the fact.
        fact: &'static str,
    },
    /// A fact contains a control character, which would garble a console or a log.
    #[error("the release's {fact} contains a control character: `{}`", value.escape_debug())]
    Control {
        /// The name of the fact.
        fact: &'static str,
        /// The value of the fact.
        value: String,
    },
}

impl Release {
    /// Checks that no fact is empty and that all of them can be printed.
    ///
    /// # Errors
    /// A fact is empty or contains a control character.
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

    /// Product, version, commit and board on one line.
    pub fn title(&self) -> String {
        format!("{} {} ({}) for {}", self.product, self.version, self.commit, self.board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_is_empty_or_cannot_be_printed_is_named() {
        let good = Release {
            product: "sluice".into(),
            version: "1.4.0".into(),
            board: "alix".into(),
            commit: "0123abc".into(),
            world: "13.2-RELEASE".into(),
            config_version: 1,
            trial_deadline: 900,
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.title(), "sluice 1.4.0 (0123abc) for alix");
        let empty = Release { commit: " ".into(), ..good.clone() }.check().unwrap_err();
        assert_eq!(empty.to_string(), "the release's commit is empty");
        let control = Release { board: "a\nb".into(), ..good }.check().unwrap_err();
        assert!(control.to_string().contains("`a\\nb`"), "{control}");
    }

    #[test]
    fn a_file_without_a_configuration_version_is_still_read() {
        let json = r#"{"product":"sluice","version":"0.1.0","board":"alix","commit":"0","world":"w"}"#;
        let release = serde_json::from_str::<Release>(json).unwrap();
        assert_eq!((release.config_version, release.trial_deadline), (0, 0));
    }
}
