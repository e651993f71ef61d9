//! The scenarios, grouped by topic.

mod boot;
mod keys;
mod saved_configuration;
mod update;

use crate::rig::World;
use crate::scenario::{Needs, Scenario};

/// All scenarios that a world can play.
pub fn of(world: World) -> Vec<Scenario> {
    let updates = update::SCENARIOS.iter().chain(keys::SCENARIOS);
    let all = boot::SCENARIOS.iter().chain(updates).chain(saved_configuration::SCENARIOS);
    all.filter(|scenario| world == World::FreeBsd || scenario.needs == Needs::Card).copied().collect()
}
