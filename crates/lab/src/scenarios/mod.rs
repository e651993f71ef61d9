//! The scenarios, grouped by topic.

mod boot;
mod boot0;
mod keys;
mod saved_configuration;
mod states;
mod surroundings;
mod unattended;
mod unreadable;
mod update;

use crate::rig::World;
use crate::scenario::{Needs, Scenario};

/// All scenarios that a world can play.
pub fn of(world: World) -> Vec<Scenario> {
    let mut all = [
        boot::SCENARIOS,
        unreadable::SCENARIOS,
        unattended::SCENARIOS,
        update::SCENARIOS,
        surroundings::SCENARIOS,
        keys::SCENARIOS,
        boot0::SCENARIOS,
        saved_configuration::SCENARIOS,
    ]
    .concat();
    all.retain(|scenario| world == World::FreeBsd || scenario.needs == Needs::Card);
    all
}

#[cfg(test)]
mod tests {
    use std::fs;

    use builder::workspace;

    use super::*;

    /// The scenarios that a row of docs/faults.md names, and whether each runs in the miniature world.
    fn named(row: &str) -> Vec<(&str, bool)> {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names = cell.split(',').map(str::trim);
        names.map(|name| (name.trim_end_matches('*').trim_matches('`'), name.ends_with('*'))).collect()
    }

    #[test]
    fn every_fault_that_is_documented_has_its_scenario() {
        let page = fs::read_to_string(workspace::root().join("docs/faults.md")).unwrap();
        let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault "));
        let scenarios = of(World::FreeBsd);
        let mut count = 0;
        for (name, is_miniature) in rows.flat_map(named) {
            let scenario = scenarios.iter().find(|scenario| scenario.name == name);
            let needs = scenario.unwrap_or_else(|| panic!("there is no scenario `{name}`")).needs;
            assert_eq!(needs == Needs::Card, is_miniature, "{name}");
            count += 1;
        }
        assert!(count > 20, "only {count} rows");
    }
}
