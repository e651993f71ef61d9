//! Why an update is refused or failed, and the exit code of each reason.
//!
//! Invariant: the codes below 50 mean that no byte of a slot was changed; with those from 50 on, the target slot is left
//! marked bad and the running one is what starts. Scripts rely on the codes: one never gets another meaning.

use std::io;
use std::path::PathBuf;

use bsd_disk::units::Sectors;
use firmware::bundle::BundleError;
use firmware::slot::Slot;
use firmware::state::store::StoreError;
use firmware::state::transition::TransitionError;
use semver::Version;

/// Every exit code of `sluice update`, as help and documentation tell them.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed otherwise: not root, or this system does not know what it is"),
    (20, "what was given is no update"),
    (21, "it is the image of a slot or disk, which carries no signature"),
    (22, "it ends before its first chunk"),
    (23, "it has a newer format"),
    (24, "its header or manifest is damaged or makes no sense"),
    (25, "it is signed with a key that is not trusted here"),
    (26, "its signature does not hold"),
    (27, "it cannot be opened, fetched or read"),
    (30, "it is for another product"),
    (31, "it is for another board"),
    (32, "it is for another disk layout"),
    (33, "it is larger than the slot"),
    (34, "it is older than the version floor"),
    (35, "the running version is older than it wants to come from"),
    (36, "it may not understand the saved configuration"),
    (40, "the slot is the running one"),
    (41, "another update is under way"),
    (42, "the running slot is on trial, or marked bad"),
    (43, "the boot state cannot be read, or the card cannot be written"),
    (44, "/cfg is mounted for writing"),
    (45, "the slot is mounted, or cannot be opened or read"),
    (46, "there is nothing to confirm, or the slot asked for is marked bad"),
    (50, "a chunk is damaged; slot left bad"),
    (51, "the update ended or broke off too early; slot left bad"),
    (52, "the disk reports an error; slot left bad"),
    (53, "the disk does not hold what was written; slot left bad"),
    (60, "verify: of a slot it is not known what it should hold"),
    (61, "verify: a slot does not hold what was installed"),
    (64, "wrong usage"),
];

/// The boot state is not there.
pub const STATE: u8 = 43;
/// Done.
pub const DONE: u8 = 0;
/// What a slot should hold is not known.
pub const NOT_KNOWN: u8 = 60;
/// A slot does not hold what was installed, which weighs more.
pub const DIFFERS: u8 = 61;

/// Why an update, or another change of what starts, did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Something of the running system is not as it should be.
    #[error("{0}")]
    System(String),
    /// The update cannot be had.
    #[error("{attempt}: {error}")]
    Source {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        error: io::Error,
    },
    /// It is no bundle, or none that can be trusted.
    #[error(transparent)]
    Bundle(BundleError),
    /// For another product.
    #[error("this update is for the product `{theirs}`, this unit is a `{ours}`")]
    Product {
        /// What the update says.
        theirs: String,
        /// What runs here.
        ours: String,
    },
    /// For another board.
    #[error("this update is for the board `{theirs}`, this unit is a `{ours}`")]
    Board {
        /// What the update says.
        theirs: String,
        /// What runs here.
        ours: String,
    },
    /// For disks that are laid out otherwise.
    #[error(
        "this update is for disks of layout {theirs}, this unit has layout {ours}; its card has to be written anew"
    )]
    Layout {
        /// What the update says.
        theirs: String,
        /// What this unit has.
        ours: u32,
    },
    /// It does not fit.
    #[error("this update needs a slot of {needed}, slot {slot} has {size}")]
    TooLarge {
        /// The image.
        needed: Sectors,
        /// Where it should go.
        slot: Slot,
        /// What there is.
        size: Sectors,
    },
    /// Older than what was confirmed once.
    #[error(
        "this update has version {version}, and nothing older than {floor} may be installed on this unit any more"
    )]
    Floor {
        /// The update's.
        version: Version,
        /// The least.
        floor: Version,
    },
    /// Too large a step.
    #[error(
        "this update wants to come from version {minimum} or later, {running} runs here; install one in between first"
    )]
    Minimum {
        /// The least to come from.
        minimum: Version,
        /// What runs.
        running: String,
    },
    /// A step back over a change of the configuration.
    #[error(
        "this update writes configurations of version {theirs}, what is saved on this unit has version {ours}, which it may not \
         be able to read"
    )]
    Configuration {
        /// The update's.
        theirs: u32,
        /// The running release's.
        ours: u32,
    },
    /// The boot state says no.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// One at a time.
    #[error("another update or change of what starts is under way on this unit; wait until it has ended")]
    Locked,
    /// The boot state.
    #[error(transparent)]
    State(#[from] StoreError),
    /// Where the boot state lies cannot be opened.
    #[error("opening {path}, where the boot state is: {error}")]
    StateDevice {
        /// The slice.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The kernel lets nobody write to what is mounted for writing.
    #[error("/cfg is mounted for writing, and the boot state lies on the same slice; say `umount /cfg`")]
    CfgMounted,
    /// Somebody looks at what would change.
    #[error("slot {slot} is mounted on {at}; say `umount {at}`")]
    SlotMounted {
        /// Which.
        slot: Slot,
        /// Where.
        at: String,
    },
    /// The slot cannot be opened or read.
    #[error("opening slot {slot}: {error}")]
    SlotDevice {
        /// Which.
        slot: Slot,
        /// Why.
        error: io::Error,
    },
    /// It failed after the first write.
    #[error(
        "{fault}; slot {target} is incomplete and marked bad, slot {running} goes on and starts next: install again"
    )]
    Incomplete {
        /// The slot that was written.
        target: Slot,
        /// The slot that runs.
        running: Slot,
        /// Why.
        fault: Fault,
    },
}

