//! The transitions of the boot state. Each is a function from state to state that writes nothing.
//!
//! Invariants of every transition, which the tests hold for every state that can be reached:
//!
//! - the default slot is complete and has proved itself: it was confirmed on this unit, or the factory wrote it;
//! - a slot that has failed is not started again unless somebody asks for it;
//! - a key that was revoked on this unit is never trusted again ([`BootState::check_trust`]);
//! - a unit that loses power at any moment finds the state before or after a transition, and boots with either.
//!
//! Every transition first [settles](BootState::settle) a trial that has failed.

use super::boot_state::{BootState, Digest, FAILED_MAX, Failure, Mark, Trial};
pub use super::refusal::TransitionError;
use super::releases::Releases;
use crate::slot::Slot;

type Transition = Result<BootState, TransitionError>;

impl BootState {
    /// Ends a trial that has failed: its last boot was used, and the other slot is running. The slot is marked failed.
    #[must_use]
    pub fn settle(&self, running: Slot) -> Self {
        let mut next = self.clone();
        if let Some(trial) = self.trial.filter(|trial| trial.slot != running && trial.tries == 0) {
            next.trial = None;
            next.fail(trial.slot, Failure::Unconfirmed);
        }
        next
    }

    /// The state after the system in `running` has come up as it should: a trial that failed is settled, and a default slot
    /// is healthy. A running trial is not ended by this; see [`BootState::confirm`].
    #[must_use]
    pub fn report_health(&self, running: Slot) -> Self {
        let mut next = self.settle(running);
        if next.default == running {
            next.starts = 0;
        }
        next
    }

    /// The state before the first byte is written to `target`: `target` is bad, and `running` is the default.
    ///
    /// # Errors
    /// `target` is running, or `running` is on trial or has not proved itself.
    pub fn begin_install(&self, running: Slot, target: Slot) -> Transition {
        if target == running {
            return Err(TransitionError::Running(target));
        }
        if self.is_on_trial(running) {
            return Err(TransitionError::OnTrial(running));
        }
        if self.mark(running) != Mark::Good {
            return Err(TransitionError::Unproven { slot: running, mark: self.mark(running) });
        }
        let mut next = self.settle(running);
        next.remember_failure(target);
        next.trial = None;
        next.set_default(running);
        next.fallback = false;
        next.marks[target.index()] = Mark::Bad;
        next.digests[target.index()] = None;
        Ok(next)
    }

    /// The state after `target` was written and read back: it has this `digest` and gets `tries` boots to prove itself.
    #[must_use]
    pub fn finish_install(&self, target: Slot, digest: Digest, tries: u8) -> Self {
        let mut next = Self { trial: Some(Trial { slot: target, tries }), ..self.clone() };
        next.marks[target.index()] = Mark::Untried;
        next.digests[target.index()] = Some(digest);
        next
    }

    /// Confirms that the system running from `running` is healthy: it becomes the default, the version floor rises to the
    /// older of the versions that the unit can fall back to, and what the release withdraws is withdrawn on this unit. A
    /// floor that the release lowers becomes its own version instead. Confirming again changes nothing, and a pending trial
    /// of the other slot is kept.
    ///
    /// # Errors
    /// `running` is neither on trial nor the default.
    pub fn confirm(&self, running: Slot, releases: &Releases) -> Transition {
        if !self.is_on_trial(running) && self.default != running {
            return Err(TransitionError::NotOnTrial { slot: running, mark: self.mark(running) });
        }
        let mut next = self.settle(running);
        next.trial = next.trial.filter(|trial| trial.slot != running);
        next.prove(running, releases);
        Ok(next)
    }

