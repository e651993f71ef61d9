//! What must hold before the first write, besides what the boot state and the signature ensure.

use bsd_disk::units::Sectors;
use firmware::release::Release;
use firmware::slot::Slot;
use semver::Version;

use super::error::UpdateError;
use super::payload::Candidate;

/// The unit and slot that an update is for.
pub struct Target<'a> {
    /// The running release.
    pub release: &'a Release,
    /// The lowest version that may be installed.
    pub floor: Option<&'a Version>,
    /// The slot.
    pub slot: Slot,
    /// The size of its slice, less the sector of its label.
    pub size: Sectors,
    /// The version of the disk layout.
    pub layout: u32,
    /// Whether a version older than the running one may be installed.
    pub allow_downgrade: bool,
}

/// Checks that `candidate` may be installed there.
///
/// # Errors
/// The first reason against it.
pub fn check(candidate: &Candidate, target: &Target) -> Result<(), UpdateError> {
    let Target { release, floor, slot, size, layout, allow_downgrade } = *target;
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
    let running = Version::parse(&release.version).ok();
    let runs_since =
        |version: &Version| running.as_ref().map(|running| running.cmp_precedence(version).is_ge());
    if let Some(minimum) = &candidate.minimum
        && runs_since(minimum) != Some(true)
    {
        return Err(UpdateError::Minimum { minimum: minimum.clone(), running: release.version.clone() });
    }
    if let Some(floor) = floor.filter(|floor| candidate.version.cmp_precedence(floor).is_lt()) {
        return Err(UpdateError::Floor { version: candidate.version.clone(), floor: floor.clone() });
    }
    let is_older = running.is_some_and(|running| candidate.version.cmp_precedence(&running).is_lt());
    if is_older && !allow_downgrade {
        let (version, running) = (candidate.version.clone(), release.version.clone());
        return Err(UpdateError::Downgrade { version, running });
    }
    Ok(())
}
