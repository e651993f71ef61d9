//! Every state that a unit can reach, by every order of commands, power cuts, restarts, keys and failures: the default slot
//! is always complete and has proved itself, what has failed is not started unless somebody asks for it, and a key that was
//! revoked is never trusted again.
//!
//! The unit here is the boot state and what is really in the slots, which the transitions do not see.

use std::collections::{HashMap, VecDeque};

use semver::Version;

use super::boot_state::{BootState, Failure, Mark};
use super::choice::Payment;
use super::releases::{OtherRelease, Releases, RunningRelease};
use super::transition::TransitionError;
use crate::key_id::KeyId;
use crate::revocations::Revocations;
use crate::slot::Slot;

/// The releases that are installed; the first one is the factory's.
const RELEASES: [u8; 3] = [1, 2, 3];
/// Starts after which the default gives way: fewer than a real unit's, for fewer states.
const LIMIT: u8 = 2;

/// What the releases change besides the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Plan {
    /// Nothing: each is a later version than the one before.
    Systems,
    /// Keys: release 2 revokes six keys that release 1 trusts, and release 3 so many others that not all fit. Release 2 has a
    /// version that was a mistake, whose floor release 3 lowers.
    Keys,
}

impl Plan {
    fn version(self, release: u8) -> Version {
        match (self, release) {
            (Self::Keys, 2) => Version::new(99, 0, 0),
            _ => Version::new(release.into(), 0, 0),
        }
    }

    fn revocations(self, release: u8) -> Revocations {
        let keys = |bytes: std::ops::Range<u8>| bytes.map(|byte| KeyId([byte; 8])).collect();
        match (self, release) {
            (Self::Keys, 2) => Revocations { epoch: 1, keys: keys(1..7) },
            (Self::Keys, 3) => Revocations { epoch: 2, keys: keys(7..15) },
            _ => Revocations::default(),
        }
    }

    /// The keys in the slot of a release: all those that it does not revoke, and that no earlier one has revoked.
    fn trusted(self, release: u8) -> Vec<KeyId> {
        let revoked: Vec<KeyId> = (1..=release).flat_map(|earlier| self.revocations(earlier).keys).collect();
        (1..20).map(|byte| KeyId([byte; 8])).filter(|id| !revoked.contains(id)).collect()
    }

