//! Bundles and manifests that are refused.

use bsd_disk::units::Sectors;

use super::limits::{CHUNK_SECTORS_MAX, CHUNK_SECTORS_MIN, LAYOUTS_MAX};
use super::signature::SignatureError;
use crate::key_id::KeyId;
use crate::revocations::RevocationsError;

/// A bundle that is refused. Every chunk is checked by itself, so the data returned before the error can be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file is not a bundle.
    #[error(
        "reading a bundle: this is not a bundle, because it does not start with `SluiceFw`\nhint: use a .fw file as the builder \
         made it"
    )]
    NotABundle,
    /// The file starts like the image of a slot or of a disk.
    #[error(
        "reading a bundle: this is the image of a slot or of a whole disk, which carries no signature\nhint: use the .fw file \
         of the same build"
    )]
    SlotImage,
    /// The bundle ends too early.
    #[error(
        "reading a bundle: it ends in the middle of {what}; the file is incomplete\nhint: download it again"
    )]
    Truncated {
        /// The incomplete part: `the header`, `the manifest`, `the signature`, `chunk 7`.
        what: String,
    },
    /// The format is newer than this code.
    #[error(
        "reading a bundle: format {found} is not supported, only {known}\nhint: first update to a release between the two"
    )]
    Format {
        /// The format version found.
        found: u32,
        /// The format version supported.
        known: u32,
    },
    /// The header's checksum is wrong, or a field has a value that format 1 does not allow.
    #[error("reading a bundle: its header is damaged\nhint: download it again")]
    HeaderDamaged,
    /// A part is larger than any that the builder makes.
    #[error(
        "reading a bundle: its {what} has {bytes} bytes, more than the {most} allowed; no builder made this"
    )]
    TooLarge {
        /// `manifest` or `signature`.
        what: &'static str,
        /// The size that the header gives.
        bytes: u64,
        /// The largest size allowed.
        most: u64,
    },
    /// The bundle is signed with a key that is not trusted here.
    #[error(
        "checking a bundle: it is signed with the key {id}, which is not among the trusted keys\nhint: use a bundle for this \
         product, or first install a release that adds this key"
    )]
    UnknownKey {
        /// The key that the signature names.
        id: KeyId,
    },
    /// The bundle is signed with a key that was revoked.
    #[error(
        "checking a bundle: it is signed with the key {id}, which has been revoked on this unit\nhint: use a bundle that is \
         signed with another key; whoever made this one may not be who you think"
    )]
    RevokedKey {
        /// The key that the signature names.
        id: KeyId,
    },
    /// The signature does not match the manifest.
    #[error(
        "checking a bundle: its signature does not match; the manifest was changed after it was signed\nhint: download it \
         again; if that does not help, ask whoever made it"
    )]
    SignatureInvalid,
    /// There is no valid signature in the place of the signature.
    #[error("checking a bundle: it has no minisign signature where one should be\nhint: download it again")]
    NotASignature,
    /// The manifest has a valid signature but is not valid itself.
    #[error(
        "reading the manifest of a bundle: {reason}; this is what was signed, so the fault is in the builder that made it, not \
         in the transfer"
    )]
    Manifest {
        /// The fault of the manifest.
        #[from]
        reason: ManifestError,
    },
    /// A chunk does not match the manifest.
    #[error("reading a bundle: chunk {index} is damaged\nhint: download the bundle again")]
    ChunkDamaged {
        /// The index of the chunk, from 0.
        index: u32,
    },
    /// There is data after the last chunk.
    #[error(
        "reading a bundle: there is data after its last chunk; it was not put together correctly\nhint: download it again"
    )]
    TrailingData,
    /// Reading already failed before.
    #[error("reading a bundle: reading stopped at an earlier error\nhint: open it again")]
    GivenUp,
    /// The stream cannot be read.
    #[error("reading a bundle: {0}")]
    Io(#[from] std::io::Error),
}

impl From<SignatureError> for BundleError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::NotASignature => Self::NotASignature,
            SignatureError::UnknownKey { id } => Self::UnknownKey { id },
            SignatureError::Revoked { id } => Self::RevokedKey { id },
            SignatureError::Invalid => Self::SignatureInvalid,
        }
    }
}

/// The fault of an invalid manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not JSON, a field is missing, or a field has the wrong type.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A text is too long, not printable ASCII, or empty although it is required.
    #[error("its {field} is not printable ASCII of {least} to {most} bytes")]
    Text {
        /// The name of the field.
        field: &'static str,
        /// The least bytes allowed.
        least: usize,
        /// The most bytes allowed.
        most: usize,
    },
    /// A version is invalid.
    #[error("its {field} `{value}` is not a valid version ({error})")]
    Version {
        /// The name of the field.
        field: &'static str,
        /// The value of the field.
        value: String,
        /// The error of the version parser.
        error: semver::Error,
    },
    /// There is no layout, or there are too many.
    #[error("it names {count} layouts; 1 to {LAYOUTS_MAX} are allowed")]
    Layouts {
        /// The number of layouts.
        count: usize,
    },
    /// The key epoch or the revoked keys are out of range.
    #[error("{0}")]
    Revocations(#[from] RevocationsError),
    /// The slot is too small for its header.
    #[error("a slot of {size} has no room for its header")]
    SlotSize {
        /// The size of the slot.
        size: Sectors,
    },
    /// The chunk size is not one that a builder makes.
    #[error(
        "its chunks have {sectors} sectors; powers of two from {CHUNK_SECTORS_MIN} to {CHUNK_SECTORS_MAX} are allowed"
    )]
    ChunkSize {
        /// Sectors per chunk.
        sectors: u32,
    },
    /// The number of chunks does not match the size of the slot.
    #[error("it has {found} chunks; a slot of {size} has {expected}")]
    ChunkCount {
        /// The number of chunks found.
        found: u64,
        /// The number of chunks in a slot of this size.
        expected: u32,
        /// The size of the slot.
        size: Sectors,
    },
    /// A stored chunk is empty, or larger than in the slot.
    #[error("chunk {index} is stored in {stored} bytes; 1 to {most} are allowed")]
    ChunkLength {
        /// The index of the chunk, from 0.
        index: u32,
        /// Bytes in the bundle.
        stored: u32,
        /// Bytes in the slot.
        most: u32,
    },
}