    /// Undoes the last update. If either slot is on trial, the trial ends and the default boots next; otherwise the other
    /// slot becomes the default, and the running one has to prove itself again before it can be the default.
    ///
    /// # Errors
    /// There is no trial, and the other slot starts next already or has not proved itself.
    pub fn rollback(&self, running: Slot) -> Transition {
        let mut next = self.settle(running);
        if next != *self {
            return Ok(next);
        }
        if let Some(trial) = self.trial {
            next.trial = None;
            if trial.slot == running {
                next.fail(running, Failure::RolledBack);
            }
            return Ok(next);
        }
        let other = running.other();
        if self.default == other {
            return Err(TransitionError::AlreadyRolledBack { next: other });
        }
        match self.mark(other) {
            Mark::Good => {}
            Mark::Bad => return Err(TransitionError::Bad(other)),
            Mark::Failed(failure) => return Err(TransitionError::Failed { slot: other, failure }),
            mark @ Mark::Untried => return Err(TransitionError::NothingToRollBack { slot: other, mark }),
        }
        next.set_default(other);
        next.fallback = false;
        next.marks[running.index()] = Mark::Untried;
        Ok(next)
    }

    /// Makes `slot` boot from now on. The running slot becomes the default because it works, as if it was confirmed; the
    /// other slot gets a trial of `tries` boots unless it is already the default.
    ///
    /// # Errors
    /// The slot is marked bad, has failed and is not to be tried `again`, is older than the version floor, or is running on
    /// trial and must be confirmed.
    pub fn activate(
        &self,
        slot: Slot,
        running: Slot,
        tries: u8,
        again: bool,
        releases: &Releases,
    ) -> Transition {
        let mut next = self.settle(running);
        if slot == running {
            if self.is_on_trial(running) {
                return Err(TransitionError::OnTrial(running));
            }
            next.trial = None;
            next.prove(running, releases);
            return Ok(next);
        }
        let version = releases.other.as_ref().map(|other| &other.version);
        let is_old = self.default != slot && version.is_some_and(|version| self.is_below_floor(version));
        match next.mark(slot) {
            Mark::Bad => return Err(TransitionError::Bad(slot)),
            Mark::Failed(failure) if !again => return Err(TransitionError::Failed { slot, failure }),
            _ if is_old => return Err(TransitionError::BelowFloor(slot)),
            Mark::Failed(_) => {
                next.remember_failure(slot);
                next.marks[slot.index()] = Mark::Untried;
            }
            Mark::Good | Mark::Untried => {}
        }
        if self.is_on_trial(running) {
            next.fail(running, Failure::RolledBack);
        }
        next.trial = (next.default != slot).then_some(Trial { slot, tries });
        next.fallback &= next.trial.is_none();
        Ok(next)
    }

    /// Takes a try from the trial, as the boot manager does.
    #[must_use]
    pub fn consume_try(&self) -> Self {
        let trial = self.trial.map(|trial| Trial { tries: trial.tries.saturating_sub(1), ..trial });
        Self { trial, ..self.clone() }
    }

    /// Counts a start of the default slot, as the boot manager does.
    #[must_use]
    pub fn count_start(&self) -> Self {
        Self { starts: self.starts.saturating_add(1), ..self.clone() }
    }

    /// Makes the other slot the default because the default slot never reported health, as the boot manager does.
    #[must_use]
    pub fn give_way(&self) -> Self {
        let mut next = self.clone();
        next.fail(self.default, Failure::NeverHealthy);
        next.set_default(self.default.other());
        next
    }

    fn fail(&mut self, slot: Slot, failure: Failure) {
        self.marks[slot.index()] = Mark::Failed(failure);
        self.fallback = false;
    }

