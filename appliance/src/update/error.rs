//! Why an update is refused or failed, and the exit code of each reason.

use std::io;

use bsd_disk::units::Sectors;
use firmware::bundle::BundleError;
use firmware::slot::Slot;
use firmware::state::TrustError;
use firmware::state::store::StoreError;
use firmware::state::transition::TransitionError;
use semver::Version;

use super::exit_code::ExitCode;
use crate::disk::Program;

/// Why an update, or another change of the boot state, did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Something is wrong with the running system.
    #[error("{0}")]
    System(String),
    /// The update cannot be opened or fetched.
    #[error("{attempt}: {error}")]
    Source {
        /// What was attempted.
        attempt: String,
        /// The cause.
        error: io::Error,
    },
    /// The input is not a bundle, or not a trusted one.
    #[error(transparent)]
    Bundle(BundleError),
    /// The update is for another product.
    #[error("this update is for the product `{theirs}`; this unit is a `{ours}`")]
    Product {
        /// The update's.
        theirs: String,
        /// The unit's.
        ours: String,
    },
    /// The update is for another board.
    #[error("this update is for the board `{theirs}`; this unit has the board `{ours}`")]
    Board {
        /// The update's.
        theirs: String,
        /// The unit's.
        ours: String,
    },
    /// The update is for another disk layout.
    #[error(
        "this update is for disk layout {theirs}; this unit has layout {ours}\nhint: write a full image to its card instead"
    )]
    Layout {
        /// The update's, separated by commas.
        theirs: String,
        /// The unit's.
        ours: u32,
    },
    /// The update does not fit.
    #[error("this update needs a slot of {needed}; slot {slot} has {size}")]
    TooLarge {
        /// The size of the image.
        needed: Sectors,
        /// The target.
        slot: Slot,
        /// The size of the target.
        size: Sectors,
    },
    /// The update is older than a version that was confirmed.
    #[error(
        "this update has version {version}; this unit accepts no version older than {floor}\nhint: install {floor} or later; if \
         that floor was a mistake, a release has to name it in `lowers_floors`"
    )]
    Floor {
        /// The update's version.
        version: Version,
        /// The version floor.
        floor: Version,
    },
    /// The update is older than the running version.
    #[error(
        "this update has version {version}, which is older than the running {running}\nhint: add `--allow-downgrade` to \
         install it nevertheless"
    )]
    Downgrade {
        /// The update's version.
        version: Version,
        /// The running version.
        running: String,
    },
    /// The update skips a major version.
    #[error(
        "this update has version {version}, more than one major version after the running {running}; once it was confirmed, \
         the versions in between could not be installed any more\n\
         hint: install a version in between first, or add `--allow-jump` if the version is no mistake"
    )]
    Jump {
        /// The update's version.
        version: Version,
        /// The running version.
        running: String,
    },
    /// The unit cannot accept what the update says of keys.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The release has failed on this unit.
    #[error(
        "this release, version {version}, has failed on this unit: it was started and never confirmed, or rolled back\n\
         hint: install another release, or add `--again` to try it again"
    )]
    FailedHere {
        /// The update's version.
        version: Version,
    },
    /// The running version is too old for the update.
    #[error(
        "this update requires version {minimum} or later; this unit runs {running}\nhint: install a version in between first"
    )]
    Minimum {
        /// The minimum that the update requires.
        minimum: Version,
        /// The running version.
        running: String,
    },
    /// The update is from before a change of the configuration.
    #[error(
        "this update knows configuration version {theirs}; the configuration saved on this unit has version {ours}, which it may \
         not be able to read"
    )]
    Configuration {
        /// The version that the update writes.
        theirs: u32,
        /// The version that the running release writes.
        ours: u32,
    },
    /// A signal asked the command to stop before anything was changed.
    #[error("stopped by {signal}; nothing was changed")]
    Stopped {
        /// The name of the signal.
        signal: &'static str,
    },
    /// The boot state does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// Another process holds the lock.
    #[error(
        "another update or change of the boot state is in progress on this unit\nhint: wait until it has finished"
    )]
    Locked,
    /// The boot state cannot be read or written.
    #[error(transparent)]
    State(#[from] StoreError),
    /// The slot is mounted, so that its blocks would change under a file system.
    #[error("slot {slot} is mounted on {at}\nhint: run `umount {at}`")]
    SlotMounted {
        /// The slot.
        slot: Slot,
        /// Its mount point.
        at: String,
    },
    /// The slot cannot be opened or read.
    #[error("opening slot {slot}: {error}")]
    SlotDevice {
        /// The slot.
        slot: Slot,
        /// The cause.
        error: io::Error,
    },
    /// The boot program of the card, which is not Sluice's, could not be made to start this slot only.
    #[error(
        "the card could not be made to start slot {slot} only: {reason}; {found}\nhint: run `{hint}` and try again"
    )]
    NotStarting {
        /// The slot.
        slot: Slot,
        /// Why.
        reason: String,
        /// What starts now.
        found: String,
        /// The commands that do it.
        hint: String,
    },
    /// The slot is not complete, on a card without a boot state.
    #[error("slot {slot} cannot start: {defect}\nhint: install an update in it")]
    NotComplete {
        /// The slot.
        slot: Slot,
        /// What is missing.
        defect: &'static str,
    },
    /// There is nothing to confirm on a card without a boot state.
    #[error("there is nothing to confirm: {disk} has {program}, so there is no trial and no boot state")]
    NoTrials {
        /// The name of the disk.
        disk: String,
        /// The boot program.
        program: Program,
    },
    /// The installation failed after the first write, on a card without a boot state.
    #[error(
        "slot {target} is incomplete and cannot start, slot {running} keeps running and starts next: {fault}\n\
         hint: install the update again"
    )]
    Unbootable {
        /// The slot that was being written.
        target: Slot,
        /// The running slot.
        running: Slot,
        /// The cause.
        fault: Fault,
    },
    /// The installation failed after the first write.
    #[error(
        "slot {target} is incomplete and marked bad, slot {running} keeps running and starts next: {fault}\n\
         hint: install the update again"
    )]
    Incomplete {
        /// The slot that was being written.
        target: Slot,
        /// The running slot.
        running: Slot,
        /// The cause.
        fault: Fault,
    },
    /// The slot was written and checked, but the boot state on the card is still the one from before.
    #[error(
        "slot {target} is complete, but its trial could not be saved, so it is still marked bad; slot {running} keeps running \
         and starts next: {error}\nhint: install the update again; if that does not help, replace the card"
    )]
    NotArmed {
        /// The slot.
        target: Slot,
        /// The running slot.
        running: Slot,
        /// The cause.
        error: StoreError,
    },
    /// The slot was written and checked, but the boot state on the card cannot be read, or is neither the one from before
    /// nor the one that was saved.
    #[error(
        "slot {target} is complete, but saving its trial failed ({error}), and now {found}\nhint: run `sluice update status` \
         before a reboot; if it fails too, replace the card"
    )]
    Unclear {
        /// The slot.
        target: Slot,
        /// The cause.
        error: StoreError,
        /// What is on the card.
        found: String,
    },
}