    fn running(self, release: u8) -> RunningRelease {
        let lowers_floors = match (self, release) {
            (Self::Keys, 3) => vec![self.version(2).to_string()],
            _ => Vec::new(),
        };
        RunningRelease {
            version: self.version(release),
            revocations: self.revocations(release),
            lowers_floors,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Content {
    /// The complete release in the slot; `None` while it is being written.
    release: Option<u8>,
    /// Whether it was confirmed here or written by the factory, and not rolled back since.
    proved: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Unit {
    plan: Plan,
    state: BootState,
    /// `None` if it is switched off.
    running: Option<Slot>,
    slots: [Content; 2],
    /// The slot that is being written, and the release.
    writing: Option<(Slot, u8)>,
    /// The keys that a release has revoked that has ever proved itself here, sorted.
    revoked: Vec<KeyId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    Install {
        release: u8,
        again: bool,
    },
    Finish,
    Fail,
    Confirm,
    Rollback,
    Activate {
        slot: Slot,
        again: bool,
    },
    Health,
    /// A restart, a panic or a power cut.
    Off,
    /// The key that is pressed, whether the payment is written, whether the first slot can be read, and whether the system
    /// comes up.
    Boot {
        key: Option<Slot>,
        paid: bool,
        readable: bool,
        up: bool,
    },
}

fn digest(release: u8) -> [u8; 32] {
    [release; 32]
}

impl Unit {
    fn factory(plan: Plan, written: [bool; 2]) -> Self {
        let state = BootState {
            limit: LIMIT,
            floor: Some(plan.version(RELEASES[0])),
            ..BootState::factory(Slot::First, written, Some(digest(RELEASES[0])))
        };
        let content = |written: bool| Content { release: written.then_some(RELEASES[0]), proved: written };
        Self { plan, state, running: None, slots: written.map(content), writing: None, revoked: Vec::new() }
    }

    /// What can happen next.
    fn events(&self) -> Vec<Event> {
        let both = [false, true];
        if self.running.is_none() {
            let keys = [None, Some(Slot::First), Some(Slot::Second)];
            let boot = |key| {
                both.into_iter().flat_map(move |paid| {
                    both.into_iter().flat_map(move |readable| {
                        both.into_iter().map(move |up| Event::Boot { key, paid, readable, up })
                    })
                })
            };
            return keys.into_iter().flat_map(boot).collect();
        }
        if self.writing.is_some() {
            return vec![Event::Finish, Event::Fail, Event::Off];
        }
        let installs =
            RELEASES.into_iter().flat_map(|release| both.map(|again| Event::Install { release, again }));
        let activates =
            Slot::ALL.into_iter().flat_map(|slot| both.map(|again| Event::Activate { slot, again }));
        let rest = [Event::Confirm, Event::Rollback, Event::Health, Event::Off];
        installs.chain(activates).chain(rest).collect()
    }

    /// The unit after an event; `None` if it was refused.
    fn after(&self, event: Event) -> Option<Self> {
        let mut next = self.clone();
        match event {
            Event::Off => (next.running, next.writing) = (None, None),
            Event::Boot { key, paid, readable, up } => next.boot(key, paid, readable, up),
            _ => {
                let running = self.running?;
                next.state = next.command(event, running).ok()??;
            }
        }
        Some(next)
    }

    /// The state after a command; `None` if the updater refuses it before it asks the state.
    fn command(&mut self, event: Event, running: Slot) -> Result<Option<BootState>, TransitionError> {
        let plan = self.plan;
        let content = self.slots[running.index()].release.expect("a complete slot runs");
        let other = self.slots[running.other().index()].release.map(|release| OtherRelease {
            version: plan.version(release),
            key_epoch: plan.revocations(release).epoch,
        });
        let releases = Releases { running: plan.running(content), other };
        let state = self.state.clone();
        Ok(Some(match event {
            Event::Install { release, again } => {
                let update = plan.running(release);
                let floor = state.floor.as_ref().map(Version::to_string).unwrap_or_default();
                let is_below =
                    state.is_below_floor(&update.version) && !update.lowers_floors.contains(&floor);
                let own = plan.revocations(content);
                let trust = state.check_trust(&own, plan.trusted(content), &update.revocations);
                if is_below || trust.is_err() || state.has_failed(&digest(release)) && !again {
                    return Ok(None);
                }
                let target = running.other();
                let next = state.begin_install(running, target)?;
                self.writing = Some((target, release));
                self.slots[target.index()] = Content { release: None, proved: false };
                next
            }
            Event::Fail => {
                self.writing = None;
                state
            }
            Event::Finish => {
                let (target, release) = self.writing.take().expect("a slot is being written");
                self.slots[target.index()].release = Some(release);
                state.finish_install(target, digest(release), 1)
            }
            Event::Confirm => {
                let next = state.confirm(running, &releases)?;
                self.prove(running, &releases.running);
                next
            }
            Event::Rollback => {
                let next = state.rollback(running)?;
                if state.trial.is_none() {
                    self.slots[running.index()].proved = false;
                }
                next
            }
            Event::Activate { slot, again } => {
                let next = state.activate(slot, running, 1, again, &releases)?;
                if slot == running {
                    self.prove(running, &releases.running);
                }
                next
            }
            Event::Health => state.report_health(running),
            Event::Off | Event::Boot { .. } => unreachable!("not a command"),
        }))
    }

    fn prove(&mut self, running: Slot, release: &RunningRelease) {
        self.slots[running.index()].proved = true;
        self.revoked.extend(&release.revocations.keys);
        self.revoked.sort();
        self.revoked.dedup();
    }

    fn boot(&mut self, key: Option<Slot>, paid: bool, readable: bool, up: bool) {
        let choice = self.state.choose(key);
        let paid_for = choice.payment.filter(|_| paid);
        let order = match (choice.payment, paid_for) {
            (Some(_), None) => &choice.unpaid,
            _ => &choice.order,
        };
        let is_trial = paid_for == Some(Payment::Try);
        if let Some(payment) = paid_for {
            self.state = self.state.after(payment);
        }
        let first = order[0];
        if key.is_none() {
            let content = self.slots[first.index()];
            assert!(content.proved || is_trial, "{first} is started by itself: {self:?}");
            assert!(content.release.is_some(), "{first} is incomplete: {self:?}");
            assert!(self.state.mark(first) != Mark::Bad, "{self:?}");
            assert!(!matches!(self.state.mark(first), Mark::Failed(_)), "{first} has failed: {self:?}");
        }
        let can_start =
            |slot: Slot| self.slots[slot.index()].release.is_some() && (readable || slot != first);
        let started = order.iter().copied().find(|&slot| can_start(slot));
        self.running = started.filter(|_| up);
    }

    fn check(&self) {
        let default = self.slots[self.state.default.index()];
        assert!(default.release.is_some(), "the default is incomplete: {self:?}");
        assert!(default.proved, "the default has not proved itself: {self:?}");
        assert_eq!(self.state.mark(self.state.default), Mark::Good, "{self:?}");
        assert!(!self.state.is_on_trial(self.state.default), "{self:?}");
        for slot in Slot::ALL {
            let content = self.slots[slot.index()];
            assert!(self.state.mark(slot) == Mark::Bad || content.release.is_some(), "{slot}: {self:?}");
            assert!(self.state.mark(slot) != Mark::Good || content.proved, "{slot}: {self:?}");
        }
        assert!(self.state.starts <= LIMIT, "{self:?}");
        if self.state.fallback {
            let other = self.slots[self.state.default.other().index()];
            let floor = self.state.floor.clone().expect("a floor");
            let release = other.release.expect("complete");
            assert!(other.proved && self.plan.version(release) >= floor, "{self:?}");
            assert!(self.plan.revocations(release).epoch >= self.state.revocations.epoch, "{self:?}");
        }
        for release in self.slots.iter().filter_map(|slot| slot.release) {
            let own = self.plan.revocations(release).keys;
            let is_believed = |id: &KeyId| !own.contains(id) && !self.state.revocations.keys.contains(id);
            let believed = self
                .plan
                .trusted(release)
                .into_iter()
                .find(|id| is_believed(id) && self.revoked.contains(id));
            assert_eq!(believed, None, "release {release} trusts a revoked key: {self:?}");
        }
        assert!(self.state.encode(1).is_ok());
    }

    /// Checks what no event may undo.
    fn check_after(&self, before: &Self) {
        let (now, then) = (&self.state.revocations, &before.state.revocations);
        assert!(now.epoch >= then.epoch, "the key epoch falls: {before:?} {self:?}");
        let is_kept = then.keys.iter().all(|id| now.keys.contains(id));
        assert!(is_kept || now.epoch > then.epoch, "a key is forgotten: {before:?} {self:?}");
        if self.state.floor < before.state.floor {
            let running = before
                .running
                .and_then(|slot| before.slots[slot.index()].release)
                .expect("a running release");
            let release = self.plan.running(running);
            let named = before.state.floor.as_ref().map(Version::to_string).unwrap_or_default();
            assert!(release.lowers_floors.contains(&named), "the floor falls: {before:?} {self:?}");
            assert_eq!(self.state.floor, Some(release.version), "{before:?} {self:?}");
        }
    }
}

/// All units that can be reached, each with the shortest way to it.
fn reachable(plan: Plan) -> (HashMap<Unit, Vec<Event>>, usize) {
    let mut known: HashMap<Unit, Vec<Event>> = HashMap::new();
    let mut open = VecDeque::new();
    let mut transitions = 0;
    for written in [[true, true], [true, false]] {
        let unit = Unit::factory(plan, written);
        known.insert(unit.clone(), Vec::new());
        open.push_back(unit);
    }
    while let Some(unit) = open.pop_front() {
        for event in unit.events() {
            let Some(next) = unit.after(event) else { continue };
            transitions += 1;
            next.check_after(&unit);
            let next_way = || [known[&unit].as_slice(), &[event]].concat();
            if !known.contains_key(&next) {
                let way = next_way();
                let checked = std::panic::catch_unwind(|| next.check());
                assert!(checked.is_ok(), "after {way:?}");
                known.insert(next.clone(), way);
                open.push_back(next);
            }
        }
    }
    (known, transitions)
}

#[test]
fn the_default_has_proved_itself_in_every_state_that_can_be_reached() {
    let (known, transitions) = reachable(Plan::Systems);
    let longest = known.values().map(Vec::len).max().unwrap();
    println!("{} states, {transitions} transitions, at most {longest} events from the factory", known.len());
    // The test is worth nothing if a mistake in it keeps the unit near the factory.
    let any = |is: fn(&Unit) -> bool| known.keys().any(is);
    assert!(any(|unit| unit.state.default == Slot::Second && unit.state.trial.is_some()));
    assert!(any(|unit| unit.state.failed.len() == 2 && unit.state.floor == Some(unit.plan.version(2))));
    assert!(any(|unit| unit.state.mark(unit.state.default.other()) == Mark::Failed(Failure::NeverHealthy)));
    for release in RELEASES {
        let runs_twice = |unit: &Unit| unit.slots.iter().all(|slot| slot.release == Some(release));
        assert!(known.keys().any(runs_twice), "release {release} is never in both slots");
    }
    assert!(known.len() > 2000, "{}", known.len());
}

#[test]
fn a_revoked_key_is_never_trusted_again_in_any_state_that_can_be_reached() {
    let (known, transitions) = reachable(Plan::Keys);
    println!("{} states, {transitions} transitions", known.len());
    let any = |is: fn(&Unit) -> bool| known.keys().any(is);
    let runs = |unit: &Unit| unit.running.and_then(|slot| unit.slots[slot.index()].release);
    assert!(
        any(|unit| unit.state.revocations.keys.len() == 12 && unit.revoked.len() == 14),
        "no key is dropped"
    );
    assert!(
        known.keys().any(|unit| runs(unit) == Some(1) && unit.state.revocations.epoch == 1),
        "nobody rolls back to a release that trusts a revoked key"
    );
    assert!(known.keys().any(|unit| runs(unit) == Some(1) && unit.state.revocations.epoch == 2));
    let lowers = |unit: &Unit| {
        let confirmed = || unit.after(Event::Confirm);
        let is = |unit: &Unit, release| unit.state.floor == Some(unit.plan.version(release));
        is(unit, 2) && confirmed().is_some_and(|next| is(&next, 3))
    };
    assert!(known.keys().any(lowers), "no floor is lowered");
    assert!(known.len() > 2000, "{}", known.len());
}

/// From the release that trusts a revoked key, an update that would drop that key is refused; from the next one, it is not.
#[test]
fn a_revoked_key_is_dropped_only_where_no_slot_trusts_it() {
    let install = |release| Event::Install { release, again: false };
    let up = Event::Boot { key: None, paid: true, readable: true, up: true };
    let play = |events: &[Event]| {
        let factory = Unit::factory(Plan::Keys, [true; 2]);
        events
            .iter()
            .fold(factory, |unit, &event| unit.after(event).unwrap_or_else(|| panic!("{event:?}: {unit:?}")))
    };
    let revoked = [up, install(2), Event::Finish, Event::Off, up, Event::Confirm];
    let back = play(&[&revoked[..], &[Event::Rollback, Event::Off, up]].concat());
    assert_eq!((back.running, back.state.revocations.keys.len()), (Some(Slot::First), 6));
    assert_eq!(back.after(install(1)), None, "its epoch is too low");
    assert_eq!(back.after(install(3)), None, "release 1 would trust keys 1 and 2 again");
    let next = play(&[&revoked[..], &[install(3), Event::Finish, Event::Off, up, Event::Confirm]].concat());
    assert_eq!(next.state.revocations.keys, (3..15).map(|byte| KeyId([byte; 8])).collect::<Vec<_>>());
    assert_eq!(next.state.floor, Some(Plan::Keys.version(3)));
    assert_eq!(next.after(install(2)), None);
}

/// The ways to lose a unit that were found in the first design, command by command.
#[test]
fn a_second_roll_back_never_starts_what_has_not_proved_itself() {
    let install = Event::Install { release: 2, again: false };
    let up = Event::Boot { key: None, paid: true, readable: true, up: true };
    let dies = Event::Boot { key: None, paid: true, readable: true, up: false };
    let both = Unit::factory(Plan::Systems, [true; 2]);
    let play =
        |events: &[Event]| events.iter().fold(both.clone(), |unit, &event| unit.after(event).unwrap_or(unit));
    for events in [
        &[up, install, Event::Finish, Event::Off, dies, up, Event::Rollback, Event::Rollback][..],
        &[up, install, Event::Finish, Event::Rollback, Event::Rollback],
        &[up, install, Event::Finish, Event::Off, up, Event::Rollback, Event::Rollback],
    ] {
        let unit = play(events);
        assert_eq!(unit.state.default, Slot::First, "{events:?}");
        assert_eq!(unit.state.choose(None).order[0], Slot::First, "{events:?}");
        let running = unit.running.unwrap();
        assert!(unit.state.rollback(running).is_err(), "{events:?}");
    }
    let failed = play(&[up, install, Event::Finish, Event::Off, dies, up, Event::Health]);
    assert_eq!(failed.after(install), None);
    assert!(failed.after(Event::Install { release: 2, again: true }).is_some());
    assert_eq!(failed.after(Event::Activate { slot: Slot::Second, again: false }), None);
}
