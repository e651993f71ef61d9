//! What changes the boot state: each change is a function from state to state and writes nothing.
//!
//! Invariant, kept by every one of them: the default slot is marked good, and is never one that is being written or has not
//! proved itself. A unit that loses power at any moment finds a state before or after a change, and both start it.

use semver::Version;

use super::{BootState, Digest, Mark, Trial};
use crate::slot::Slot;

/// Why a change cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// Nothing may be written under a running system.
    #[error("slot {0} is the running one; only the other slot can be written")]
    Running(Slot),
    /// The other slot is the only one that is known to work.
    #[error(
        "slot {0} runs on trial, and the other slot is what the unit falls back to; `sluice update confirm` keeps what runs, \
         `sluice update rollback` gives it up"
    )]
    OnTrial(Slot),
    /// There would be nothing good left.
    #[error(
        "the running slot {0} is marked bad and would be the only one left; restart into a good slot, or say \
         `sluice update activate {0}` if it is one"
    )]
    RunningBad(Slot),
    /// Nothing to confirm.
    #[error(
        "slot {0} runs because it was chosen at the console, not on trial; `sluice update activate {0}` makes it the default"
    )]
    NotOnTrial(Slot),
    /// A slot that must not be started.
    #[error("slot {0} is marked bad: an update of it was not completed; install it again")]
    Bad(Slot),
}

type Transition = Result<BootState, TransitionError>;

impl BootState {
    /// Before the first byte goes to `target`: it is bad from now on, and `running` is the default.
    ///
    /// # Errors
    /// `target` runs, `running` is on trial or marked bad.
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

    /// After `target` was written and read back: it holds `digest` and gets `tries` boots to prove itself.
    #[must_use]
    pub fn finish_install(&self, target: Slot, digest: Digest, tries: u8) -> Self {
        let mut next = Self { trial: Some(Trial { slot: target, tries }), ..self.clone() };
        next.marks[target.index()] = Mark::Good;
        next.digests[target.index()] = Some(digest);
        next
    }

    /// The system that runs from `running`, of this version, is healthy: it stays, and nothing older is installed from now
    /// on. Saying so again changes nothing; a trial of the other slot that waits for the next boot goes on waiting.
    ///
    /// # Errors
    /// It is neither on trial nor the default.
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

    /// Undoes the last update. A trial, whichever slot has it, is off, and the default starts next; without one the other slot
    /// becomes the default.
    ///
    /// # Errors
    /// There is no trial, and the other slot is bad.
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

    /// Lets `slot` start from the next boot on. The running slot becomes the default, for it works; the other one gets a
    /// trial of `tries` boots, unless it is the default already.
    ///
    /// # Errors
    /// The slot is bad, or it runs on trial and wants to be confirmed.
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

    /// The boot manager takes a try from the trial.
    #[must_use]
    pub fn consume_try(&self) -> Self {
        let trial = self.trial.map(|trial| Trial { tries: trial.tries.saturating_sub(1), ..trial });
        Self { trial, ..self.clone() }
    }

