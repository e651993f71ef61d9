//! The scenarios, grouped by topic.

mod boot;
mod saved_configuration;
mod update;

use crate::rig::World;
use crate::scenario::{Needs, Scenario};

/// All scenarios that a world can play.
pub fn of(world: World) -> Vec<Scenario> {
    let all = boot::SCENARIOS.iter().chain(update::SCENARIOS).chain(saved_configuration::SCENARIOS);
    all.filter(|scenario| world == World::FreeBsd || scenario.needs == Needs::Card).copied().collect()
}
