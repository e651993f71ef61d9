//! Scenarios of the boot manager.

use anyhow::{Result, ensure};
use firmware::slot::Slot;
use firmware::state::{
    BootState, COPIES, Failure, Mark, Releases, STARTS, STATE_BYTES, TRIES, Trial, offset,
};
use semver::Version;

use super::states::{arm, good};
use crate::rig::World;
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(Needs::Card, "default-boot", "a new unit boots slot 1 if no key is pressed", default_boot),
    Scenario::new(
        Needs::Card,
        "key-choice",
        "1 and 2 with Enter choose a slot, for one boot only",
        key_choice,
    ),
    Scenario::new(Needs::Card, "noise", "a noisy line neither stops a boot nor chooses a slot", noise),
    Scenario::new(
        Needs::Card,
        "not-offered",
        "a slot that is bad or has failed cannot be chosen",
        not_offered,
    ),
    Scenario::new(Needs::Card, "function-keys", "F1 and F2 of a terminal choose a slot", function_keys),
    Scenario::new(
        Needs::Card,
        "default-of-state",
        "the default slot of the boot state boots",
        default_of_state,
    ),
    Scenario::new(
        Needs::Card,
        "trial-paid-first",
        "a trial is consumed on the card before the slot boots",
        trial_paid_first,
    ),
    Scenario::new(
        Needs::Card,
        "trial-unconfirmed",
        "an unconfirmed slot is not booted twice",
        trial_unconfirmed,
    ),
    Scenario::new(Needs::Card, "trial-confirmed", "a confirmed slot stays the default", trial_confirmed),
    Scenario::new(
        Needs::Card,
        "gives-way",
        "a default slot that never reports health gives way to the other, once",
        gives_way,
    ),
    Scenario::new(
        Needs::Card,
        "healthy-stays",
        "a default slot that reports health stays the default",
        healthy_stays,
    ),
    Scenario::new(
        Needs::Card,
        "plug-pulled",
        "a unit with an empty second slot starts the first, however often its boots are cut off",
        plug_pulled,
    ),
    Scenario::new(
        Needs::Card,
        "trial-by-key",
        "a trial that is chosen by key is consumed, too",
        trial_by_key,
    ),
    Scenario::new(
        Needs::Card,
        "trial-waits",
        "choosing the other slot does not consume the trial",
        trial_waits,
    ),
    Scenario::new(Needs::Card, "cut-in-menu", "power cuts in the menu do not consume a trial", cut_in_menu),
    Scenario::new(
        Needs::Card,
        "damaged-default",
        "a default slot that cannot boot is skipped",
        damaged_default,
    ),
    Scenario::new(
        Needs::Card,
        "damaged-trial",
        "a slot on trial that cannot boot is skipped and not tried again",
        damaged_trial,
    ),
    Scenario::new(
        Needs::Card,
        "half-written",
        "a slot that is being written never boots by itself",
        half_written,
    ),
    Scenario::new(Needs::Card, "one-copy-damaged", "one copy of the boot state is enough", one_copy_damaged),
    Scenario::new(
        Needs::Card,
        "all-copies-damaged",
        "without a boot state, slot 1 boots, or else slot 2",
        all_copies_damaged,
    ),
    Scenario::new(
        Needs::Card,
        "future-state",
        "a boot state of a later format does not prevent a boot and is not overwritten",
        future_state,
    ),
];

fn default_boot(unit: &mut Unit<'_>) -> Result<()> {
    let before = unit.card.state()?.state;
    unit.boot()?;
    unit.expect_slot(ONE)?;
    unit.cut_power()?;
    only_starts_changed(unit, &before)
}

fn key_choice(unit: &mut Unit<'_>) -> Result<()> {
    let before = unit.card.state()?.state;
    for (key, slot) in [("2\r", TWO), ("1\r", ONE)] {
        unit.boot()?;
        unit.press(key)?;
        unit.expect_slot(slot)?;
        unit.cut_power()?;
    }
    only_starts_changed(unit, &before)?;
    unit.boots_into(ONE)
}

/// Checks that nothing but the count of starts has changed, which FreeBSD resets when it has come up.
fn only_starts_changed(unit: &Unit<'_>, before: &BootState) -> Result<()> {
    let after = unit.card.state()?.state;
    let expected = BootState { starts: after.starts, ..before.clone() };
    ensure!(after == expected, "more than the starts have changed: {after:?}");
    Ok(())
}

fn function_keys(unit: &mut Unit<'_>) -> Result<()> {
    unit.card.set_state(&BootState { default: TWO, ..good() })?;
    for (key, slot) in [("\x1bOP", ONE), ("\x1b[12~", TWO), ("\x1b[11~", ONE), ("\x1bOQ", TWO)] {
        unit.boot()?;
        unit.press(key)?;
        unit.expect_slot(slot)?;
        unit.cut_power()?;
    }
    Ok(())
}

