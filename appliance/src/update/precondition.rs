//! What must hold before the first write, besides what the boot state and the signature ensure.

use bsd_disk::units::Sectors;
use firmware::bundle::KeyId;
use firmware::release::Release;
use firmware::slot::Slot;
use firmware::state::BootState;
use semver::Version;

use super::error::UpdateError;
use super::payload::Candidate;

/// The unit and slot that an update is for.
pub struct Target<'a> {
    /// The running release.
    pub release: &'a Release,
    /// The keys in its slot.
    pub trusted: &'a [KeyId],
    /// The boot state: the version floor, the key epoch and the revoked keys.
    pub state: &'a BootState,
    /// The slot.
    pub slot: Slot,
    /// The size of its slice, less the sector of its label.
    pub size: Sectors,
    /// The version of the disk layout.
    pub layout: u32,
    /// What may be installed although it is unusual.
    pub allowed: Allowed,
}

/// What may be installed although it is unusual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// A version older than the running one.
    pub downgrade: bool,
    /// A version more than one major version after the running one.
    pub jump: bool,
}

/// Checks that `candidate` may be installed there.
///
/// # Errors
/// The first reason against it.
pub fn check(candidate: &Candidate, target: &Target) -> Result<(), UpdateError> {
    check_unit(candidate, target)?;
    let Target { release, trusted, state, .. } = target;
    let own = release.revocations();
    // An image that is not signed says nothing of keys.
    if let Some(update) = &candidate.revocations {
        state.check_trust(&own, trusted.iter().copied(), update)?;
    }
    check_version(candidate, target)
}

/// Whether the update is for this unit and slot.
fn check_unit(candidate: &Candidate, target: &Target) -> Result<(), UpdateError> {
    let Target { release, slot, size, layout, .. } = *target;
    if candidate.product != release.product {
        let (theirs, ours) = (candidate.product.clone(), release.product.clone());
        return Err(UpdateError::Product { theirs, ours });
    }
    if candidate.board != release.board {
        let (theirs, ours) = (candidate.board.clone(), release.board.clone());
        return Err(UpdateError::Board { theirs, ours });
    }
    if let Some(layouts) = candidate.layouts.as_ref().filter(|layouts| !layouts.contains(&layout)) {
        let theirs = layouts.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        return Err(UpdateError::Layout { theirs, ours: layout });
    }
    if candidate.size > size {
        return Err(UpdateError::TooLarge { needed: candidate.size, slot, size });
    }
    if let Some(theirs) = candidate.config_version.filter(|theirs| *theirs < release.config_version) {
        return Err(UpdateError::Configuration { theirs, ours: release.config_version });
    }
    Ok(())
}

/// Whether a unit with this version and version floor may get the version of the update.
fn check_version(candidate: &Candidate, target: &Target) -> Result<(), UpdateError> {
    let Target { release, state, allowed, .. } = target;
    let running = Version::parse(&release.version).ok();
    let runs_since =
        |version: &Version| running.as_ref().map(|running| running.cmp_precedence(version).is_ge());
    if let Some(minimum) = &candidate.minimum
        && runs_since(minimum) != Some(true)
    {
        return Err(UpdateError::Minimum { minimum: minimum.clone(), running: release.version.clone() });
    }
    let version = candidate.version.clone();
    if let Some(floor) = state.floor.clone().filter(|_| state.is_below_floor(&version))
        // A release that names exactly this floor was signed to replace it.
        && !candidate.lowers_floors.contains(&floor.to_string())
    {
        return Err(UpdateError::Floor { version, floor });
    }
    let Some(running) = running else { return Ok(()) };
    if version.cmp_precedence(&running).is_lt() && !allowed.downgrade {
        return Err(UpdateError::Downgrade { version, running: release.version.clone() });
    }
    if version.major > running.major.saturating_add(1) && !allowed.jump {
        return Err(UpdateError::Jump { version, running: release.version.clone() });
    }
    Ok(())
}
