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
    /// Whether it needs a running FreeBSD.
    pub needs_freebsd: bool,
    /// Whether it installs the bundles of the rig.
    pub needs_bundles: bool,
    /// Plays it.
    pub run: fn(&mut Unit<'_>) -> Result<()>,
}

impl Scenario {
    /// A scenario that any world can play.
    pub(crate) const fn any(
        name: &'static str,
        promise: &'static str,
        run: fn(&mut Unit<'_>) -> Result<()>,
    ) -> Self {
        Self { name, promise, needs_freebsd: false, needs_bundles: false, run }
    }

    /// A scenario of a running system.
    pub(crate) const fn freebsd(
        name: &'static str,
        promise: &'static str,
        run: fn(&mut Unit<'_>) -> Result<()>,
    ) -> Self {
        Self { name, promise, needs_freebsd: true, needs_bundles: false, run }
    }

    /// A scenario of a running system that is updated.
    pub(crate) const fn update(
        name: &'static str,
        promise: &'static str,
        run: fn(&mut Unit<'_>) -> Result<()>,
    ) -> Self {
        Self { name, promise, needs_freebsd: true, needs_bundles: true, run }
    }
}
