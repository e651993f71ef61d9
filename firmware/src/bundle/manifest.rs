//! The manifest of a bundle, which is the part that is signed: what the bundle is for, and the digest of every chunk.

use bsd_disk::units::{SECTOR_BYTES, Sectors};
use serde::{Deserialize, Serialize};

use super::chunk::{Chunk, ChunkContent, ChunkList, Cursor};
use super::digest::ImageDigest;
use super::error::{BundleError, ManifestError};
use super::limits::{CHUNK_SECTORS_MAX, CHUNK_SECTORS_MIN, LAYOUTS_MAX, MANIFEST_BYTES_MAX};
use super::list;
use crate::key_id::KeyId;
use crate::layout::HEADER_SECTOR;
use crate::revocations::Revocations;

const FORMAT_VALUE: u32 = 1;

/// The manifest of a bundle. The fields have the same names in JSON; fields added by a later builder are ignored. Texts are
/// printable ASCII, with the same limits as in the slot header ([`crate::slot`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format version, 1.
    pub format: u32,
    /// The product, such as `sluice`; at most 31 bytes.
    pub product: String,
    /// The board, such as `alix`; at most 31 bytes.
    pub board: String,
    /// The semantic version (semver.org); at most 63 bytes.
    pub version: String,
    /// The commit of the product's repository; at most 71 bytes, may be empty.
    pub commit: String,
    /// The version of the world; at most 71 bytes, may be empty.
    pub world: String,
    /// The disk layouts that the slot image works with ([`crate::layout::LAYOUT`]); at least one.
    #[serde(deserialize_with = "list::layouts")]
    pub layouts: Vec<u32>,
    /// The version of the configuration on `/cfg` that the system writes.
    pub config_version: u32,
    /// The lowest running version from which a unit can update; `None` if any.
    #[serde(default)]
    pub minimum: Option<String>,
    /// The key epoch ([`Revocations::epoch`]); 0 if no key was ever revoked.
    #[serde(default)]
    pub key_epoch: u32,
    /// The keys that the release revokes, the oldest first.
    #[serde(default, deserialize_with = "list::revoked_keys")]
    pub revoked_keys: Vec<KeyId>,
    /// The version floors that the release lowers to its own version; at most
    /// [`LOWERED_FLOORS_MAX`](super::LOWERED_FLOORS_MAX).
    #[serde(default, deserialize_with = "list::lowers_floors")]
    pub lowers_floors: Vec<String>,
    /// Sectors of the slot image.
    pub slot_sectors: u32,
    /// Sectors per chunk, a power of two from 8 to 256; the last chunk may be shorter.
    pub chunk_sectors: u32,
    /// The build time in seconds since 1970; 0 if unknown.
    pub built: u64,
    /// The chunks of the slot image.
    pub chunks: ChunkList,
}

