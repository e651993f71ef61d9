//! The scenarios, by what they are about.

mod boot;
mod update;

use super::{Scenario, World};

/// Every scenario that a world can play.
pub fn of(world: World) -> Vec<Scenario> {
    let all = boot::SCENARIOS.iter().chain(update::SCENARIOS);
    all.filter(|scenario| world == World::FreeBsd || !scenario.needs_freebsd).copied().collect()
}

/// A scenario that any world can play.
const fn any(
    name: &'static str,
    promise: &'static str,
    run: fn(&mut super::unit::Unit<'_>) -> anyhow::Result<()>,
) -> Scenario {
    Scenario { name, promise, needs_freebsd: false, run }
}

/// A scenario of a running system.
const fn freebsd(
    name: &'static str,
    promise: &'static str,
    run: fn(&mut super::unit::Unit<'_>) -> anyhow::Result<()>,
) -> Scenario {
    Scenario { name, promise, needs_freebsd: true, run }
}
