//! What is refused before the first write: each with its own exit code and message, and no byte of the card is changed.

use std::io::{self, Read};

use firmware::bundle::HEADER_BYTES;
use firmware::layout::LABELLED_LAYOUT;
use firmware::slot::Slot;
use firmware::state::{BootState, COPIES, Failure, Mark, Trial};
use semver::Version;

use super::bench::{Bench, Plain, Recorder};
use super::bundles::{
    CHUNK_SECTORS, PART, bundle, changed, digest, first_chunk, image, image_of, manifest, signed,
};
use super::disk::{Dice, STATE, Trouble};
use crate::update::change::{Change, change};
use crate::update::error::UpdateError;
use crate::update::install::{Request, install};

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// Checks that `operation` is refused; returns the exit code and the message.
pub fn refused(
    name: &str,
    unit: &Bench,
    operation: impl FnOnce(&Bench) -> Result<(), UpdateError>,
) -> String {
    let before = unit.copy();
    unit.disk.borrow_mut().reset_counters();
    let error = operation(unit).expect_err(name);
    assert!(unit.disk.borrow().all() == before.disk.borrow().all(), "{name}: the card was changed");
    assert_eq!(unit.disk.borrow().operations, 0, "{name}: something was written");
    // The key's identifier differs in every run.
    let mut message = error.to_string().replace('\n', "\n     ");
    if let Some((before, after)) = message.split_once("with the key ") {
        message = format!("{before}with the key KEY{}", &after[16..]);
    }
    format!("{name}\n  {} {message}\n", error.code().number())
}

fn install_of(update: &[u8]) -> impl FnOnce(&Bench) -> Result<(), UpdateError> {
    move |unit| unit.install(update).map(drop)
}

#[test]
fn an_input_that_does_not_suit_the_unit_is_refused_before_anything_is_written() {
    let unit = || Bench::new(&image("1.0.0"), &image("0.9.0"));
    let new = image("1.1.0");
    let good = bundle(&new);
    let flipped = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    let (plain, stored) = manifest(&new, CHUNK_SECTORS);
    let json = plain.encode().unwrap();
    let unknown = signed(&json, &stored, 1);
    let format = String::from_utf8(json.clone()).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    let signature = first_chunk(&good) - 100;
    let mut noise = vec![0; 10 << 20];
    let mut dice = Dice::new(4);
    noise.iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
    let mut newer_header = good.clone();
    newer_header[8] = 2;
    let crc = crc32(&newer_header[..28]);
    newer_header[28..32].copy_from_slice(&crc.to_le_bytes());

    let mut out = String::new();
    let mut table = |name: &str, update: &[u8]| out += &refused(name, &unit(), install_of(update));
    table("nothing at all", &[]);
    table("10 MB of noise", &noise);
    table("a slot image", &new);
    table("a header that is cut off", &good[..20]);
    table("a manifest that is cut off", &good[..HEADER_BYTES + 50]);
    table("a signature that is cut off", &good[..first_chunk(&good) - 1]);
    table("a header of format 2", &newer_header);
    table("a manifest of format 2", &signed(format.as_bytes(), &stored, 0));
    table("a bit in the header", &flipped(12));
    table("a manifest that is none", &signed(b"{\"format\":1}", &stored, 0));
    table("another key", &unknown);
    table("a bit in the manifest", &flipped(HEADER_BYTES + 40));
    table("a bit in the signature", &flipped(signature));
    table("another product", &bundle(&image_of("1.1.0", "weir", "alix", PART)));
    table("another board", &bundle(&image_of("1.1.0", "sluice", "apu", PART)));
    table("another layout", &changed(&new, |manifest| manifest.layouts = vec![2, 3]));
    let large = image_of("1.1.0", "sluice", "alix", 2 * PART);
    table("larger than the slot", &bundle(&large));
    table("a minimum above what runs", &changed(&new, |manifest| manifest.minimum = Some("1.0.1".into())));
    table("an older configuration", &changed(&new, |manifest| manifest.config_version = 0));
    insta::assert_snapshot!(out);
}