/// The field that decides how the others are read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Manifest {
    /// Reads and checks a manifest. Check the signature of bytes from outside first.
    ///
    /// # Errors
    /// [`BundleError::TooLarge`], [`BundleError::Format`], or [`BundleError::Manifest`] with the fault.
    pub fn parse(json: &[u8]) -> Result<Self, BundleError> {
        let most = MANIFEST_BYTES_MAX.into();
        if json.len() as u64 > most {
            return Err(BundleError::TooLarge { what: "manifest", bytes: json.len() as u64, most });
        }
        let Format { format } = serde_json::from_slice(json).map_err(ManifestError::from)?;
        if format != FORMAT_VALUE {
            return Err(BundleError::Format { found: format, known: FORMAT_VALUE });
        }
        let manifest: Self = serde_json::from_slice(json).map_err(ManifestError::from)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The JSON as it is signed and stored in the bundle: one line.
    ///
    /// # Errors
    /// Those of [`Manifest::parse`], if the manifest is invalid.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut json = serde_json::to_vec(self).map_err(ManifestError::from)?;
        json.push(b'\n');
        Self::parse(&json)?;
        Ok(json)
    }

    /// The chunks, from the start to the end of the slot.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let mut cursor = ChunkCursor::default();
        std::iter::from_fn(move || cursor.next(self))
    }

    /// The number of chunks.
    pub fn chunk_count(&self) -> u32 {
        self.slot_sectors.div_ceil(self.chunk_sectors.max(1))
    }

    /// Bytes per chunk; the last chunk may be shorter.
    pub fn chunk_bytes(&self) -> u32 {
        self.chunk_sectors.saturating_mul(SECTOR_BYTES as u32)
    }

    /// What the release withdraws from those who sign updates.
    pub fn revocations(&self) -> Revocations {
        Revocations { epoch: self.key_epoch, keys: self.revoked_keys.clone() }
    }

    /// The digest of the slot image; the same as the [`ImageDigest`] of a slot that contains it.
    pub fn image_digest(&self) -> [u8; 32] {
        let mut digest = ImageDigest::new();
        for chunk in self.chunks() {
            match &chunk.content {
                ChunkContent::Zero => {
                    digest.add_zeros(chunk.bytes as usize);
                }
                ChunkContent::Stored { raw_sha256, .. } => digest.add_hash(raw_sha256),
            }
        }
        digest.finish()
    }

    fn check(&self) -> Result<(), ManifestError> {
        for (field, value, least, most) in [
            ("product", &self.product, 1, 31),
            ("board", &self.board, 1, 31),
            ("version", &self.version, 1, 63),
            ("commit", &self.commit, 0, 71),
            ("world", &self.world, 0, 71),
        ] {
            let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if !printable || !(least..=most).contains(&value.len()) {
                return Err(ManifestError::Text { field, least, most });
            }
        }
        version("version", &self.version)?;
        self.minimum.as_deref().map_or(Ok(()), |minimum| version("minimum", minimum))?;
        self.lowers_floors.iter().try_for_each(|floor| version("floor to lower", floor))?;
        self.revocations().check()?;
        if self.layouts.is_empty() || self.layouts.len() > LAYOUTS_MAX {
            return Err(ManifestError::Layouts { count: self.layouts.len() });
        }
        let size = Sectors(self.slot_sectors.into());
        if size <= HEADER_SECTOR {
            return Err(ManifestError::SlotSize { size });
        }
        let sectors = self.chunk_sectors;
        if !sectors.is_power_of_two() || !(CHUNK_SECTORS_MIN..=CHUNK_SECTORS_MAX).contains(&sectors) {
            return Err(ManifestError::ChunkSize { sectors });
        }
        let (found, expected) = (self.chunks.count(), self.chunk_count());
        if found != u64::from(expected) {
            return Err(ManifestError::ChunkCount { found, expected, size });
        }
        for Chunk { index, bytes: most, content, .. } in self.chunks() {
            if let ChunkContent::Stored { bytes: stored, .. } = content
                && !(1..=most).contains(&stored)
            {
                return Err(ManifestError::ChunkLength { index, stored, most });
            }
        }
        Ok(())
    }
}

fn version(field: &'static str, value: &str) -> Result<(), ManifestError> {
    let checked = semver::Version::parse(value);
    checked.map(|_| ()).map_err(|error| ManifestError::Version { field, value: value.to_owned(), error })
}

/// A position in the chunks of a manifest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChunkCursor {
    cursor: Cursor,
    index: u32,
}

impl ChunkCursor {
    /// Returns the chunk at this position, if there is one, and advances.
    pub(super) fn next(&mut self, manifest: &Manifest) -> Option<Chunk> {
        let content = manifest.chunks.next(&mut self.cursor)?;
        let index = self.index;
        self.index = index.checked_add(1)?;
        let first = u64::from(index) * u64::from(manifest.chunk_sectors);
        let sectors = u64::from(manifest.slot_sectors).checked_sub(first)?;
        let sectors = sectors.min(manifest.chunk_sectors.into());
        let bytes = u32::try_from(Sectors(sectors).bytes()).ok()?;
        Some(Chunk { index, offset: Sectors(first).bytes(), bytes, content })
    }
}