    /// Adds the release in `slot` to those that have failed, if it has.
    fn remember_failure(&mut self, slot: Slot) {
        let digest = self.digest(slot).filter(|_| matches!(self.mark(slot), Mark::Failed(_)));
        if let Some(digest) = digest.filter(|digest| !self.failed.contains(digest)) {
            if self.failed.len() == FAILED_MAX {
                self.failed.remove(0);
            }
            self.failed.push(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::super::samples::{factory, releases, version};
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    /// Confirms `running` with the version `text`, while the other slot has version `other`.
    fn confirm(state: &BootState, running: Slot, text: &str, other: &str) -> Transition {
        state.confirm(running, &releases(text, other))
    }

    fn activate(state: &BootState, slot: Slot, running: Slot) -> Transition {
        state.activate(slot, running, 1, false, &releases("1.0.0", "1.0.0"))
    }

    /// `default trial:tries marks floor`, and `fallback` if the default may give way.
    fn summary(state: &BootState) -> String {
        let trial = state.trial.map_or("-".to_owned(), |trial| format!("{}:{}", trial.slot, trial.tries));
        let marks = state.marks.map(|mark| match mark {
            Mark::Bad => "bad",
            Mark::Untried => "untried",
            Mark::Good => "good",
            Mark::Failed(Failure::Unconfirmed) => "unconfirmed",
            Mark::Failed(Failure::RolledBack) => "rolled-back",
            Mark::Failed(Failure::NeverHealthy) => "never-healthy",
        });
        let floor = state.floor.as_ref().map_or("-".to_owned(), Version::to_string);
        let fallback = if state.fallback { " fallback" } else { "" };
        format!("{} {trial} {} {floor}{fallback}", state.default, marks.join(","))
    }

    /// Slot 2 has a release that is to be tried next.
    fn armed() -> BootState {
        factory().begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1)
    }

    #[test]
    fn an_update_passes_through_these_states() {
        let state = factory();
        assert_eq!(summary(&state), "1 - good,good - fallback");
        let state = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(summary(&state), "1 - good,bad -");
        assert_eq!(state.digest(TWO), None);
        let state = state.finish_install(TWO, [9; 32], 1);
        assert_eq!(summary(&state), "1 2:1 good,untried -");
        assert_eq!(state.digest(TWO), Some([9; 32]));
        let state = state.consume_try();
        assert_eq!(summary(&state), "1 2:0 good,untried -");
        let state = confirm(&state, TWO, "1.1.0", "1.0.0").unwrap();
        assert_eq!(summary(&state), "2 - good,good 1.0.0 fallback");
        let state = state.begin_install(TWO, ONE).unwrap().finish_install(ONE, [8; 32], 1).consume_try();
        assert_eq!(summary(&state), "2 1:0 untried,good 1.0.0");
        let rolled_back = state.rollback(ONE).unwrap();
        assert_eq!(summary(&rolled_back), "2 - rolled-back,good 1.0.0");
        assert!(rolled_back.has_failed(&[8; 32]));
        let confirmed = confirm(&state, ONE, "1.2.0", "1.1.0").unwrap();
        assert_eq!(summary(&confirmed), "1 - good,good 1.1.0 fallback");
    }

    #[test]
    fn the_floor_is_the_older_version_that_has_proved_itself_and_never_falls() {
        let state = confirm(&factory(), ONE, "1.1.0", "1.1.0").unwrap();
        assert_eq!(summary(&state), "1 - good,good 1.1.0 fallback");
        let older = confirm(&state, ONE, "1.1.0-dev.3+gabc", "1.1.0").unwrap();
        assert_eq!(older, state);
        // The text after a `+` does not affect the order.
        assert_eq!(confirm(&state, ONE, "1.1.0+gdef", "1.1.0").unwrap(), state);
        // The default must not give way to what is below the floor.
        assert_eq!(summary(&confirm(&state, ONE, "1.2.0", "1.0.0").unwrap()), "1 - good,good 1.1.0");
        // A version that has not proved itself does not hold the floor down.
        assert_eq!(
            summary(&confirm(&armed(), ONE, "1.2.0-dev.1", "1.0.0").unwrap()),
            "1 2:1 good,untried 1.2.0-dev.1"
        );
        let alone = factory().confirm(ONE, &Releases::alone(version("1.1.0"))).unwrap();
        assert_eq!(summary(&alone), "1 - good,good 1.1.0");
        assert_eq!(state.rollback(ONE).unwrap().floor, state.floor);
    }

    #[test]
    fn a_transition_that_leaves_no_good_slot_is_refused() {
        let state = factory();
        assert_eq!(state.begin_install(ONE, ONE), Err(TransitionError::Running(ONE)));
        let not_on_trial = |slot, mark| Err(TransitionError::NotOnTrial { slot, mark });
        assert_eq!(confirm(&state, TWO, "1.0.0", "1.0.0"), not_on_trial(TWO, Mark::Good));
        let on_trial = armed().consume_try();
        assert_eq!(on_trial.begin_install(TWO, ONE), Err(TransitionError::OnTrial(TWO)));
        assert_eq!(activate(&on_trial, TWO, TWO), Err(TransitionError::OnTrial(TWO)));
        let half = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(activate(&half, TWO, ONE), Err(TransitionError::Bad(TWO)));
        assert_eq!(half.rollback(ONE), Err(TransitionError::Bad(TWO)));
        let unproven = |slot, mark| Err(TransitionError::Unproven { slot, mark });
        assert_eq!(half.begin_install(TWO, ONE), unproven(TWO, Mark::Bad));
        // It still runs after it was rolled back, and slot 1 is the only good one.
        let given_up = on_trial.rollback(TWO).unwrap();
        let rolled_back = Mark::Failed(Failure::RolledBack);
        assert_eq!(given_up.begin_install(TWO, ONE), unproven(TWO, rolled_back));
        assert_eq!(confirm(&given_up, TWO, "1.0.0", "1.0.0"), not_on_trial(TWO, rolled_back));
        assert_eq!(given_up.rollback(TWO), Err(TransitionError::AlreadyRolledBack { next: ONE }));
        assert_eq!(summary(&activate(&given_up, TWO, TWO).unwrap()), "2 - good,good 1.0.0 fallback");
    }

    #[test]
    fn a_failed_trial_is_settled_once_and_remembered() {
        let spent = armed().consume_try();
        assert_eq!(spent.settle(TWO), spent, "it may still be confirmed");
        let settled = spent.report_health(ONE);
        assert_eq!(summary(&settled), "1 - good,unconfirmed -");
        assert_eq!(spent.rollback(ONE).unwrap(), settled);
        let failed = TransitionError::Failed { slot: TWO, failure: Failure::Unconfirmed };
        assert_eq!(settled.rollback(ONE), Err(failed));
        assert_eq!(activate(&settled, TWO, ONE), Err(failed));
        let again = settled.activate(TWO, ONE, 1, true, &Releases::alone(version("1.0.0"))).unwrap();
        assert_eq!(summary(&again), "1 2:1 good,untried -");
        assert!(again.has_failed(&[9; 32]));
        let next = settled.begin_install(ONE, TWO).unwrap();
        assert_eq!(next.failed, [[9; 32]]);
        let confirmed = confirm(&again.consume_try(), TWO, "1.1.0", "1.0.0").unwrap();
        assert!(!confirmed.has_failed(&[9; 32]), "it has proved itself in the end");
        assert_eq!(summary(&confirmed), "2 - good,good 1.0.0 fallback");
    }

    #[test]
    fn the_oldest_failed_release_is_forgotten_first() {
        let mut state = factory();
        for release in 1..=6 {
            state = state.begin_install(ONE, TWO).unwrap().finish_install(TWO, [release; 32], 1);
            state = state.consume_try().report_health(ONE);
        }
        assert_eq!(state.failed, [[2; 32], [3; 32], [4; 32], [5; 32]]);
        assert!(state.has_failed(&[6; 32]) && !state.has_failed(&[1; 32]));
    }

    #[test]
    fn a_slot_chosen_in_the_menu_can_become_the_default_or_install_an_update() {
        let state = factory();
        assert_eq!(summary(&activate(&state, TWO, TWO).unwrap()), "2 - good,good 1.0.0 fallback");
        assert_eq!(summary(&state.begin_install(TWO, ONE).unwrap()), "2 - bad,good -");
    }

    #[test]
    fn activating_the_other_slot_is_a_trial_unless_it_is_the_default() {
        let state = factory();
        let pending = activate(&state, TWO, ONE).unwrap();
        assert_eq!(summary(&pending), "1 2:1 good,good -");
        assert_eq!(summary(&pending.rollback(ONE).unwrap()), "1 - good,good -");
        assert_eq!(summary(&activate(&pending, ONE, ONE).unwrap()), "1 - good,good 1.0.0 fallback");
        let left = activate(&pending.consume_try(), ONE, TWO).unwrap();
        assert_eq!(summary(&left), "1 - good,rolled-back -");
    }

    #[test]
    fn a_roll_back_after_the_confirmation_makes_the_rolled_back_slot_prove_itself_again() {
        let state = factory().rollback(ONE).unwrap();
        assert_eq!(summary(&state), "2 - untried,good -");
        assert_eq!(state.rollback(ONE), Err(TransitionError::AlreadyRolledBack { next: TWO }));
        let refused = TransitionError::NothingToRollBack { slot: ONE, mark: Mark::Untried };
        assert_eq!(state.rollback(TWO), Err(refused));
        assert_eq!(summary(&activate(&state, ONE, TWO).unwrap()), "2 1:1 untried,good -");
    }

    #[test]
    fn a_slot_below_the_floor_is_not_tried() {
        let state = BootState { floor: Some(version("1.1.0")), ..factory() };
        let try_two = |state: &BootState, other| state.activate(TWO, ONE, 1, true, &releases("1.1.0", other));
        assert_eq!(try_two(&state, "1.0.0"), Err(TransitionError::BelowFloor(TWO)));
        assert!(try_two(&state, "1.1.0").is_ok());
        assert!(try_two(&factory(), "1.0.0").is_ok(), "there is no floor");
        let failed = BootState { marks: [Mark::Good, Mark::Failed(Failure::NeverHealthy)], ..state.clone() };
        assert_eq!(try_two(&failed, "1.0.0"), Err(TransitionError::BelowFloor(TWO)));
        // Only so can a unit be updated that has come up from an old slot because nothing else starts.
        assert_eq!(
            summary(&state.activate(TWO, TWO, 1, false, &releases("1.0.0", "1.1.0")).unwrap()),
            "2 - good,good 1.1.0 fallback"
        );
        let back = BootState { default: TWO, trial: Some(Trial { slot: ONE, tries: 1 }), ..state };
        assert_eq!(summary(&try_two(&back, "1.0.0").unwrap()), "2 - rolled-back,good 1.1.0");
    }

    #[test]
    fn a_refusal_names_the_cause_and_what_to_do() {
        let failed = Mark::Failed(Failure::Unconfirmed);
        let text = [
            TransitionError::Unproven { slot: TWO, mark: Mark::Bad }.to_string(),
            TransitionError::NotOnTrial { slot: TWO, mark: failed }.to_string(),
            TransitionError::AlreadyRolledBack { next: ONE }.to_string(),
            TransitionError::NothingToRollBack { slot: TWO, mark: Mark::Untried }.to_string(),
            TransitionError::Failed { slot: TWO, failure: Failure::NeverHealthy }.to_string(),
            TransitionError::BelowFloor(TWO).to_string(),
        ];
        assert_eq!(
            text,
            [
                "the running slot 2 is marked bad, and would be the only one left\n\
                 hint: reboot into slot 1, or run `sluice update activate 2` if the running system works",
                "slot 2 failed its trial: it was started and never confirmed; it is not on trial, and slot 1 starts next\n\
                 hint: if the running system works, keep it with `sluice update activate 2`",
                "there is nothing to roll back: slot 1 starts next already\n\
                 hint: reboot, or run `sluice update activate 2` to keep the running system",
                "there is nothing to roll back to: slot 2 has not proved itself\n\
                 hint: `sluice update activate 2` starts it on trial",
                "slot 2 gave way: it was started repeatedly and never reported health\n\
                 hint: install another release, or add `--again` to try this one again",
                "the release in slot 2 is older than the version floor of this unit\n\
                 hint: install a release that is not; `sluice update status` shows the floor",
            ]
        );
    }
}
