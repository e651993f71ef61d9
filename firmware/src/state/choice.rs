//! The boot manager's choice of slots: the model against which `firmware/boot/manager.S` is tested.
//!
//! A key press chooses a slot for one boot and does not change the default. A trial loses its try before it boots. A default
//! slot that was started again and again without reporting health gives way to the other slot, if that is good.

use super::boot_state::{BootState, Mark, Trial};
use crate::slot::Slot;

/// What the boot manager writes before anything boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// The trial loses a try. If that cannot be written, the slot on trial does not boot.
    Try,
    /// A start of the default slot is counted. If that cannot be written, it boots nevertheless.
    Start,
    /// The other slot becomes the default. If that cannot be written, it boots nevertheless.
    GiveWay,
}

/// The slots that the boot manager tries to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is written before anything boots.
    pub payment: Option<Payment>,
    /// The slots in the order in which they are tried.
    pub order: Vec<Slot>,
    /// The slots in the order in which they are tried if the payment could not be written.
    pub unpaid: Vec<Slot>,
}

impl BootState {
    /// The choice after the key of a slot was pressed; `None` if no key was pressed in time. A slot that is bad or has failed
    /// cannot be chosen.
    pub fn choose(&self, key: Option<Slot>) -> Choice {
        let key = key.filter(|&slot| self.mark(slot).is_startable());
        let both = [self.default, self.default.other()];
        let good = |is| both.into_iter().filter(move |&slot| (self.mark(slot) == Mark::Good) == is);
        // Any slot is better than no slot.
        let usual: Vec<Slot> = good(true).chain(good(false)).collect();
        let wanted = key.or(self.pending());
        if wanted.is_some() && wanted == self.pending() {
            return Choice { payment: Some(Payment::Try), order: first(wanted, &usual), unpaid: usual };
        }
        if wanted.is_none() && self.is_giving_way() {
            let order = first(Some(self.default.other()), &usual);
            return Choice { payment: Some(Payment::GiveWay), unpaid: order.clone(), order };
        }
        let order = first(wanted, &usual);
        let is_counted = order.first() == Some(&self.default) && self.starts < self.limit;
        Choice { payment: is_counted.then_some(Payment::Start), unpaid: order.clone(), order }
    }

    /// The slot whose trial boots next. A slot that is bad or has failed never has a pending trial.
    pub fn pending(&self) -> Option<Slot> {
        let pending = |trial: &Trial| trial.tries > 0 && self.mark(trial.slot).is_startable();
        self.trial.filter(pending).map(|trial| trial.slot)
    }

    /// The state after a payment.
    #[must_use]
    pub fn after(&self, payment: Payment) -> Self {
        match payment {
            Payment::Try => self.consume_try(),
            Payment::Start => self.count_start(),
            Payment::GiveWay => self.give_way(),
        }
    }

    /// Whether the default slot has used up its starts and may give way to a good slot.
    fn is_giving_way(&self) -> bool {
        let is_used_up = self.limit > 0 && self.starts >= self.limit;
        is_used_up && self.fallback && self.mark(self.default.other()) == Mark::Good
    }
}

/// The choice if no copy of the state can be read: slot 1, then slot 2, but the slot of `key` first.
pub fn without_state(key: Option<Slot>) -> Choice {
    Choice { payment: None, order: first(key, &Slot::ALL), unpaid: Slot::ALL.to_vec() }
}