#[test]
fn a_labelled_card_accepts_only_updates_for_labelled_cards() {
    let mut unit = Bench::new(&image("1.0.0"), &image("0.9.0"));
    unit.disk_layout = LABELLED_LAYOUT;
    let new = image("1.1.0");
    let error = unit.install(&*bundle(&new)).unwrap_err().to_string();
    assert_eq!(
        error,
        "this update is for disk layout 1; this unit has layout 2\nhint: write a full image to its card instead"
    );
    assert!(unit.holds(TWO, &image("0.9.0")));
    unit.install(&*changed(&new, |manifest| manifest.layouts = vec![LABELLED_LAYOUT])).unwrap();
    assert!(unit.holds(TWO, &new));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn what_this_unit_cannot_do_now_is_refused_before_anything_is_written() {
    let images = || [image("1.0.0"), image("0.9.0")];
    let good = bundle(&image("1.1.0"));
    let factory = BootState::factory(ONE, [true; 2], None);
    let with = |state: &BootState, running| Bench::with(running, images(), state);
    let mut out = String::new();
    let mut line = |text: String| out += &text;

    let floor = BootState { floor: Some(Version::new(1, 2, 0)), ..factory.clone() };
    line(refused("below the floor", &with(&floor, ONE), install_of(&good)));
    let running = Request { slot: Some(ONE), ..Request::default() };
    let to_running = |unit: &Bench| install(unit, running, no_source, &mut Recorder::default()).map(drop);
    line(refused("the running slot", &with(&factory, ONE), to_running));
    let trial = BootState { trial: Some(Trial { slot: TWO, tries: 0 }), ..factory.clone() };
    line(refused("while on trial", &with(&trial, TWO), install_nothing));
    let bad = BootState { marks: [Mark::Good, Mark::Bad], ..factory.clone() };
    line(refused("from a bad slot", &with(&bad, TWO), install_nothing));
    let failed = Mark::Failed(Failure::Unconfirmed);
    let failed = BootState {
        marks: [Mark::Good, failed],
        digests: [None, Some(digest(&image("1.1.0")))],
        ..factory.clone()
    };
    line(refused("a release that has failed here", &with(&failed, ONE), install_of(&good)));
    line(refused("from a slot that has failed", &with(&failed, TWO), install_nothing));
    let older = bundle(&image("0.9.5"));
    line(refused("older than the running version", &with(&factory, ONE), install_of(&older)));
    line(refused("a state of the future", &future(with(&factory, ONE)), install_nothing));
    let unreadable = with(&factory, ONE);
    unreadable.lose_state();
    unreadable.disk.borrow_mut().trouble = Trouble::Dead(STATE + 1);
    line(refused("a state that cannot be read", &unreadable, install_nothing));
    let lost_source = |unit: &Bench| unit.install(Broken).map(drop);
    line(refused("a source that cannot be read", &with(&factory, ONE), lost_source));
    let mut without_keys = with(&factory, ONE);
    without_keys.keys = firmware::bundle::PublicKeys::new();
    line(refused("no key is trusted", &without_keys, install_of(&good)));

    let changing = |what| move |unit: &Bench| change(unit, what).map(drop);
    line(refused("confirm what was chosen in the menu", &with(&factory, TWO), changing(Change::Confirm)));
    line(refused("confirm what has failed", &with(&failed, TWO), changing(Change::Confirm)));
    line(refused("roll back to what has failed", &with(&failed, ONE), changing(Change::Rollback)));
    line(refused("roll back twice", &with(&failed, TWO), changing(Change::Rollback)));
    let untried = BootState { marks: [Mark::Good, Mark::Untried], ..factory.clone() };
    line(refused("roll back to what never proved itself", &with(&untried, ONE), changing(Change::Rollback)));
    let activate = |slot| Change::Activate { slot, again: false };
    line(refused("activate what has failed", &with(&failed, ONE), changing(activate(TWO))));
    line(refused("roll back to a bad slot", &with(&bad, ONE), changing(Change::Rollback)));
    line(refused("activate a bad slot", &with(&bad, ONE), changing(activate(TWO))));
    line(refused("activate what runs on trial", &with(&trial, TWO), changing(activate(TWO))));
    line(refused(
        "confirm with a state of the future",
        &future(with(&factory, ONE)),
        changing(Change::Confirm),
    ));
    insta::assert_snapshot!(out);
}

/// The unit refuses before it reads a byte.
fn install_nothing(unit: &Bench) -> Result<(), UpdateError> {
    install(unit, Request::default(), no_source, &mut Recorder::default()).map(drop)
}

fn no_source() -> Result<Plain<io::Empty>, UpdateError> {
    panic!("the source was opened");
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the tape is torn"))
    }
}

/// Gives all copies of the boot state format 2.
fn future(unit: Bench) -> Bench {
    for copy in 0..COPIES {
        let mut record = unit.disk.borrow().all()[STATE + copy].to_vec();
        record[8] = 2;
        record[12..16].fill(0);
        let crc = crc32(&record);
        record[12..16].copy_from_slice(&crc.to_le_bytes());
        unit.disk.borrow_mut().poke(STATE + copy, 0, &record);
    }
    unit
}

#[test]
fn build_metadata_does_not_make_a_version_older_than_the_floor() {
    let floor = BootState {
        floor: Some(Version::parse("1.1.0+gdef").unwrap()),
        ..BootState::factory(ONE, [true; 2], None)
    };
    let unit = Bench::with(ONE, [image("1.0.0"), image("0.9.0")], &floor);
    unit.install(&*bundle(&image("1.1.0+gabc"))).unwrap();
    let error = unit.install(&*bundle(&image("1.1.0-dev.7"))).unwrap_err();
    assert_eq!(error.code().number(), 34, "{error}");
    // Nor does it make the running version older than the minimum.
    let at = |minimum: &str| changed(&image("1.1.0"), |manifest| manifest.minimum = Some(minimum.into()));
    unit.install(&*at("1.0.0+g123")).unwrap();
}