fn default_of_state(unit: &mut Unit<'_>) -> Result<()> {
    unit.card.set_state(&BootState { default: TWO, ..good() })?;
    unit.boots_into(TWO)
}

fn trial_paid_first(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.boot()?;
    // The slot's boot program is the first to print after the boot manager.
    ensure!(unit.started()? == TWO, "the trial did not start");
    unit.cut_power()?;
    expect_trial(unit, Some(Trial { slot: TWO, tries: 0 }))
}

fn trial_unconfirmed(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.boots_into(TWO)?;
    for _ in 0..2 {
        unit.boots_into(ONE)?;
    }
    expect_spent(unit)
}

fn trial_confirmed(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.boots_into(TWO)?;
    let releases = Releases::alone(Version::new(0, 2, 0));
    unit.card.change_state(|state| state.confirm(TWO, &releases))?;
    for _ in 0..2 {
        unit.boots_into(TWO)?;
    }
    expect_trial(unit, None)
}

fn gives_way(unit: &mut Unit<'_>) -> Result<()> {
    let is_miniature = unit.rig.world == World::Miniature;
    if is_miniature {
        for _ in 0..STARTS {
            unit.boots_into(ONE)?;
        }
    } else {
        // A FreeBSD that comes up reports health.
        unit.card.change_state(|state| anyhow::Ok(BootState { starts: STARTS, ..state.clone() }))?;
    }
    unit.boot()?;
    unit.expect("slot 1: never reported health, gives way")?;
    unit.expect_slot(TWO)?;
    unit.cut_power()?;
    let state = unit.card.state()?.state;
    let failed = Mark::Failed(Failure::NeverHealthy);
    ensure!(state.default == TWO && state.mark(ONE) == failed, "slot 1 did not give way: {state:?}");
    if is_miniature {
        // It swings once: then nothing is written any more.
        for _ in 0..STARTS {
            unit.boots_into(TWO)?;
        }
        let before = unit.card.state_copies()?;
        unit.boots_into(TWO)?;
        ensure!(unit.card.state_copies()? == before, "the boot state is written after the limit");
    }
    Ok(())
}

fn healthy_stays(unit: &mut Unit<'_>) -> Result<()> {
    for _ in 0..=STARTS {
        unit.boots_into(ONE)?;
        unit.card.change_state(|state| anyhow::Ok(state.report_health(ONE)))?;
    }
    ensure!(unit.card.state()?.state.default == ONE, "a healthy default gave way");
    Ok(())
}

fn plug_pulled(unit: &mut Unit<'_>) -> Result<()> {
    unit.card.set_state(&BootState::factory(ONE, [true, false], None))?;
    unit.card.blank_boot_area(TWO)?;
    for _ in 0..STARTS * 2 {
        unit.boot()?;
        unit.press("\r")?;
        unit.expect("slot 1: starting")?;
        unit.cut_power()?;
    }
    unit.boots_into(ONE)?;
    let state = unit.card.state()?.state;
    ensure!(state.default == ONE && state.mark(ONE) == Mark::Good, "slot 1 gave way to nothing: {state:?}");
    Ok(())
}

fn trial_by_key(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.boot()?;
    unit.press("2\r")?;
    unit.expect_slot(TWO)?;
    unit.cut_power()?;
    unit.boots_into(ONE)
}

/// What a bad line may send again and again, besides random bytes.
const NOISES: [&[u8]; 6] = [b"\0", b"\xff", b" ", b"2\r", b"\x1bOQ", b"2"];
/// How many bytes of it, which is more than the machine takes until the slot has started.
const NOISE_BYTES: usize = 4000;

fn noise(unit: &mut Unit<'_>) -> Result<()> {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let boots = unit.rig.rounds;
    unit.note(format!("seed {seed}; {boots} boots with each of {} noises", NOISES.len() + 1));
    for _ in 0..boots {
        let repeated = NOISES.map(|noise| noise.iter().copied().cycle().take(NOISE_BYTES).collect());
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(NOISE_BYTES).collect();
        for noise in repeated.into_iter().chain([noise]) {
            unit.boot()?;
            unit.expect("Sluice boot manager")?;
            unit.console()?.send_bytes(&noise)?;
            unit.expect_slot(ONE)?;
            unit.cut_power()?;
            unit.card.change_state(|state| anyhow::Ok(state.report_health(ONE)))?;
        }
    }
    Ok(())
}

fn not_offered(unit: &mut Unit<'_>) -> Result<()> {
    for mark in [Mark::Bad, Mark::Failed(Failure::Unconfirmed)] {
        unit.card.set_state(&BootState { marks: [Mark::Good, mark], ..good() })?;
        unit.boot()?;
        unit.press("2\r")?;
        unit.expect("slot 2: cannot be chosen")?;
        unit.expect_slot(ONE)?;
        unit.cut_power()?;
    }
    Ok(())
}

