//! The transitions of the boot state. Each is a function from state to state that writes nothing.
//!
//! Invariant of every transition: the default slot is marked good, and is never one that is being written or has not proved
//! itself. A unit that loses power at any moment finds the state before or after a transition, and boots with either.

use semver::Version;

use super::boot_state::{BootState, Digest, Mark, Trial};
use crate::slot::Slot;

/// A transition that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The running slot cannot be written.
    #[error("slot {0} is running; only the other slot can be written")]
    Running(Slot),
    /// The running slot is on trial, so the other slot is the only one known to work.
    #[error(
        "slot {0} is running on trial, and the unit falls back to the other slot\nhint: keep the running system with `sluice \
         update confirm`, or discard it with `sluice update rollback`"
    )]
    OnTrial(Slot),
    /// The running slot is marked bad, and no good slot would be left.
    #[error(
        "the running slot {0} is marked bad and would be the only one left\nhint: reboot into a good slot, or run `sluice \
         update activate {0}` if this one is good"
    )]
    RunningBad(Slot),
    /// The running slot is neither on trial nor the default.
    #[error(
        "slot {0} is running because it was chosen at the console; it is not on trial\nhint: make it the default with `sluice \
         update activate {0}`"
    )]
    NotOnTrial(Slot),
    /// The slot is marked bad and must not be booted.
    #[error("slot {0} is marked bad: its last update did not complete\nhint: install the update again")]
    Bad(Slot),
}

type Transition = Result<BootState, TransitionError>;

impl BootState {
    /// The state before the first byte is written to `target`: `target` is bad, and `running` is the default.
    ///
    /// # Errors
    /// `target` is running, or `running` is on trial or marked bad.
    pub fn begin_install(&self, running: Slot, target: Slot) -> Transition {
        if target == running {
            return Err(TransitionError::Running(target));
        }
        if self.is_on_trial(running) {
            return Err(TransitionError::OnTrial(running));
        }
        if self.mark(running) == Mark::Bad {
            return Err(TransitionError::RunningBad(running));
        }
        let mut next = Self { default: running, trial: None, ..self.clone() };
        next.marks[target.index()] = Mark::Bad;
        next.digests[target.index()] = None;
        Ok(next)
    }

    /// The state after `target` was written and read back: it has this `digest` and gets `tries` boots to prove itself.
    #[must_use]
    pub fn finish_install(&self, target: Slot, digest: Digest, tries: u8) -> Self {
        let mut next = Self { trial: Some(Trial { slot: target, tries }), ..self.clone() };
        next.marks[target.index()] = Mark::Good;
        next.digests[target.index()] = Some(digest);
        next
    }

    /// Confirms that the system running from `running`, of this version, is healthy: it becomes the default, and nothing
    /// older can be installed from now on. Confirming again changes nothing, and a pending trial of the other slot is kept.
    ///
    /// # Errors
    /// `running` is neither on trial nor the default.
    pub fn confirm(&self, running: Slot, version: &Version) -> Transition {
        let mut next = self.clone();
        if self.is_on_trial(running) {
            next.trial = None;
            next.default = running;
        } else if self.default != running {
            return Err(TransitionError::NotOnTrial(running));
        }
        next.marks[running.index()] = Mark::Good;
        if next.floor.as_ref().is_none_or(|floor| floor.cmp_precedence(version).is_lt()) {
            next.floor = Some(version.clone());
        }
        Ok(next)
    }

    /// Undoes the last update. If either slot is on trial, the trial ends and the default boots next; otherwise the other
    /// slot becomes the default.
    ///
    /// # Errors
    /// There is no trial, and the other slot is marked bad.
    pub fn rollback(&self, running: Slot) -> Transition {
        if self.trial.is_some() {
            return Ok(Self { trial: None, ..self.clone() });
        }
        let other = running.other();
        if self.mark(other) == Mark::Bad {
            return Err(TransitionError::Bad(other));
        }
        Ok(Self { default: other, ..self.clone() })
    }

