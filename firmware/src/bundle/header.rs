//! The header of a bundle: its first 32 bytes, which give the length of the parts that follow.

use bsd_disk::bytes::{array, le16, le32, le64, put};

use super::error::BundleError;
use super::limits::{MANIFEST_BYTES_MAX, SIGNATURE_BYTES_MAX};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;

/// The first bytes of a bundle.
pub const MAGIC_VALUE: [u8; 8] = *b"SluiceFw";

const FORMAT_VALUE: u16 = 1;

const MAGIC: usize = 0;
const FORMAT: usize = 8;
const LENGTH: usize = 10;
const MANIFEST: usize = 12;
const SIGNATURE: usize = 16;
const ZERO: usize = 20;
const CRC: usize = 28;

/// The lengths of the parts between the header and the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the manifest, at most [`MANIFEST_BYTES_MAX`].
    pub manifest_bytes: u32,
    /// Bytes of the signature, at most [`SIGNATURE_BYTES_MAX`].
    pub signature_bytes: u32,
}

impl Header {
    /// The header of a bundle with this manifest and signature.
    ///
    /// # Errors
    /// One of them is too large.
    pub fn of(manifest: &[u8], signature: &str) -> Result<Self, BundleError> {
        let bounded = |what: &'static str, bytes: usize, most: u32| {
            let length = u32::try_from(bytes).ok().filter(|&bytes| bytes <= most);
            length.ok_or(BundleError::TooLarge { what, bytes: bytes as u64, most: most.into() })
        };
        Ok(Self {
            manifest_bytes: bounded("manifest", manifest.len(), MANIFEST_BYTES_MAX)?,
            signature_bytes: bounded("signature", signature.len(), SIGNATURE_BYTES_MAX)?,
        })
    }

    /// The header as it is stored at the start of a bundle.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        put(&mut header, MAGIC, &MAGIC_VALUE);
        put(&mut header, FORMAT, &FORMAT_VALUE.to_le_bytes());
        put(&mut header, LENGTH, &(HEADER_BYTES as u16).to_le_bytes());
        put(&mut header, MANIFEST, &self.manifest_bytes.to_le_bytes());
        put(&mut header, SIGNATURE, &self.signature_bytes.to_le_bytes());
        let crc = crc32fast::hash(&header[..CRC]);
        put(&mut header, CRC, &crc.to_le_bytes());
        header
    }

    /// Reads the header of a bundle.
    ///
    /// # Errors
    /// [`BundleError::NotABundle`], [`BundleError::HeaderDamaged`], [`BundleError::Format`] or
    /// [`BundleError::TooLarge`].
    pub fn decode(header: &[u8; HEADER_BYTES]) -> Result<Self, BundleError> {
        if array(header, MAGIC) != MAGIC_VALUE {
            return Err(BundleError::NotABundle);
        }
        if le32(header, CRC) != crc32fast::hash(&header[..CRC]) {
            return Err(BundleError::HeaderDamaged);
        }
        let format = le16(header, FORMAT);
        if format != FORMAT_VALUE {
            return Err(BundleError::Format { found: format.into(), known: FORMAT_VALUE.into() });
        }
        if usize::from(le16(header, LENGTH)) != HEADER_BYTES || le64(header, ZERO) != 0 {
            return Err(BundleError::HeaderDamaged);
        }
        let bounded = |what: &'static str, at: usize, most: u32| match le32(header, at) {
            bytes if bytes > most => {
                Err(BundleError::TooLarge { what, bytes: bytes.into(), most: most.into() })
            }
            bytes => Ok(bytes),
        };
        Ok(Self {
            manifest_bytes: bounded("manifest", MANIFEST, MANIFEST_BYTES_MAX)?,
            signature_bytes: bounded("signature", SIGNATURE, SIGNATURE_BYTES_MAX)?,
        })
    }
}
