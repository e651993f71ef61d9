//! The boot manager's choice of slots: the model against which `firmware/boot/manager.S` is tested.
//!
//! A key press chooses a slot for one boot and does not change the default. A trial loses its try before it boots.

use super::boot_state::{BootState, Mark, Trial};
use crate::slot::Slot;

/// The slots that the boot manager tries to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The slot whose trial loses a try on disk before anything boots.
    pub consume: Option<Slot>,
    /// The slots in the order in which they are tried; if a try has to be consumed, only if that succeeded.
    pub order: Vec<Slot>,
    /// The slots in the order in which they are tried if the try could not be consumed.
    pub unpaid: Vec<Slot>,
}

impl BootState {
    /// The choice after the key of a slot was pressed; `None` if no key was pressed in time.
    pub fn choose(&self, key: Option<Slot>) -> Choice {
        let both = [self.default, self.default.other()];
        let marked = |mark| both.into_iter().filter(move |&slot| self.mark(slot) == mark);
        // A bad slot is better than no slot.
        let usual: Vec<Slot> = marked(Mark::Good).chain(marked(Mark::Bad)).collect();
        let wanted = key.or(self.pending());
        Choice {
            consume: wanted.filter(|_| wanted == self.pending()),
            order: first(wanted, &usual),
            unpaid: usual,
        }
    }

    /// The slot whose trial boots next. A bad slot never has a pending trial.
    pub fn pending(&self) -> Option<Slot> {
        let pending = |trial: &Trial| trial.tries > 0 && self.mark(trial.slot) == Mark::Good;
        self.trial.filter(pending).map(|trial| trial.slot)
    }
}

/// The choice if neither copy of the state can be read: slot 1, then slot 2, but the slot of `key` first.
pub fn without_state(key: Option<Slot>) -> Choice {
    Choice { consume: None, order: first(key, &Slot::ALL), unpaid: Slot::ALL.to_vec() }
}

/// `wanted`, followed by the other slots in their order.
fn first(wanted: Option<Slot>, others: &[Slot]) -> Vec<Slot> {
    wanted.into_iter().chain(others.iter().copied().filter(|&slot| Some(slot) != wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::factory;
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    #[test]
    fn every_state_and_key_gives_the_expected_order() {
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
    fn a_trial_whose_try_cannot_be_consumed_does_not_boot() {
        let state = BootState { trial: Some(Trial { slot: TWO, tries: 1 }), ..factory() };
        for key in [None, Some(TWO)] {
            assert_eq!(state.choose(key).unpaid, [ONE, TWO]);
        }
    }

    #[test]
    fn without_a_state_slot_1_boots_first() {
        assert_eq!(without_state(None).order, [ONE, TWO]);
        assert_eq!(without_state(Some(TWO)).order, [TWO, ONE]);
    }
}
