//! What changes once a release has proved itself: the default slot, the version floor, and the keys that are trusted.

use semver::Version;

use super::boot_state::{BootState, Mark};
use super::releases::{Releases, RunningRelease};
use crate::slot::Slot;

impl BootState {
    /// Whether a release of this version is older than the version floor.
    pub fn is_below_floor(&self, version: &Version) -> bool {
        self.floor.as_ref().is_some_and(|floor| is_older(version, floor))
    }

    /// The running system is good, and the default.
    pub(super) fn prove(&mut self, running: Slot, releases: &Releases) {
        self.set_default(running);
        self.starts = 0;
        self.marks[running.index()] = Mark::Good;
        if let Some(digest) = self.digest(running) {
            self.failed.retain(|failed| *failed != digest);
        }
        let other = releases.other.as_ref().filter(|_| self.mark(running.other()) == Mark::Good);
        self.revocations = self.revocations.and(&releases.running.revocations);
        self.floor = Some(self.next_floor(&releases.running, other.map(|other| &other.version)));
        self.fallback = other.is_some_and(|other| {
            let is_withdrawn =
                self.is_below_floor(&other.version) || other.key_epoch < self.revocations.epoch;
            self.trial.is_none() && !is_withdrawn
        });
    }

    /// The version floor once `running` has proved itself, beside a proven `other` version.
    fn next_floor(&self, running: &RunningRelease, other: Option<&Version>) -> Version {
        let RunningRelease { version, lowers_floors, .. } = running;
        let lowest = other.filter(|other| is_older(other, version)).unwrap_or(version);
        match &self.floor {
            // Its own version, and not an even older one beside it: nobody has signed that.
            Some(floor) if is_older(version, floor) && lowers_floors.contains(&floor.to_string()) => {
                version.clone()
            }
            Some(floor) if !is_older(floor, lowest) => floor.clone(),
            _ => lowest.clone(),
        }
    }

    /// Makes `slot` the default.
    pub(super) fn set_default(&mut self, slot: Slot) {
        if self.default != slot {
            self.default = slot;
            self.starts = 0;
        }
    }
}

/// Whether version `a` is older than `b`. The text after a `+` does not count.
fn is_older(a: &Version, b: &Version) -> bool {
    a.cmp_precedence(b).is_lt()
}

#[cfg(test)]
mod tests {
    use super::super::releases::OtherRelease;
    use super::super::samples::{factory, releases, version};
    use super::*;
    use crate::key_id::KeyId;
    use crate::revocations::Revocations;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    #[test]
    fn only_a_named_floor_is_lowered_and_not_below_the_release_that_names_it() {
        let poisoned = BootState { floor: Some(version("99.0.0")), ..factory() };
        let lowering = |text: &str, floors: &[&str]| {
            let mut releases = releases(text, "1.0.0");
            releases.running.lowers_floors = floors.iter().map(|&floor| floor.to_owned()).collect();
            releases
        };
        let lowered = poisoned.confirm(ONE, &lowering("1.5.0", &["98.0.0", "99.0.0"])).unwrap();
        assert_eq!(
            (lowered.floor.as_ref(), lowered.fallback),
            (Some(&version("1.5.0")), false),
            "1.0.0 is below the new floor"
        );
        assert_eq!(poisoned.activate(ONE, ONE, 1, false, &lowering("1.5.0", &["99.0.0"])).unwrap(), lowered);
        for floors in [&["99.0.1"][..], &["99.0.0+g1"], &["99"], &[]] {
            let kept = poisoned.confirm(ONE, &lowering("1.5.0", floors)).unwrap();
            assert_eq!(kept.floor, poisoned.floor, "{floors:?}");
        }
        // It is for floors above its own version.
        let raised = factory().confirm(ONE, &lowering("1.5.0", &["1.0.0"])).unwrap();
        assert_eq!(raised.floor, Some(version("1.0.0")), "the previous system can still be installed");
        let again = lowered.confirm(ONE, &lowering("1.5.0", &["99.0.0"])).unwrap();
        assert_eq!(again, lowered);
    }

    #[test]
    fn a_proven_release_revokes_keys_for_good() {
        let revoking = |epoch, byte| {
            let mut releases = releases("1.1.0", "1.0.0");
            releases.running.revocations = Revocations { epoch, keys: vec![KeyId([byte; 8])] };
            releases
        };
        let state = factory().begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1).consume_try();
        let confirmed = state.confirm(TWO, &revoking(2, 1)).unwrap();
        assert_eq!(confirmed.revocations, revoking(2, 1).running.revocations);
        assert!(!confirmed.fallback, "the other slot has an older key epoch");
        let activated = confirmed.activate(TWO, TWO, 1, false, &revoking(1, 2)).unwrap();
        assert_eq!(
            activated.revocations,
            Revocations { epoch: 2, keys: [1, 2].map(|byte| KeyId([byte; 8])).to_vec() }
        );
        let mut both = revoking(2, 1);
        both.other = Some(OtherRelease { version: version("1.0.0"), key_epoch: 2 });
        assert!(state.confirm(TWO, &both).unwrap().fallback);
        for after in [
            confirmed.rollback(TWO).unwrap(),
            confirmed.give_way(),
            confirmed.begin_install(TWO, ONE).unwrap(),
        ] {
            assert_eq!(after.revocations, confirmed.revocations);
        }
    }
}
