//! A scenario.

use anyhow::Result;

use crate::unit::Unit;

/// The story of one unit.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, by which it can be chosen.
    pub name: &'static str,
    /// The promise that it checks, in one line.
    pub promise: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Whether its card has FreeBSD's boot0sio and not Sluice's boot manager.
    pub on_boot0: bool,
    /// Plays it.
    pub run: fn(&mut Unit<'_>) -> Result<()>,
}

/// What a scenario needs; each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A card of any world.
    Card,
    /// A running FreeBSD.
    FreeBsd,
    /// Bundles to install in a running FreeBSD.
    Bundles,
}

impl Scenario {
    /// A scenario with what it needs.
    pub(crate) const fn new(
        needs: Needs,
        name: &'static str,
        promise: &'static str,
        run: fn(&mut Unit<'_>) -> Result<()>,
    ) -> Self {
        Self { name, promise, needs, on_boot0: false, run }
    }

    /// The same, on a card with FreeBSD's boot0sio.
    pub(crate) const fn on_boot0(self) -> Self {
        Self { on_boot0: true, ..self }
    }
}
