//! Whether a unit can accept what an update says of keys.
//!
//! A key that was revoked on a unit is never trusted there again, by no release that can come to run on it:
//!
//! - its identifier is in the state, which every release reads, a previous one after a roll-back too;
//! - it leaves the state only if there is no room, for a release with a higher epoch, and only if the running release, which
//!   will be in the other slot, does not trust the key by itself. Releases that do have a lower epoch and are refused.

use super::boot_state::BootState;
use crate::key_id::KeyId;
use crate::revocations::{REVOKED_MAX, Revocations};

/// An update that the unit cannot accept for what it says of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Keys have been revoked since the update was made.
    #[error(
        "this update has key epoch {update}; this unit accepts none below {unit}, because keys were revoked since the update \
         was made\nhint: install a release that was made after that"
    )]
    Epoch {
        /// The update's epoch.
        update: u32,
        /// The unit's epoch.
        unit: u32,
    },
    /// The state has no room for the keys, and the update does not replace any.
    #[error(
        "this update would bring the revoked keys of this unit to {count}, but its boot state stores {REVOKED_MAX}\nhint: \
         install a release with a higher key epoch, which replaces the oldest ones"
    )]
    NoRoom {
        /// The number of keys with those of the update.
        count: usize,
    },
    /// A key would leave the state that the running release trusts.
    #[error(
        "this update drops the revoked key {id}, which the running release would trust again\nhint: first install a release \
         that does not trust it"
    )]
    TrustedAgain {
        /// The key.
        id: KeyId,
    },
}

impl BootState {
    /// Checks that an update with these revocations may be installed. `running` are those of the running release, and
    /// `trusted` the keys in its slot.
    ///
    /// # Errors
    /// The update has a lower epoch, or its keys cannot be stored without trusting a revoked key again.
    pub fn check_trust(
        &self,
        running: &Revocations,
        trusted: impl IntoIterator<Item = KeyId>,
        update: &Revocations,
    ) -> Result<(), TrustError> {
        let unit = self.revocations.and(running);
        if update.epoch < unit.epoch {
            return Err(TrustError::Epoch { update: update.epoch, unit: unit.epoch });
        }
        let next = unit.and(update);
        let is_dropped = |id: &KeyId| unit.keys.contains(id) && !next.keys.contains(id);
        let left_out = update.keys.iter().filter(|id| !next.keys.contains(id)).count();
        if left_out > 0 {
            return Err(TrustError::NoRoom { count: next.keys.len() + left_out });
        }
        let is_trusted_again = |id: &KeyId| is_dropped(id) && !running.keys.contains(id);
        match trusted.into_iter().find(is_trusted_again) {
            Some(id) => Err(TrustError::TrustedAgain { id }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::factory;
    use super::*;

    fn id(byte: u8) -> KeyId {
        KeyId([byte; 8])
    }

    fn revocations(epoch: u32, keys: std::ops::RangeInclusive<u8>) -> Revocations {
        Revocations { epoch, keys: keys.map(id).collect() }
    }

    fn unit() -> BootState {
        BootState { revocations: revocations(2, 1..=10), ..factory() }
    }

    #[test]
    fn an_update_from_before_the_last_revocation_is_refused() {
        let none = Revocations::default();
        let epoch = |update, unit| Err(TrustError::Epoch { update, unit });
        assert_eq!(unit().check_trust(&none, [], &revocations(1, 1..=1)), epoch(1, 2));
        assert_eq!(unit().check_trust(&none, [], &none), epoch(0, 2));
        assert_eq!(unit().check_trust(&none, [], &revocations(2, 1..=1)), Ok(()));
        // The running release counts even if it was not confirmed yet.
        assert_eq!(factory().check_trust(&revocations(1, 1..=1), [], &none), epoch(0, 1));
        assert_eq!(factory().check_trust(&none, [], &none), Ok(()));
    }

    #[test]
    fn a_revoked_key_leaves_the_state_only_if_nothing_on_the_unit_trusts_it() {
        let none = Revocations::default();
        let same = revocations(2, 11..=13);
        assert_eq!(unit().check_trust(&none, [], &same), Err(TrustError::NoRoom { count: 13 }));
        assert_eq!(unit().check_trust(&none, [], &revocations(2, 11..=12)), Ok(()));
        let newer = revocations(3, 11..=13);
        assert_eq!(unit().check_trust(&none, [id(2), id(20)], &newer), Ok(()), "key 2 stays revoked");
        let again = Err(TrustError::TrustedAgain { id: id(1) });
        assert_eq!(unit().check_trust(&none, [id(2), id(1)], &newer), again);
        assert_eq!(
            unit().check_trust(&revocations(1, 1..=1), [id(1)], &newer),
            Ok(()),
            "it revokes key 1 itself"
        );
        let names_it = Revocations { epoch: 3, keys: [id(1), id(11), id(12), id(13)].to_vec() };
        assert_eq!(unit().check_trust(&none, [id(1)], &names_it), Ok(()));
        assert_eq!(
            unit().check_trust(&none, [id(2)], &names_it),
            Err(TrustError::TrustedAgain { id: id(2) })
        );
    }

    #[test]
    fn a_refusal_says_what_to_install_instead() {
        let text = [
            TrustError::Epoch { update: 1, unit: 2 }.to_string(),
            TrustError::NoRoom { count: 13 }.to_string(),
            TrustError::TrustedAgain { id: id(1) }.to_string(),
        ];
        assert_eq!(
            text,
            [
                "this update has key epoch 1; this unit accepts none below 2, because keys were revoked since the update was \
                 made\nhint: install a release that was made after that",
                "this update would bring the revoked keys of this unit to 13, but its boot state stores 12\nhint: install a \
                 release with a higher key epoch, which replaces the oldest ones",
                "this update drops the revoked key 0101010101010101, which the running release would trust again\nhint: first \
                 install a release that does not trust it",
            ]
        );
    }
}