/// What goes wrong while a slot is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The update is damaged or ends too early.
    #[error(transparent)]
    Bundle(BundleError),
    /// The disk reported an error.
    #[error("{attempt} sector {at} of the slot: {error}", at = at.0)]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The sector, from the start of the slot.
        at: Sectors,
        /// The disk's error.
        error: io::Error,
    },
    /// The disk reported an error when its cache was flushed.
    #[error("flushing the slot to the card: {0}")]
    Flush(io::Error),
    /// The disk lost or changed what was written.
    #[error("sector {at} of the slot does not read back as it was written: the card is failing", at = at.0)]
    ReadBack {
        /// The first sector that was compared, from the start of the slot.
        at: Sectors,
    },
    /// A signal asked the command to stop.
    #[error("stopped by {0}")]
    Stopped(&'static str),
}

impl UpdateError {
    /// The exit code.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::System(_) => ExitCode::Other,
            Self::Bundle(error) => bundle_code(error),
            Self::Source { .. } => ExitCode::Source,
            Self::Stopped { .. } => ExitCode::Stopped,
            Self::Product { .. } => ExitCode::Product,
            Self::Board { .. } => ExitCode::Board,
            Self::Layout { .. } => ExitCode::Layout,
            Self::TooLarge { .. } => ExitCode::TooLarge,
            Self::Floor { .. } | Self::Transition(TransitionError::BelowFloor(_)) => ExitCode::Floor,
            Self::Downgrade { .. } => ExitCode::Downgrade,
            Self::Jump { .. } => ExitCode::Jump,
            Self::Trust(TrustError::Epoch { .. }) => ExitCode::KeyEpoch,
            Self::Trust(_) => ExitCode::KeyRoom,
            Self::FailedHere { .. } | Self::Transition(TransitionError::Failed { .. }) => {
                ExitCode::FailedHere
            }
            Self::Minimum { .. } => ExitCode::Minimum,
            Self::Configuration { .. } => ExitCode::Configuration,
            Self::Transition(TransitionError::Running(_)) => ExitCode::Running,
            Self::Locked => ExitCode::Locked,
            Self::Transition(TransitionError::OnTrial(_) | TransitionError::Unproven { .. }) => {
                ExitCode::OnTrial
            }
            Self::State(_) => ExitCode::BootState,
            Self::SlotDevice { .. } | Self::SlotMounted { .. } => ExitCode::SlotInUse,
            Self::Transition(_) | Self::NotComplete { .. } | Self::NoTrials { .. } => ExitCode::NotPossible,
            Self::NotStarting { .. } => ExitCode::NotStarting,
            Self::Incomplete { fault, .. } | Self::Unbootable { fault, .. } => fault.code(),
            Self::NotArmed { error: StoreError::ReadBack { .. }, .. } => ExitCode::ReadBack,
            Self::NotArmed { .. } => ExitCode::DiskError,
            Self::Unclear { .. } => ExitCode::Unclear,
        }
    }
}

impl Fault {
    fn code(&self) -> ExitCode {
        match self {
            Self::Bundle(BundleError::Truncated { .. } | BundleError::Io(_)) => ExitCode::EndedEarly,
            Self::Bundle(_) => ExitCode::ChunkDamaged,
            Self::Disk { .. } | Self::Flush(_) => ExitCode::DiskError,
            Self::ReadBack { .. } => ExitCode::ReadBack,
            Self::Stopped(_) => ExitCode::StoppedWriting,
        }
    }
}

/// The exit code of a bundle that is refused before the first write.
fn bundle_code(error: &BundleError) -> ExitCode {
    match error {
        BundleError::NotABundle => ExitCode::NotAnUpdate,
        BundleError::SlotImage => ExitCode::Unsigned,
        BundleError::Truncated { .. } => ExitCode::Truncated,
        BundleError::Format { .. } => ExitCode::Format,
        BundleError::UnknownKey { .. } => ExitCode::UnknownKey,
        BundleError::RevokedKey { .. } => ExitCode::RevokedKey,
        BundleError::SignatureInvalid | BundleError::NotASignature => ExitCode::Signature,
        BundleError::Io(_) => ExitCode::Source,
        _ => ExitCode::Invalid,
    }
}
