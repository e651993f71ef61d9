//! What a release withdraws from those who sign updates, and how a unit adds that up.

use std::fmt;

use serde::Serialize;

use crate::key_id::KeyId;

/// The most revoked keys that a release names and a unit stores.
pub const REVOKED_MAX: usize = 12;

/// The highest key epoch. A product that raised it once a week would reach it after 190 years; a slip of the keyboard that
/// adds a digit or two is refused.
pub const KEY_EPOCH_MAX: u32 = 9999;

/// The key epoch, and the keys that are trusted no more.
///
/// The epoch is raised whenever a key is revoked. A release has those of its product, a unit those of all releases that
/// have proved themselves on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Revocations {
    /// The key epoch; 0 if no key was ever revoked.
    #[serde(rename = "key_epoch")]
    pub epoch: u32,
    /// The revoked keys, the oldest first; at most [`REVOKED_MAX`].
    #[serde(rename = "revoked_keys")]
    pub keys: Vec<KeyId>,
}

/// Revocations that no unit could store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationsError {
    /// The epoch is too high.
    #[error("the key epoch {epoch} is above {KEY_EPOCH_MAX}")]
    Epoch {
        /// The epoch.
        epoch: u32,
    },
    /// Keys were revoked, and the epoch was not raised.
    #[error("the key epoch is 0, although keys are revoked")]
    NotRaised,
    /// There are too many keys.
    #[error("{count} revoked keys are more than the {REVOKED_MAX} that a unit stores")]
    TooMany {
        /// Their number.
        count: usize,
    },
    /// A key is named twice.
    #[error("the key {id} is revoked twice")]
    Twice {
        /// The key.
        id: KeyId,
    },
    /// A key has the identifier that marks an unused entry of the boot state.
    #[error("a revoked key has the identifier 0, which marks an unused entry")]
    Unused,
}

impl fmt::Display for Revocations {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "epoch {}, ", self.epoch)?;
        if self.keys.is_empty() {
            return out.write_str("none revoked");
        }
        let keys: Vec<String> = self.keys.iter().map(KeyId::to_string).collect();
        write!(out, "revoked: {}", keys.join(", "))
    }
}

impl Revocations {
    /// Whether nothing was ever withdrawn.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that a unit can store them.
    ///
    /// # Errors
    /// The epoch is too high or was not raised, or there are too many keys, one of them twice, or one that is all zero.
    pub fn check(&self) -> Result<(), RevocationsError> {
        if self.epoch > KEY_EPOCH_MAX {
            return Err(RevocationsError::Epoch { epoch: self.epoch });
        }
        if self.epoch == 0 && !self.keys.is_empty() {
            return Err(RevocationsError::NotRaised);
        }
        if self.keys.len() > REVOKED_MAX {
            return Err(RevocationsError::TooMany { count: self.keys.len() });
        }
        for (at, &id) in self.keys.iter().enumerate() {
            if id == KeyId([0; 8]) {
                return Err(RevocationsError::Unused);
            }
            if self.keys[..at].contains(&id) {
                return Err(RevocationsError::Twice { id });
            }
        }
        Ok(())
    }

    /// What is withdrawn once a release with these revocations has proved itself, too: the higher epoch and the keys of
    /// both. If that is more than fits, a release with a higher epoch replaces the oldest keys that it does not name; one
    /// with the same or a lower epoch, such as the previous release after a roll-back, replaces none.
    #[must_use]
    pub fn and(&self, release: &Self) -> Self {
        let mut keys = self.keys.clone();
        keys.extend(release.keys.iter().filter(|id| !self.keys.contains(id)));
        if release.epoch > self.epoch {
            let mut excess = keys.len().saturating_sub(REVOKED_MAX);
            keys.retain(|id| {
                let is_replaced = excess > 0 && !release.keys.contains(id);
                excess -= usize::from(is_replaced);
                !is_replaced
            });
        }
        keys.truncate(REVOKED_MAX);
        Self { epoch: self.epoch.max(release.epoch), keys }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(range: std::ops::RangeInclusive<u8>) -> Vec<KeyId> {
        range.map(|byte| KeyId([byte; 8])).collect()
    }

    #[test]
    fn what_a_unit_could_not_store_is_refused() {
        let check =
            |epoch, keys: Vec<KeyId>| Revocations { epoch, keys }.check().map_err(|error| error.to_string());
        assert_eq!(check(0, vec![]), Ok(()));
        assert_eq!(check(KEY_EPOCH_MAX, ids(1..=12)), Ok(()));
        let refused = |text: &str| Err(text.to_owned());
        assert_eq!(check(10_000, vec![]), refused("the key epoch 10000 is above 9999"));
        assert_eq!(check(0, ids(1..=1)), refused("the key epoch is 0, although keys are revoked"));
        assert_eq!(check(1, ids(1..=13)), refused("13 revoked keys are more than the 12 that a unit stores"));
        assert_eq!(
            check(1, [ids(1..=2), ids(1..=1)].concat()),
            refused("the key 0101010101010101 is revoked twice")
        );
        assert_eq!(
            check(1, ids(0..=1)),
            refused("a revoked key has the identifier 0, which marks an unused entry")
        );
    }

    #[test]
    fn a_release_with_a_higher_epoch_replaces_the_oldest_keys_that_it_does_not_name_if_they_do_not_fit() {
        let unit = Revocations { epoch: 3, keys: ids(1..=10) };
        let both = unit.and(&Revocations { epoch: 2, keys: ids(9..=12) });
        assert_eq!((both.epoch, both.keys), (3, ids(1..=12)));
        let same = unit.and(&Revocations { epoch: 3, keys: ids(11..=13) });
        assert_eq!((same.epoch, same.keys), (3, ids(1..=12)), "nothing is replaced");
        let newer = Revocations { epoch: 4, keys: [ids(1..=1), ids(11..=13)].concat() };
        let both = unit.and(&newer);
        assert_eq!((both.epoch, both.keys), (4, [ids(1..=1), ids(3..=13)].concat()));
        assert!(!unit.is_empty() && Revocations::default().is_empty());
        let two = Revocations { epoch: 4, keys: ids(1..=2) };
        assert_eq!(two.to_string(), "epoch 4, revoked: 0101010101010101, 0202020202020202");
        assert_eq!(Revocations { keys: vec![], ..two }.to_string(), "epoch 4, none revoked");
    }

    fn any_revocations() -> impl Strategy<Value = Revocations> {
        let keys = prop::collection::hash_set(1..=40_u8, 0..=REVOKED_MAX);
        (1..9_u32, keys).prop_map(|(epoch, keys)| Revocations {
            epoch,
            keys: keys.into_iter().map(|byte| KeyId([byte; 8])).collect(),
        })
    }

    proptest! {
        #[test]
        fn the_sum_has_all_keys_of_the_higher_epoch_and_loses_no_other_without_need(
            unit in any_revocations(), release in any_revocations(),
        ) {
            let both = unit.and(&release);
            prop_assert_eq!(both.check(), Ok(()));
            prop_assert_eq!(both.epoch, unit.epoch.max(release.epoch));
            let has = |keys: &[KeyId]| keys.iter().all(|id| both.keys.contains(id));
            let higher = if release.epoch > unit.epoch { &release } else { &unit };
            prop_assert!(has(&higher.keys));
            prop_assert!(both.keys.iter().all(|id| unit.keys.contains(id) || release.keys.contains(id)));
            prop_assert!(has(&unit.keys) && has(&release.keys) || both.keys.len() == REVOKED_MAX);
            prop_assert_eq!(&both.and(&release), &both, "confirming again changes nothing");
        }
    }
}
