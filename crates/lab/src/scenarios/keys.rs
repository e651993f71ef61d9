//! Scenarios of keys that come and go, and of versions that were a mistake: the procedures of docs/keys.md.

use anyhow::{Context, Result, ensure};
use firmware::slot::Slot;
use firmware::state::BootState;
use semver::Version;

use super::update::{install, restart_into, up};
use crate::scenario::{Needs, Scenario};
use crate::unit::Unit;

const ONE: Slot = Slot::First;
const TWO: Slot = Slot::Second;

/// Exit codes of `sluice update install`.
const UNKNOWN_KEY: u8 = 25;
const FLOOR: u8 = 34;
const DOWNGRADE: u8 = 37;
const JUMP: u8 = 38;
const REVOKED_KEY: u8 = 48;
const KEY_EPOCH: u8 = 49;

pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        Needs::Bundles,
        "key-rotation",
        "a key is replaced: old, both, new; then the old one is not accepted any more",
        key_rotation,
    ),
    Scenario::new(
        Needs::Bundles,
        "key-leaked",
        "a revoked key is refused, also by the previous release after a roll-back",
        key_leaked,
    ),
    Scenario::new(
        Needs::Bundles,
        "downgrade",
        "older versions and large jumps are refused unless asked for; below the floor always",
        downgrade,
    ),
    Scenario::new(
        Needs::Bundles,
        "floor-lowered",
        "a release that names a mistaken version floor replaces it when it is confirmed",
        floor_lowered,
    ),
];

/// Installs the release `name`, tries it, and confirms it.
fn update(unit: &mut Unit<'_>, name: &str, target: Slot) -> Result<()> {
    install(unit, name, target)?;
    restart_into(unit, target)?;
    unit.ask("sluice update confirm")?;
    Ok(())
}

/// Checks that the release `name` is refused with exactly this exit code, and that nothing is written to the other slot.
fn refuses(unit: &mut Unit<'_>, name: &str, options: &str, code: u8, other: Slot) -> Result<()> {
    let before = (unit.card.state()?.state, unit.card.slot_digest(other)?);
    let command = format!("sluice update install {}/{name}.fw {options}", unit.rig.url);
    let (said, status) = unit.run(&command)?;
    ensure!(status == code, "`{command}` ended with {status} instead of {code}: {said}");
    ensure!(said.contains("hint: "), "`{command}` gives no advice: {said}");
    ensure!(
        (unit.card.state()?.state, unit.card.slot_digest(other)?) == before,
        "the refusal of {name} wrote to the card"
    );
    Ok(())
}

fn key_rotation(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    refuses(unit, "key-new", "", UNKNOWN_KEY, TWO)?;
    update(unit, "key-both", TWO)?;
    update(unit, "key-new", ONE)?;
    refuses(unit, "next", "--allow-downgrade", UNKNOWN_KEY, TWO)?;
    let state = unit.card.state()?.state;
    ensure!(state.revocations.is_empty(), "a rotation revokes nothing: {state:?}");
    unit.cut_power()
}

fn key_leaked(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    update(unit, "key-both", TWO)?;
    update(unit, "key-leaked", ONE)?;
    let expected = unit.rig.revocations_of("key-leaked")?;
    ensure!(expected.epoch == 1 && expected.keys.len() == 1, "the release revokes {expected}");
    let state = unit.card.state()?.state;
    ensure!(state.revocations == expected, "after the confirmation: {state:?}");
    for status in ["sluice update status", "sluice status"] {
        let said = unit.ask(status)?;
        ensure!(said.contains(&expected.to_string()), "`{status}` does not show {expected}: {said}");
    }
    refuses(unit, "next", "--allow-downgrade", REVOKED_KEY, TWO)?;
    // The release before has the leaked key in its slot, and does not accept it either.
    unit.ask("sluice update rollback")?;
    restart_into(unit, TWO)?;
    refuses(unit, "next", "--allow-downgrade", REVOKED_KEY, ONE)?;
    refuses(unit, "key-new", "--allow-downgrade", KEY_EPOCH, ONE)?;
    ensure!(unit.card.state()?.state.revocations == expected, "the roll-back has changed the keys");
    update(unit, "key-leaked", ONE)?;
    unit.cut_power()
}

fn downgrade(unit: &mut Unit<'_>) -> Result<()> {
    up(unit, ONE)?;
    let floor = unit.card.state()?.state.floor.context("a new unit has no version floor")?;
    ensure!(floor.to_string() == unit.rig.version_of("base")?, "the floor of a new unit is {floor}");
    refuses(unit, "jump", "--allow-downgrade", JUMP, TWO)?;
    update(unit, "next", TWO)?;
    refuses(unit, "base", "--allow-jump", DOWNGRADE, ONE)?;
    update(unit, "other", ONE)?;
    refuses(unit, "base", "--allow-downgrade", FLOOR, TWO)?;
    unit.cut_power()
}

fn floor_lowered(unit: &mut Unit<'_>) -> Result<()> {
    let mistake = Version::new(99, 0, 0);
    let floor = Some(mistake.clone());
    unit.card.change_state(|state| anyhow::Ok(BootState { floor, ..state.clone() }))?;
    up(unit, ONE)?;
    refuses(unit, "next", "--allow-downgrade", FLOOR, TWO)?;
    install(unit, "lowered", TWO)?;
    restart_into(unit, TWO)?;
    let state = unit.card.state()?.state;
    ensure!(state.floor == Some(mistake), "the floor fell before the confirmation: {state:?}");
    unit.ask("sluice update confirm")?;
    let state = unit.card.state()?.state;
    let version = unit.rig.version_of("lowered")?;
    ensure!(state.floor.as_ref().is_some_and(|floor| floor.to_string() == version), "{state:?}");
    refuses(unit, "next", "--allow-downgrade", FLOOR, ONE)?;
    install(unit, "lowered", ONE)?;
    unit.cut_power()
}