    /// Whether `slot` has a trial, pending, running or lost.
    pub fn is_on_trial(&self, slot: Slot) -> bool {
        self.trial.is_some_and(|trial| trial.slot == slot)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{factory, slots};
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    /// `default trial:tries marks floor`.
    fn told(state: &BootState) -> String {
        let trial = state.trial.map_or("-".to_owned(), |trial| format!("{}:{}", trial.slot, trial.tries));
        let marks = state.marks.map(|mark| if mark == Mark::Good { "good" } else { "bad" }).join(",");
        let floor = state.floor.as_ref().map_or("-".to_owned(), Version::to_string);
        format!("{} {trial} {marks} {floor}", state.default)
    }

    #[test]
    fn an_update_goes_through_these_states() {
        let state = factory();
        assert_eq!(told(&state), "1 - good,good -");
        let state = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(told(&state), "1 - good,bad -");
        assert_eq!(state.digest(TWO), None);
        let state = state.finish_install(TWO, [9; 32], 1);
        assert_eq!(told(&state), "1 2:1 good,good -");
        assert_eq!(state.digest(TWO), Some([9; 32]));
        let state = state.consume_try();
        assert_eq!(told(&state), "1 2:0 good,good -");
        let state = state.confirm(TWO, &version("1.1.0")).unwrap();
        assert_eq!(told(&state), "2 - good,good 1.1.0");
        let state = state.begin_install(TWO, ONE).unwrap().finish_install(ONE, [8; 32], 1).consume_try();
        assert_eq!(told(&state), "2 1:0 good,good 1.1.0");
        assert_eq!(told(&state.rollback(ONE).unwrap()), "2 - good,good 1.1.0");
    }

    #[test]
    fn the_floor_rises_on_confirm_only_and_never_falls() {
        let state = factory().confirm(ONE, &version("1.1.0")).unwrap();
        let older = state.confirm(ONE, &version("1.1.0-dev.3+gabc")).unwrap();
        assert_eq!(older, state);
        // What is behind a `+` orders nothing.
        assert_eq!(state.confirm(ONE, &version("1.1.0+gdef")).unwrap(), state);
        let newer = state.confirm(ONE, &version("1.2.0-dev.1")).unwrap();
        assert_eq!(told(&newer), "1 - good,good 1.2.0-dev.1");
        assert_eq!(newer.rollback(ONE).unwrap().floor, newer.floor);
    }

    #[test]
    fn confirming_the_default_leaves_a_waiting_trial_alone() {
        let state = factory().begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1);
        assert_eq!(told(&state.confirm(ONE, &version("1.0.0")).unwrap()), "1 2:1 good,good 1.0.0");
    }

    #[test]
    fn what_would_leave_a_unit_without_a_way_back_is_refused() {
        let state = factory();
        assert_eq!(state.begin_install(ONE, ONE), Err(TransitionError::Running(ONE)));
        assert_eq!(state.confirm(TWO, &version("1.0.0")), Err(TransitionError::NotOnTrial(TWO)));
        let on_trial = state.begin_install(ONE, TWO).unwrap().finish_install(TWO, [9; 32], 1).consume_try();
        assert_eq!(on_trial.begin_install(TWO, ONE), Err(TransitionError::OnTrial(TWO)));
        assert_eq!(on_trial.activate(TWO, TWO, 1), Err(TransitionError::OnTrial(TWO)));
        let half = state.begin_install(ONE, TWO).unwrap();
        assert_eq!(half.activate(TWO, ONE, 1), Err(TransitionError::Bad(TWO)));
        assert_eq!(half.rollback(ONE), Err(TransitionError::Bad(TWO)));
        // Chosen at the console although it is bad: the good one must not be written over.
        assert_eq!(half.begin_install(TWO, ONE), Err(TransitionError::RunningBad(TWO)));
    }

    #[test]
    fn a_slot_that_was_chosen_at_the_console_can_stay_or_be_written_from() {
        let state = factory();
        assert_eq!(told(&state.activate(TWO, TWO, 1).unwrap()), "2 - good,good -");
        assert_eq!(told(&state.begin_install(TWO, ONE).unwrap()), "2 - bad,good -");
    }

    #[test]
    fn activating_the_other_slot_is_a_trial_unless_it_is_the_default() {
        let state = factory();
        let pending = state.activate(TWO, ONE, 1).unwrap();
        assert_eq!(told(&pending), "1 2:1 good,good -");
        assert_eq!(pending.activate(ONE, ONE, 1).unwrap(), state);
        assert_eq!(pending.consume_try().activate(ONE, TWO, 1).unwrap(), state);
        assert_eq!(told(&state.rollback(ONE).unwrap()), "2 - good,good -");
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
        /// Whatever is done in whatever order, the default is a good slot, a slot is on trial only while another is the
        /// default, and what starts by itself is good.
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
                // Another command than the install ends it: only one runs at a time.
                state = next.unwrap_or(state);
                prop_assert_eq!(state.mark(state.default), Mark::Good, "{:?}", event);
                prop_assert!(!state.is_on_trial(state.default), "{:?}", event);
            }
        }
    }
}
