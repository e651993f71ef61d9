//! Keys that come and go, and versions that were a mistake: the procedures of docs/keys.md, step by step.

use firmware::bundle::KeyId;
use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::BootState;
use semver::Version;

use super::bench::{Bench, Plain, Recorder};
use super::bundles::{changed_by, image, key_id, keys_of, with_epoch};
use super::refusals::refused;
use crate::update::change::{Change, change};
use crate::update::error::UpdateError;
use crate::update::install::{Request, install};
use crate::update::precondition::Allowed;
use crate::update::status::Status;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// A request that allows everything unusual.
const ANYTHING: Request = Request {
    slot: None,
    unsigned_image: false,
    again: true,
    allowed: Allowed { downgrade: true, jump: true },
};

/// A release as its engineers make it. Keys are numbers of key pairs.
#[derive(Clone, Copy)]
struct Release {
    version: &'static str,
    signer: usize,
    trusted: &'static [usize],
    epoch: u32,
    revoked: &'static [usize],
    lowers_floors: &'static [&'static str],
}

/// A release that is signed with key 0 and trusts only that.
const fn release(version: &'static str) -> Release {
    Release { version, signer: 0, trusted: &[0], epoch: 0, revoked: &[], lowers_floors: &[] }
}

impl Release {
    fn revocations(&self) -> Revocations {
        Revocations { epoch: self.epoch, keys: self.revoked.iter().map(|&pair| key_id(pair)).collect() }
    }

    fn lowers_floors(&self) -> Vec<String> {
        self.lowers_floors.iter().map(|&floor| floor.to_owned()).collect()
    }

    fn image(&self) -> Vec<u8> {
        with_epoch(image(self.version), self.epoch)
    }

    fn bundle(&self) -> Vec<u8> {
        changed_by(&self.image(), self.signer, |manifest| {
            manifest.key_epoch = self.epoch;
            manifest.revoked_keys = self.revocations().keys;
            manifest.lowers_floors = self.lowers_floors();
        })
    }
}

/// A unit, and the releases that were ever in its slots.
struct Story {
    unit: Bench,
    releases: Vec<Release>,
}

impl Story {
    /// A unit from the factory with this release in both slots.
    fn from_factory(release: Release) -> Self {
        let state = BootState {
            floor: Some(version(release.version)),
            revocations: release.revocations(),
            ..BootState::factory(ONE, [true; 2], None)
        };
        let unit = Bench::with(ONE, [release.image(), release.image()], &state);
        let mut story = Self { unit, releases: vec![release] };
        story.read_slot();
        story
    }

    /// Takes keys and description of the running release from its slot.
    fn read_slot(&mut self) {
        let running = &mut self.unit.release;
        let found =
            self.releases.iter().find(|release| release.version == running.version).expect("a known release");
        let Revocations { epoch, keys } = found.revocations();
        (running.key_epoch, running.revoked_keys, running.lowers_floors) =
            (epoch, keys, found.lowers_floors());
        self.unit.keys = keys_of(found.trusted);
    }

    fn restart(&mut self) {
        self.unit.restart();
        self.read_slot();
    }

    fn install(&mut self, release: Release, request: Request) -> Result<(), UpdateError> {
        let bundle = release.bundle();
        install(&self.unit, request, || Ok(Plain(&*bundle)), &mut Recorder::default())?;
        self.releases.push(release);
        Ok(())
    }

    /// Installs a release, tries it, and confirms it.
    fn update(&mut self, release: Release) {
        self.update_with(release, Request::default());
    }

    fn update_with(&mut self, release: Release, request: Request) {
        self.install(release, request).unwrap();
        self.restart();
        assert_eq!(self.unit.release.version, release.version);
        change(&self.unit, Change::Confirm).unwrap();
    }

    fn roll_back(&mut self) {
        change(&self.unit, Change::Rollback).unwrap();
        self.restart();
    }

    /// Checks that a release is refused with this exit code before anything is written, whatever is allowed.
    fn refuses(&self, release: Release, code: u8) -> String {
        self.refuses_with(release, ANYTHING, code)
    }

    fn refuses_with(&self, release: Release, request: Request, code: u8) -> String {
        let bundle = release.bundle();
        let operation =
            |unit: &Bench| install(unit, request, || Ok(Plain(&*bundle)), &mut Recorder::default()).map(drop);
        let text = refused(release.version, &self.unit, operation);
        let expected = format!("{}\n  {code} ", release.version);
        text.strip_prefix(&expected).unwrap_or_else(|| panic!("not {code}: {text}")).to_owned()
    }