    /// Makes `slot` boot from now on. The running slot becomes the default because it works; the other slot gets a trial of
    /// `tries` boots unless it is already the default.
    ///
    /// # Errors
    /// The slot is marked bad, or is running on trial and must be confirmed instead.
    pub fn activate(&self, slot: Slot, running: Slot, tries: u8) -> Transition {
        let mut next = Self { trial: None, ..self.clone() };
        if slot == running {
            if self.is_on_trial(running) {
                return Err(TransitionError::OnTrial(running));
            }
            next.default = running;
            next.marks[running.index()] = Mark::Good;
        } else if self.mark(slot) == Mark::Bad {
            return Err(TransitionError::Bad(slot));
        } else if self.default != slot {
            next.trial = Some(Trial { slot, tries });
        }
        Ok(next)
    }

    /// Takes a try from the trial, as the boot manager does.
    #[must_use]
    pub fn consume_try(&self) -> Self {
        let trial = self.trial.map(|trial| Trial { tries: trial.tries.saturating_sub(1), ..trial });
        Self { trial, ..self.clone() }
    }

    /// Whether `slot` has a trial: pending, running or failed.
    pub fn is_on_trial(&self, slot: Slot) -> bool {
        self.trial.is_some_and(|trial| trial.slot == slot)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{factory, slots};
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    /// `default trial:tries marks floor`.
    fn summary(state: &BootState) -> String {
        let trial = state.trial.map_or("-".to_owned(), |trial| format!("{}:{}", trial.slot, trial.tries));
        let marks = state.marks.map(|mark| if mark == Mark::Good { "good" } else { "bad" }).join(",");
        let floor = state.floor.as_ref().map_or("-".to_owned(), Version::to_string);
        format!("{} {trial} {marks} {floor}", state.default)
    }

    #[test]
    fn an_update_passes_through_these_states() {
        let state = factory();
        assert_eq!(summary(&state), "1 - good,good -");
        let state = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(summary(&state), "1 - good,bad -");
        assert_eq!(state.digest(TWO), None);
        let state = state.finish_install(TWO, [9; 32], 1);
        assert_eq!(summary(&state), "1 2:1 good,good -");
        assert_eq!(state.digest(TWO), Some([9; 32]));
        let state = state.consume_try();
        assert_eq!(summary(&state), "1 2:0 good,good -");
        let state = state.confirm(TWO, &version("1.1.0")).unwrap();
        assert_eq!(summary(&state), "2 - good,good 1.1.0");
        let state = state.begin_install(TWO, ONE).unwrap().finish_install(ONE, [8; 32], 1).consume_try();
        assert_eq!(summary(&state), "2 1:0 good,good 1.1.0");
        assert_eq!(summary(&state.rollback(ONE).unwrap()), "2 - good,good 1.1.0");
    }

    #[test]
    fn the_floor_rises_only_on_confirm_and_never_falls() {
        let state = factory().confirm(ONE, &version("1.1.0")).unwrap();
        let older = state.confirm(ONE, &version("1.1.0-dev.3+gabc")).unwrap();
        assert_eq!(older, state);
        // The text after a `+` does not affect the order.
        assert_eq!(state.confirm(ONE, &version("1.1.0+gdef")).unwrap(), state);
        let newer = state.confirm(ONE, &version("1.2.0-dev.1")).unwrap();
        assert_eq!(summary(&newer), "1 - good,good 1.2.0-dev.1");
        assert_eq!(newer.rollback(ONE).unwrap().floor, newer.floor);
    }

    #[test]
    fn confirming_the_default_keeps_a_pending_trial() {
        let state = factory().begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1);
        assert_eq!(summary(&state.confirm(ONE, &version("1.0.0")).unwrap()), "1 2:1 good,good 1.0.0");
    }