/// `wanted`, followed by the other slots in their order.
fn first(wanted: Option<Slot>, others: &[Slot]) -> Vec<Slot> {
    wanted.into_iter().chain(others.iter().copied().filter(|&slot| Some(slot) != wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::boot_state::{Failure, STARTS};
    use super::super::samples::factory;
    use super::*;

    const ONE: Slot = Slot::First;
    const TWO: Slot = Slot::Second;

    #[test]
    fn every_state_and_key_gives_the_expected_order() {
        use Mark::{Bad, Good, Untried};
        use Payment::{Start, Try};
        const FAILED: Mark = Mark::Failed(Failure::Unconfirmed);
        type Row = (Slot, Option<(Slot, u8)>, [Mark; 2], Option<Slot>, Option<Payment>, [Slot; 2]);
        let table: &[Row] = &[
            // default, trial, marks, key -> payment, order
            (ONE, None, [Good, Good], None, Some(Start), [ONE, TWO]),
            (TWO, None, [Good, Good], None, Some(Start), [TWO, ONE]),
            (ONE, None, [Good, Good], Some(ONE), Some(Start), [ONE, TWO]),
            (ONE, None, [Good, Good], Some(TWO), None, [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Untried], None, Some(Try), [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Good], None, Some(Try), [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Untried], Some(ONE), Some(Start), [ONE, TWO]),
            (ONE, Some((TWO, 1)), [Good, Untried], Some(TWO), Some(Try), [TWO, ONE]),
            (ONE, Some((TWO, 0)), [Good, Untried], None, Some(Start), [ONE, TWO]),
            (ONE, Some((TWO, 0)), [Good, Untried], Some(TWO), None, [TWO, ONE]),
            (ONE, Some((TWO, 1)), [Good, Bad], None, Some(Start), [ONE, TWO]),
            (ONE, Some((TWO, 1)), [Good, FAILED], None, Some(Start), [ONE, TWO]),
            (ONE, None, [Bad, Good], None, None, [TWO, ONE]),
            (ONE, None, [Untried, Good], None, None, [TWO, ONE]),
            (ONE, None, [Bad, Bad], None, Some(Start), [ONE, TWO]),
            (TWO, None, [Untried, FAILED], None, Some(Start), [TWO, ONE]),
            (ONE, None, [Good, Bad], Some(TWO), Some(Start), [ONE, TWO]),
            (ONE, None, [Good, FAILED], Some(TWO), Some(Start), [ONE, TWO]),
            (ONE, Some((TWO, 1)), [FAILED, Untried], Some(ONE), Some(Try), [TWO, ONE]),
        ];
        for (default, trial, marks, key, payment, order) in table {
            let trial = trial.map(|(slot, tries)| Trial { slot, tries });
            let state = BootState { default: *default, trial, marks: *marks, ..factory() };
            let choice = state.choose(*key);
            assert_eq!(
                (choice.payment, choice.order.as_slice()),
                (*payment, order.as_slice()),
                "{state:?} {key:?}"
            );
        }
    }

    #[test]
    fn a_default_that_never_reports_health_gives_way_once() {
        let mut state = factory();
        for _ in 0..STARTS {
            let choice = state.choose(None);
            assert_eq!((choice.payment, choice.order[0]), (Some(Payment::Start), ONE));
            state = state.count_start();
        }
        let choice = state.choose(None);
        assert_eq!(
            (choice.payment, choice.order, choice.unpaid),
            (Some(Payment::GiveWay), vec![TWO, ONE], vec![TWO, ONE])
        );
        assert_eq!((state.choose(Some(ONE)).payment, state.choose(Some(ONE)).order[0]), (None, ONE));
        let mut gone = state.give_way();
        assert_eq!((gone.default, gone.mark(ONE)), (TWO, Mark::Failed(Failure::NeverHealthy)));
        for _ in 0..STARTS {
            assert_eq!(gone.choose(None).payment, Some(Payment::Start));
            gone = gone.count_start();
        }
        // No more writes, and no way back.
        assert_eq!((gone.choose(None).payment, gone.choose(None).order[0]), (None, TWO));
    }

    #[test]
    fn a_default_gives_way_only_to_a_good_slot_that_is_allowed() {
        let worn = BootState { starts: STARTS, ..factory() };
        let is_kept = |state: &BootState| state.choose(None).payment != Some(Payment::GiveWay);
        assert!(!is_kept(&worn));
        assert!(is_kept(&BootState { fallback: false, ..worn.clone() }));
        assert!(is_kept(&BootState { marks: [Mark::Good, Mark::Untried], ..worn.clone() }));
        assert!(is_kept(&BootState { limit: 0, ..worn.clone() }));
        assert_eq!(worn.report_health(ONE).choose(None).payment, Some(Payment::Start));
        assert!(!is_kept(&worn.report_health(TWO)), "the other slot's health is not the default's");
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