    fn floor(&self) -> Option<String> {
        self.unit.boot_state().floor.as_ref().map(Version::to_string)
    }
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

#[test]
fn a_key_is_replaced_in_two_releases() {
    let old = release("1.0.0");
    let both = Release { trusted: &[0, 1], ..release("1.1.0") };
    let new = Release { signer: 1, trusted: &[1], ..release("1.2.0") };
    let mut story = Story::from_factory(old);
    story.refuses(new, 25);
    story.update(both);
    story.update(new);
    story.refuses(release("1.3.0"), 25);
    story.update(Release { version: "1.2.1", ..new });
    assert!(story.unit.boot_state().revocations.is_empty());
    assert!(!Status::gather(&story.unit).unwrap().text().contains("\nkeys "));
    // Nothing was revoked: a release that trusts both keys may still install what the old one has signed.
    let mut story = Story::from_factory(old);
    story.update(both);
    story.install(new, Request::default()).unwrap();
    story.restart();
    story.roll_back();
    assert_eq!(story.unit.release.version, "1.1.0");
    story.install(release("1.3.0"), Request::default()).unwrap();
}

/// Units from the factory trust a spare key, so that one release ends the trust in a leaked one.
#[test]
fn a_leaked_key_is_refused_by_every_slot_once_a_release_has_revoked_it() {
    let old = Release { trusted: &[0, 1], ..release("1.0.0") };
    let fix = Release { signer: 1, trusted: &[1, 2], epoch: 1, revoked: &[0], ..release("1.1.0") };
    let forged = Release { epoch: 7, ..release("1.1.5") };
    let mut story = Story::from_factory(old);
    story.install(fix, Request::default()).unwrap();
    story.restart();
    assert!(story.unit.boot_state().revocations.is_empty(), "the release has not proved itself");
    change(&story.unit, Change::Confirm).unwrap();
    let state = story.unit.boot_state();
    assert_eq!((&state.revocations, state.fallback), (&fix.revocations(), false));
    let text = Status::gather(&story.unit).unwrap().text();
    assert!(text.contains(&format!("\nkeys     epoch 1, revoked: {}\n", key_id(0))), "{text}");

    let message = story.refuses(forged, 48);
    assert!(message.contains("which has been revoked on this unit\n     hint: "), "{message}");
    // The roll-back itself stays possible, and the previous release still has the key in its slot.
    story.roll_back();
    assert_eq!(story.unit.release.version, "1.0.0");
    assert!(story.unit.keys.ids().any(|id| id == key_id(0)));
    story.refuses(forged, 48);
    let before = Release { signer: 1, trusted: &[0, 1], ..release("1.0.5") };
    let message = story.refuses(before, 49);
    assert!(message.contains("key epoch 0; this unit accepts none below 1"), "{message}");
    story.update(fix);
    // Without a boot state, the running release knows it by itself.
    story.unit.lose_state();
    story.refuses(forged, 48);
    story.refuses(before, 49);
    change(&story.unit, Change::Confirm).unwrap();
    assert_eq!(story.unit.boot_state().revocations, fix.revocations());
    // Both slots have the new epoch from the next release on, so either may replace the other again.
    story.update(Release { version: "1.2.0", ..fix });
    assert!(story.unit.boot_state().fallback);
}

#[test]
fn activating_the_running_slot_revokes_keys_and_raises_the_floor_as_a_confirmation_does() {
    let old = Release { trusted: &[0, 1], ..release("1.0.0") };
    let fix = Release { signer: 1, trusted: &[1], epoch: 1, revoked: &[0], ..release("1.1.0") };
    let mut story = Story::from_factory(old);
    story.update(fix);
    story.update(Release { version: "1.2.0", ..fix });
    assert_eq!(story.floor(), Some("1.1.0".into()));
    let confirmed = story.unit.boot_state();

    let mut story = Story::from_factory(old);
    for release in [fix, Release { version: "1.2.0", ..fix }] {
        story.install(release, Request::default()).unwrap();
        story.restart();
        // Given up, and then kept after all.
        change(&story.unit, Change::Rollback).unwrap();
        let running = story.unit.running;
        change(&story.unit, Change::Activate { slot: running, again: false }).unwrap();
    }
    let activated = story.unit.boot_state();
    assert_eq!((activated.floor, activated.revocations), (confirmed.floor, confirmed.revocations));
}

#[test]
fn an_update_is_refused_if_its_revoked_keys_do_not_fit_or_one_would_be_trusted_again() {
    let id = |byte| KeyId([byte; 8]);
    let mut story = Story::from_factory(release("1.0.0"));
    let with = |epoch, keys: Vec<KeyId>| {
        let revocations = Revocations { epoch, keys };
        BootState { revocations, floor: Some(version("1.0.0")), ..BootState::factory(ONE, [true; 2], None) }
    };
    let refuses = |story: &Story, epoch, keys: Vec<KeyId>| {
        let bundle = changed_by(&image("1.1.0"), 0, |manifest| {
            (manifest.key_epoch, manifest.revoked_keys) = (epoch, keys);
        });
        refused("x", &story.unit, |unit| unit.install(&*bundle).map(drop))
    };
    let full = with(3, (1..=12).map(id).collect());
    story.unit = Bench::with(ONE, [image("1.0.0"), image("1.0.0")], &full);
    let text = refuses(&story, 3, vec![id(13)]);
    assert!(text.contains("39 this update would bring the revoked keys of this unit to 13"), "{text}");
    // The running release trusts key 0, which is the oldest.
    let full = with(3, [vec![key_id(1)], (2..=12).map(id).collect()].concat());
    story.unit = Bench::with(ONE, [image("1.0.0"), image("1.0.0")], &full);
    story.unit.keys = keys_of(&[0, 1]);
    let text = refuses(&story, 4, vec![id(13)]);
    assert!(text.contains(&format!("39 this update drops the revoked key {}", key_id(1))), "{text}");
    story.unit.keys = keys_of(&[0]);
    let bundle = changed_by(&image("1.1.0"), 0, |manifest| {
        (manifest.key_epoch, manifest.revoked_keys) = (4, vec![id(13)]);
    });
    story.unit.install(&*bundle).unwrap();
}

#[test]
fn older_versions_and_large_jumps_have_to_be_asked_for() {
    let request = |downgrade, jump| Request { allowed: Allowed { downgrade, jump }, ..Request::default() };
    let mut story = Story::from_factory(release("1.4.0"));
    assert_eq!(story.floor(), Some("1.4.0".into()), "the floor of a factory unit is its own version");
    story.refuses(release("1.3.9"), 34);
    story.update(release("1.5.0"));
    story.refuses_with(release("1.4.5"), request(false, true), 37);
    story.refuses(release("1.3.9"), 34);
    story.install(release("1.4.5"), request(true, false)).unwrap();
    let message = story.refuses_with(release("3.0.0"), request(true, false), 38);
    assert!(message.contains("more than one major version after the running 1.5.0"), "{message}");
    assert!(
        message.contains("\n     hint: install a version in between first, or add `--allow-jump`"),
        "{message}"
    );
    story.refuses_with(release("99.0.0-dev.1"), Request::default(), 38);
    story.install(release("2.99.0"), Request::default()).unwrap();
    story.install(release("3.0.0"), request(false, true)).unwrap();
}

/// A slip in a tag: the floor of some units is 99.0.0, and no release can reach them any more.
#[test]
fn a_floor_that_was_a_mistake_is_lowered_by_a_release_that_names_it() {
    let mut story = Story::from_factory(release("1.4.0"));
    story.update_with(release("99.0.0"), ANYTHING);
    assert_eq!(story.floor(), Some("1.4.0".into()), "the first one can be undone");
    story.update(release("99.0.1"));
    assert_eq!(story.floor(), Some("99.0.0".into()));

    let downgrade = Request { allowed: Allowed { downgrade: true, jump: false }, ..Request::default() };
    story.refuses(release("1.5.0"), 34);
    let other = Release { lowers_floors: &["99.0.1", "98.0.0"], ..release("1.5.0") };
    story.refuses(other, 34);
    let repair = Release { lowers_floors: &["98.0.0", "99.0.0"], ..release("1.5.0") };
    story.refuses_with(repair, Request::default(), 37);
    story.install(repair, downgrade).unwrap();
    story.restart();
    assert_eq!(story.floor(), Some("99.0.0".into()), "it has not proved itself");
    let before = story.unit.copy();
    change(&story.unit, Change::Confirm).unwrap();
    assert_eq!(story.floor(), Some("1.5.0".into()));
    story.refuses(release("1.4.9"), 34);
    story.refuses_with(release("99.0.2"), downgrade, 38);
    story.update(release("1.6.0"));
    assert_eq!(story.floor(), Some("1.5.0".into()));

    // Given up on trial, it changes nothing.
    story.unit = before;
    story.roll_back();
    assert_eq!((story.floor(), &*story.unit.release.version), (Some("99.0.0".into()), "99.0.1"));
    // A unit with another floor does not accept it as an older version.
    let story = Story::from_factory(release("2.0.0"));
    story.refuses(repair, 34);
}

#[test]
fn a_release_that_lowers_a_floor_does_not_bring_back_a_key() {
    let poisoned = Release { trusted: &[0, 1], epoch: 2, revoked: &[2], ..release("99.0.0") };
    let mut story = Story::from_factory(poisoned);
    let repair = Release { trusted: &[0, 1], lowers_floors: &["99.0.0"], ..release("1.5.0") };
    story.refuses(repair, 49);
    story.refuses(Release { epoch: 1, ..repair }, 49);
    story.refuses(Release { signer: 2, epoch: 2, ..repair }, 48);
    story.update_with(Release { epoch: 2, ..repair }, ANYTHING);
    assert_eq!(story.floor(), Some("1.5.0".into()));
    assert_eq!(story.unit.boot_state().revocations, poisoned.revocations());
}

#[test]
fn a_slot_that_is_older_than_the_floor_is_not_tried() {
    let state = BootState { floor: Some(version("1.1.0")), ..BootState::factory(ONE, [true; 2], None) };
    let unit = Bench::with(ONE, [image("1.1.0"), image("1.0.0")], &state);
    let activate = Change::Activate { slot: TWO, again: true };
    let text = refused("activate", &unit, |unit| change(unit, activate).map(drop));
    assert!(
        text.contains("34 the release in slot 2 is older than the version floor of this unit\n     hint: "),
        "{text}"
    );
}