    #[test]
    fn a_transition_that_leaves_no_good_slot_is_refused() {
        let state = factory();
        assert_eq!(state.begin_install(ONE, ONE), Err(TransitionError::Running(ONE)));
        assert_eq!(state.confirm(TWO, &version("1.0.0")), Err(TransitionError::NotOnTrial(TWO)));
        let on_trial = state.begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1).consume_try();
        assert_eq!(on_trial.begin_install(TWO, ONE), Err(TransitionError::OnTrial(TWO)));
        assert_eq!(on_trial.activate(TWO, TWO, 1), Err(TransitionError::OnTrial(TWO)));
        let half = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(half.activate(TWO, ONE, 1), Err(TransitionError::Bad(TWO)));
        assert_eq!(half.rollback(ONE), Err(TransitionError::Bad(TWO)));
        // Chosen at the console although it is bad: the good slot must not be overwritten.
        assert_eq!(half.begin_install(TWO, ONE), Err(TransitionError::RunningBad(TWO)));
    }

    #[test]
    fn a_slot_chosen_at_the_console_can_become_the_default_or_install_an_update() {
        let state = factory();
        assert_eq!(summary(&state.activate(TWO, TWO, 1).unwrap()), "2 - good,good -");
        assert_eq!(summary(&state.begin_install(TWO, ONE).unwrap()), "2 - bad,good -");
    }

    #[test]
    fn activating_the_other_slot_is_a_trial_unless_it_is_the_default() {
        let state = factory();
        let pending = state.activate(TWO, ONE, 1).unwrap();
        assert_eq!(summary(&pending), "1 2:1 good,good -");
        assert_eq!(pending.activate(ONE, ONE, 1).unwrap(), state);
        assert_eq!(pending.consume_try().activate(ONE, TWO, 1).unwrap(), state);
        assert_eq!(summary(&state.rollback(ONE).unwrap()), "2 - good,good -");
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Begin(Slot),
        Finish(Slot),
        Confirm,
        Rollback,
        Activate(Slot),
        Boot(Option<Slot>),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        prop::collection::vec(
            prop_oneof![
                slots().prop_map(Event::Begin),
                slots().prop_map(Event::Finish),
                Just(Event::Confirm),
                Just(Event::Rollback),
                slots().prop_map(Event::Activate),
                prop::option::of(slots()).prop_map(Event::Boot),
            ],
            0..40,
        )
    }

    proptest! {
        /// Whatever happens in whatever order: the default is a good slot, only a slot that is not the default is on trial,
        /// and the slot that boots without a key press is good.
        #[test]
        fn the_default_is_always_good(events in events()) {
            let mut state = factory();
            let mut running = ONE;
            let mut writing = None;
            for event in events {
                let next = match event {
                    Event::Begin(target) => {
                        let next = state.begin_install(running, target);
                        if next.is_ok() {
                            writing = Some(target);
                        }
                        next
                    }
                    Event::Finish(target) if writing == Some(target) => {
                        writing = None;
                        Ok(state.finish_install(target, [1; 32], 1))
                    }
                    Event::Finish(_) => continue,
                    Event::Confirm => state.confirm(running, &Version::new(1, 0, 0)),
                    Event::Rollback => state.rollback(running),
                    Event::Activate(slot) => state.activate(slot, running, 1),
                    Event::Boot(key) => {
                        let choice = state.choose(key);
                        writing = None;
                        running = choice.order[0];
                        if key.is_none() {
                            prop_assert_eq!(state.mark(running), Mark::Good);
                        }
                        Ok(if choice.consume.is_some() { state.consume_try() } else { state.clone() })
                    }
                };
                // Any other command ends the installation: only one command runs at a time.
                state = next.unwrap_or(state);
                prop_assert_eq!(state.mark(state.default), Mark::Good, "{:?}", event);
                prop_assert!(!state.is_on_trial(state.default), "{:?}", event);
            }
        }
    }
}
