//! Why a bundle is refused.

use super::manifest::ManifestError;
use super::signature::{KeyId, SignatureError};

/// Why a bundle is refused. Nothing that was handed out before the error is in doubt: each chunk is checked by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The first bytes are of something else.
    #[error(
        "reading a bundle: this is none, for it does not begin with `SluiceFw`; give a .fw file as the builder made it"
    )]
    NotABundle,
    /// The first sector is that of a slot or of a disk.
    #[error(
        "reading a bundle: this is the image of a slot or of a whole disk, which carries no signature; give the .fw file \
         that the same build made"
    )]
    SlotImage,
    /// It ends too early.
    #[error("reading a bundle: it ends in the middle of {what}; it was cut off on its way, fetch it again")]
    Truncated {
        /// In the middle of what: `the header`, `the manifest`, `the signature`, `chunk 7`.
        what: String,
    },
    /// A format of the future.
    #[error(
        "reading a bundle: it has format {found}, known is {known}; update to a release between the two first"
    )]
    Format {
        /// The version found.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// The header's checksum does not hold, or a field has a value that format 1 does not have.
    #[error("reading a bundle: its header is damaged; fetch it again")]
    HeaderDamaged,
    /// A part is larger than any that the builder makes.
    #[error(
        "reading a bundle: its {what} has {bytes} bytes, at most {most} are allowed; no builder made this"
    )]
    TooLarge {
        /// `manifest` or `signature`.
        what: &'static str,
        /// What the header says.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// Signed with a key that is not trusted here.
    #[error(
        "checking a bundle: it is signed with the key {id}, which is not among the trusted ones; give a bundle for this \
         product, or first a release that brings this key"
    )]
    UnknownKey {
        /// The key that the signature names.
        id: KeyId,
    },
    /// The signature is not of this manifest.
    #[error(
        "checking a bundle: its signature does not hold, so the manifest was changed after it was signed; fetch it again, \
             and ask who made it if that does not help"
    )]
    SignatureInvalid,
    /// What stands where the signature should be is none.
    #[error("checking a bundle: it carries no minisign signature where one should be; fetch it again")]
    NotASignature,
    /// The manifest is signed, and not understood.
    #[error(
        "reading the manifest of a bundle: {reason}; it is signed so: the builder that made it is at fault, not the way here"
    )]
    Manifest {
        /// What is wrong.
        #[from]
        reason: ManifestError,
    },
    /// A chunk is not what the manifest says.
    #[error("reading a bundle: chunk {index} is damaged; fetch the bundle again")]
    ChunkDamaged {
        /// Which, from 0.
        index: u32,
    },
    /// Something follows the last chunk.
    #[error(
        "reading a bundle: there are bytes after its last chunk; it was put together wrongly, fetch it again"
    )]
    TrailingData,
    /// There was an error before this one.
    #[error("reading a bundle: it was given up at an earlier fault; open it again")]
    GivenUp,
    /// It could not be read.
    #[error("reading a bundle: {0}")]
    Io(#[from] std::io::Error),
}

impl From<SignatureError> for BundleError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::NotASignature => Self::NotASignature,
            SignatureError::UnknownKey { id } => Self::UnknownKey { id },
            SignatureError::Invalid => Self::SignatureInvalid,
        }
    }
}