/// What goes wrong while a slot is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The update itself.
    #[error(transparent)]
    Bundle(BundleError),
    /// The disk says so.
    #[error("{attempt} sector {at} of the slot: {error}", at = at.0)]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// Where, from the start of the slot.
        at: Sectors,
        /// What the disk says.
        error: io::Error,
    },
    /// The disk does not say so.
    #[error("what was written from sector {at} of the slot on reads back as something else: the card is failing", at = at.0)]
    ReadBack {
        /// Where, from the start of the slot.
        at: Sectors,
    },
    /// All is written, and the boot state is not.
    #[error(transparent)]
    State(#[from] StoreError),
}

impl UpdateError {
    /// Its exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::System(_) => 1,
            Self::Bundle(error) => bundle_code(error),
            Self::Source { .. } => 27,
            Self::Product { .. } => 30,
            Self::Board { .. } => 31,
            Self::Layout { .. } => 32,
            Self::TooLarge { .. } => 33,
            Self::Floor { .. } => 34,
            Self::Minimum { .. } => 35,
            Self::Configuration { .. } => 36,
            Self::Transition(TransitionError::Running(_)) => 40,
            Self::Locked => 41,
            Self::Transition(TransitionError::OnTrial(_) | TransitionError::RunningBad(_)) => 42,
            Self::State(_) | Self::StateDevice { .. } => STATE,
            Self::CfgMounted => 44,
            Self::SlotDevice { .. } | Self::SlotMounted { .. } => 45,
            Self::Transition(_) => 46,
            Self::Incomplete { fault, .. } => fault.code(),
        }
    }
}

impl Fault {
    fn code(&self) -> u8 {
        match self {
            Self::Bundle(BundleError::Truncated { .. } | BundleError::Io(_)) => 51,
            Self::Bundle(_) => 50,
            Self::Disk { .. } => 52,
            Self::ReadBack { .. } | Self::State(StoreError::ReadBack { .. }) => 53,
            Self::State(_) => 52,
        }
    }
}

/// Before the first write.
fn bundle_code(error: &BundleError) -> u8 {
    match error {
        BundleError::NotABundle => 20,
        BundleError::SlotImage => 21,
        BundleError::Truncated { .. } => 22,
        BundleError::Format { .. } => 23,
        BundleError::UnknownKey { .. } => 25,
        BundleError::SignatureInvalid | BundleError::NotASignature => 26,
        BundleError::Io(_) => 27,
        _ => 24,
    }
}
