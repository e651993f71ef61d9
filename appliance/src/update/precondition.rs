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
}

/// Checks that `candidate` may be installed there.
///
/// # Errors
/// The first reason against it.
pub fn check(candidate: &Candidate, target: &Target) -> Result<(), UpdateError> {
    let Target { release, floor, slot, size, layout } = *target;
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
    if let Some(minimum) = &candidate.minimum
        && !Version::parse(&release.version).is_ok_and(|running| running.cmp_precedence(minimum).is_ge())
    {
        return Err(UpdateError::Minimum { minimum: minimum.clone(), running: release.version.clone() });
    }
    if let Some(floor) = floor.filter(|floor| candidate.version.cmp_precedence(floor).is_lt()) {
        return Err(UpdateError::Floor { version: candidate.version.clone(), floor: floor.clone() });
    }
    Ok(())
}
