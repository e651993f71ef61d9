//! What the boot manager makes of the boot state: the model that `firmware/boot/manager.S` is held against.
//!
//! A key is a choice for one boot and changes no default. A trial is paid for before it starts.

use super::{BootState, Mark, Trial};
use crate::slot::Slot;

/// Which slots to try to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The slot whose trial loses a try on the disk before anything starts.
    pub consume: Option<Slot>,
    /// Candidates, the first that can be started is; when something has to be consumed: and that worked.
    pub order: Vec<Slot>,
    /// Candidates when it could not be consumed.
    pub unpaid: Vec<Slot>,
}

impl BootState {
    /// What is tried after `key` was pressed, or none in time.
    pub fn choose(&self, key: Option<Slot>) -> Choice {
        let both = [self.default, self.default.other()];
        let marked = |mark| both.into_iter().filter(move |&slot| self.mark(slot) == mark);
        // A bad slot is better than none.
        let usual: Vec<Slot> = marked(Mark::Good).chain(marked(Mark::Bad)).collect();
        let wanted = key.or(self.pending());
        Choice {
            consume: wanted.filter(|_| wanted == self.pending()),
            order: first(wanted, &usual),
            unpaid: usual,
        }
    }

    /// The slot that has a trial to come, which a bad one never has.
    pub fn pending(&self) -> Option<Slot> {
        let pending = |trial: &Trial| trial.tries > 0 && self.mark(trial.slot) == Mark::Good;
        self.trial.filter(pending).map(|trial| trial.slot)
    }
}

/// What is tried when neither copy of the state can be read: slot 1, else slot 2, but what was asked for first.
pub fn without_state(key: Option<Slot>) -> Choice {
    Choice { consume: None, order: first(key, &Slot::ALL), unpaid: Slot::ALL.to_vec() }
}

/// `wanted`, then the others in their order.
fn first(wanted: Option<Slot>, others: &[Slot]) -> Vec<Slot> {
    wanted.into_iter().chain(others.iter().copied().filter(|&slot| Some(slot) != wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::factory;
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    #[test]
    fn each_state_and_key_has_its_order() {
        use Mark::{Bad, Good};
        type Row = (Slot, Option<(Slot, u8)>, [Mark; 2], Option<Slot>, Option<Slot>, [Slot; 2]);
        let table: &[Row] = &[
            // default, trial, marks, key -> consumed, order
            (ONE, None, [Good, Good], None, None, [ONE, TWO]),
            (TWO, None, [Good, Good], None, None, [TWO, ONE]),
            (ONE, None, [Good, Good], Some(TWO), None, [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Good], None, Some(TWO), [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Good], Some(ONE), None, [ONE, TWO]),
            (ONE, Some((TWO, 1)), [Good, Good], Some(TWO), Some(TWO), [TWO, ONE]),
            (ONE, Some((TWO, 0)), [Good, Good], None, None, [ONE, TWO]),
            (ONE, Some((TWO, 0)), [Good, Good], Some(TWO), None, [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Bad], None, None, [ONE, TWO]),
            (ONE, None, [Bad, Good], None, None, [TWO, ONE]),
            (ONE, None, [Bad, Bad], None, None, [ONE, TWO]),
            (TWO, None, [Bad, Bad], None, None, [TWO, ONE]),
            (ONE, None, [Good, Bad], Some(TWO), None, [TWO, ONE]),
        ];
        for (default, trial, marks, key, consume, order) in table {
            let trial = trial.map(|(slot, tries)| Trial { slot, tries });
            let state = BootState { default: *default, trial, marks: *marks, ..factory() };
            let choice = state.choose(*key);
            assert_eq!(
                (choice.consume, choice.order.as_slice()),
                (*consume, order.as_slice()),
                "{state:?} {key:?}"
            );
        }
    }

    #[test]
    fn a_trial_that_cannot_be_paid_for_does_not_start() {
        let state = BootState { trial: Some(Trial { slot: TWO, tries: 1 }), ..factory() };
        for key in [None, Some(TWO)] {
            assert_eq!(state.choose(key).unpaid, [ONE, TWO]);
        }
    }

    #[test]
    fn without_a_state_slot_1_comes_first() {
        assert_eq!(without_state(None).order, [ONE, TWO]);
        assert_eq!(without_state(Some(TWO)).order, [TWO, ONE]);
    }
}