fn trial_waits(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.boot()?;
    unit.press("1\r")?;
    unit.expect_slot(ONE)?;
    unit.cut_power()?;
    expect_trial(unit, Some(Trial { slot: TWO, tries: TRIES }))?;
    unit.boots_into(TWO)
}

fn cut_in_menu(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    for _ in 0..2 {
        unit.boot()?;
        unit.expect("to choose")?;
        unit.cut_power()?;
    }
    expect_trial(unit, Some(Trial { slot: TWO, tries: TRIES }))?;
    unit.boots_into(TWO)
}

fn damaged_default(unit: &mut Unit<'_>) -> Result<()> {
    unit.card.blank_boot_area(ONE)?;
    unit.boot()?;
    unit.expect("slot 1: not bootable")?;
    unit.expect_slot(TWO)?;
    unit.cut_power()
}

fn damaged_trial(unit: &mut Unit<'_>) -> Result<()> {
    arm(unit)?;
    unit.card.blank_boot_area(TWO)?;
    unit.boot()?;
    unit.expect("slot 2: not bootable")?;
    unit.expect_slot(ONE)?;
    unit.cut_power()?;
    expect_spent(unit)?;
    unit.boots_into(ONE)
}

fn half_written(unit: &mut Unit<'_>) -> Result<()> {
    // Even if it was the default: an update makes the running slot the default first.
    unit.card.set_state(&BootState { default: TWO, ..good() })?;
    unit.card.change_state(|state| state.begin_install(ONE, TWO))?;
    unit.boots_into(ONE)?;
    unit.card.set_state(&BootState { default: TWO, marks: [Mark::Good, Mark::Bad], ..good() })?;
    unit.boots_into(ONE)
}

fn one_copy_damaged(unit: &mut Unit<'_>) -> Result<()> {
    for copy in 0..COPIES {
        unit.card.set_state(&BootState { default: TWO, ..good() })?;
        unit.card.write_state_copy(copy, &[0xa5; STATE_BYTES])?;
        unit.boots_into(TWO)?;
        // What the boot manager writes repairs the copy after the newest one.
        unit.card.set_state(&good())?;
        arm(unit)?;
        let lost = (unit.card.state()?.copy + 1) % COPIES;
        unit.card.write_state_copy(lost, &[0xa5; STATE_BYTES])?;
        unit.boots_into(TWO)?;
        let loaded = unit.card.state()?;
        ensure!(loaded.copy == lost && loaded.is_intact(), "the damaged copy was not repaired: {loaded:?}");
        unit.boots_into(ONE)?;
    }
    Ok(())
}

fn all_copies_damaged(unit: &mut Unit<'_>) -> Result<()> {
    unit.card.set_state(&BootState { default: TWO, ..good() })?;
    for copy in 0..COPIES {
        unit.card.write_state_copy(copy, &[0; STATE_BYTES])?;
    }
    unit.boots_into(ONE)?;
    unit.card.blank_boot_area(ONE)?;
    unit.boots_into(TWO)?;
    // FreeBSD writes a new state when it has come up; the boot manager never does.
    let copies = unit.card.state_copies()?;
    ensure!(
        unit.rig.world == World::FreeBsd || copies == [[0; STATE_BYTES]; COPIES],
        "the boot manager made up a boot state"
    );
    Ok(())
}

fn future_state(unit: &mut Unit<'_>) -> Result<()> {
    let mut record = BootState { default: TWO, ..good() }.encode(9)?;
    record[offset::FORMAT] = 2;
    record[offset::CRC..offset::CRC + 4].fill(0);
    let crc = crc32fast::hash(&record);
    record[offset::CRC..offset::CRC + 4].copy_from_slice(&crc.to_le_bytes());
    for copy in 0..COPIES {
        unit.card.write_state_copy(copy, &record)?;
    }
    unit.boots_into(ONE)?;
    ensure!(unit.card.state_copies()? == [record; COPIES], "the boot manager overwrote a later format");
    // With a single copy of a later format, the others serve.
    for copy in 0..COPIES {
        unit.card.set_state(&good())?;
        unit.card.write_state_copy(copy, &record)?;
        arm(unit)?;
        unit.boots_into(TWO)?;
        unit.boots_into(ONE)?;
        ensure!(unit.card.state_copies()?[copy] == record, "copy {copy} of a later format was overwritten");
    }
    Ok(())
}

/// Checks that the trial of slot 2 has failed, whether slot 1 has settled that or not.
fn expect_spent(unit: &Unit<'_>) -> Result<()> {
    let state = unit.card.state()?.state.settle(ONE);
    let failed = Mark::Failed(Failure::Unconfirmed);
    ensure!(
        state.default == ONE && state.mark(TWO) == failed,
        "the trial of slot 2 has not failed: {state:?}"
    );
    Ok(())
}

fn expect_trial(unit: &Unit<'_>, trial: Option<Trial>) -> Result<()> {
    let found = unit.card.state()?.state.trial;
    ensure!(found == trial, "the trial in the boot state is {found:?} and not {trial:?}");
    Ok(())
}
