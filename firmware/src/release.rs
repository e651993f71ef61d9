//! The description of a system: the JSON file that the builder puts into every slot and the unit reads.
//!
//! The file is in the read-only slot, so it is as reliable as the slot itself. It is not in `/etc`, so a copy saved on `/cfg`
//! cannot survive the slot that it describes. It contains no time, so the same inputs give the same bytes. For the content
//! of a slot that is not running, see its header ([`crate::slot`]).

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::key_id::KeyId;
pub use crate::paths::RELEASE as RELEASE_FILE;
use crate::revocations::{Revocations, RevocationsError};

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
    /// The key epoch ([`Revocations::epoch`]); 0 if no key was ever revoked.
    #[serde(default)]
    pub key_epoch: u32,
    /// The keys whose signatures it does not accept, whatever else is in its slot; the oldest first.
    #[serde(default)]
    pub revoked_keys: Vec<KeyId>,
    /// The version floors that it lowers to its own version once it is confirmed.
    #[serde(default)]
    pub lowers_floors: Vec<String>,
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
    /// The key epoch or the revoked keys are out of range.
    #[error("the release's revocations are invalid: {0}")]
    Revocations(#[from] RevocationsError),
    /// A floor to lower is not a version.
    #[error("the release lowers the floor `{floor}`, which is not a version")]
    Floor {
        /// The floor.
        floor: String,
    },
}

impl Release {
    /// Checks that no fact is empty, that all of them can be printed, and that a unit can store the revocations.
    ///
    /// # Errors
    /// A fact is empty or contains a control character, the revocations are out of range, or a floor is not a version.
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
        for floor in &self.lowers_floors {
            Version::parse(floor).map_err(|_| ReleaseError::Floor { floor: floor.clone() })?;
        }
        Ok(self.revocations().check()?)
    }

    /// What it withdraws from those who sign updates.
    pub fn revocations(&self) -> Revocations {
        Revocations { epoch: self.key_epoch, keys: self.revoked_keys.clone() }
    }

    /// Product, version, commit and board on one line.
    pub fn title(&self) -> String {
        format!("{} {} ({}) for {}", self.product, self.version, self.commit, self.board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            product: "sluice".into(),
            version: "1.4.0".into(),
            board: "alix".into(),
            commit: "0123abc".into(),
            world: "13.2-RELEASE".into(),
            config_version: 1,
            trial_deadline: 900,
            key_epoch: 2,
            revoked_keys: vec!["E7620F1842B4E81F".parse().unwrap()],
            lowers_floors: vec!["99.0.0".into()],
        }
    }

    #[test]
    fn a_fact_that_is_invalid_is_named() {
        let good = release();
        assert_eq!(good.check(), Ok(()));
        assert_eq!(good.title(), "sluice 1.4.0 (0123abc) for alix");
        let empty = Release { commit: " ".into(), ..good.clone() }.check().unwrap_err();
        assert_eq!(empty.to_string(), "the release's commit is empty");
        let control = Release { board: "a\nb".into(), ..good.clone() }.check().unwrap_err();
        assert!(control.to_string().contains("`a\\nb`"), "{control}");
        let epoch = Release { key_epoch: 0, ..good.clone() }.check().unwrap_err();
        assert_eq!(epoch, ReleaseError::Revocations(RevocationsError::NotRaised));
        let floor = Release { lowers_floors: vec!["99".into()], ..good }.check().unwrap_err();
        assert_eq!(floor.to_string(), "the release lowers the floor `99`, which is not a version");
    }

    /// The frozen form: docs/keys.md.
    #[test]
    fn the_file_has_the_documented_form() {
        let json = r#"{"product":"sluice","version":"1.4.0","board":"alix","commit":"0123abc","world":"13.2-RELEASE","config_version":1,"trial_deadline":900,"key_epoch":2,"revoked_keys":["E7620F1842B4E81F"],"lowers_floors":["99.0.0"]}"#;
        assert_eq!(serde_json::to_string(&release()).unwrap(), json);
        assert_eq!(serde_json::from_str::<Release>(json).unwrap(), release());
        assert_eq!(release().revocations().epoch, 2);
    }

    #[test]
    fn a_file_without_a_configuration_version_is_still_read() {
        let json = r#"{"product":"sluice","version":"0.1.0","board":"alix","commit":"0","world":"w"}"#;
        let release = serde_json::from_str::<Release>(json).unwrap();
        assert_eq!((release.config_version, release.trial_deadline), (0, 0));
        assert!(release.revocations().is_empty() && release.lowers_floors.is_empty());
    }
}
