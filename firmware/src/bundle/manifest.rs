//! What is signed: for what a bundle is, and the digest of every chunk.

use serde::{Deserialize, Serialize};

use super::chunk::{Chunk, ChunkContent, ChunkList, Cursor};
use super::digest::ImageDigest;
use super::error::BundleError;
use super::header::MANIFEST_BYTES_MAX;
use crate::layout::HEADER_SECTOR;
use bsd_disk::units::{SECTOR_BYTES, Sectors};

/// Sectors of a chunk as the builder makes them: 128 KiB, the most that zstd takes for one block.
pub const CHUNK_SECTORS: u32 = 256;

/// The most sectors of a chunk that a unit takes: it holds a few of them in memory.
pub const CHUNK_SECTORS_MAX: u32 = 256;

/// The least, a flash page.
const CHUNK_SECTORS_MIN: u32 = 8;

/// The most disk layouts that a bundle may name.
const LAYOUTS_MAX: usize = 32;

const FORMAT_VALUE: u32 = 1;

/// What a bundle is and what its chunks are. In JSON each field has the name that it has here; fields that a later
/// builder adds are passed over. Texts are printable ASCII, as long as in the slot header ([`crate::slot`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format, 1.
    pub format: u32,
    /// The product, `sluice`: at most 31 bytes.
    pub product: String,
    /// The board, `alix`: at most 31 bytes.
    pub board: String,
    /// The version, as semver.org has it: at most 63 bytes.
    pub version: String,
    /// The commit, at most 71 bytes; may be empty.
    pub commit: String,
    /// The version of the world, at most 71 bytes; may be empty.
    pub world: String,
    /// The disk layouts that the slot image works on ([`crate::layout::LAYOUT`]), at least one.
    #[serde(deserialize_with = "few")]
    pub layouts: Vec<u32>,
    /// The version of the configuration on `/cfg` that the system writes.
    pub config_version: u32,
    /// The least version that a unit may come from; `None` for any.
    #[serde(default)]
    pub minimum: Option<String>,
    /// Sectors of the slot image.
    pub slot_sectors: u32,
    /// Sectors of every chunk but perhaps the last: a power of two from 8 to 256.
    pub chunk_sectors: u32,
    /// When it was built, in seconds since 1970; 0 for not told.
    pub built: u64,
    /// The chunks.
    pub chunks: ChunkList,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON, a field lacks, or one is of another type.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A text that is too long, not printable ASCII, or empty where it must not be.
    #[error("its {field} is not printable ASCII of {least} to {most} bytes")]
    Text {
        /// Which.
        field: &'static str,
        /// The least bytes.
        least: usize,
        /// The most.
        most: usize,
    },
    /// A version that is none.
    #[error("its {field} `{value}` is no version ({error})")]
    Version {
        /// Which.
        field: &'static str,
        /// What it is.
        value: String,
        /// What semver says.
        error: semver::Error,
    },
    /// No layout, or too many.
    #[error("it names {count} layouts, 1 to {LAYOUTS_MAX} are allowed")]
    Layouts {
        /// How many.
        count: usize,
    },
    /// A slot too small for its header.
    #[error("a slot of {size} has no room for its header")]
    SlotSize {
        /// The size.
        size: Sectors,
    },
    /// A chunk size that no builder makes.
    #[error(
        "its chunks have {sectors} sectors; a power of two from {CHUNK_SECTORS_MIN} to {CHUNK_SECTORS_MAX} is allowed"
    )]
    ChunkSize {
        /// The sectors.
        sectors: u32,
    },
    /// Chunks that are not the slot.
    #[error("it has {found} chunks, a slot of {size} has {expected}")]
    ChunkCount {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u32,
        /// The slot's size.
        size: Sectors,
    },
    /// A chunk that takes up nothing, or more than it holds.
    #[error("chunk {index} is stored in {stored} bytes; 1 to {most} are allowed")]
    ChunkLength {
        /// Which.
        index: u32,
        /// Bytes in the bundle.
        stored: u32,
        /// The chunk's length.
        most: u32,
    },
}

/// What decides on how the rest is read.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Manifest {
    /// Reads and checks a manifest. Whoever holds bytes from elsewhere checks their signature before.
    ///
    /// # Errors
    /// [`BundleError::TooLarge`], [`BundleError::Format`], or [`BundleError::Manifest`] with what is wrong.
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

    /// The JSON as it is signed and stands in the bundle: one line.
    ///
    /// # Errors
    /// As [`Manifest::parse`] of what would be written.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut json = serde_json::to_vec(self).map_err(ManifestError::from)?;
        json.push(b'\n');
        Self::parse(&json)?;
        Ok(json)
    }

    /// The chunks, from the start of the slot to its end.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let mut cursor = ChunkCursor::default();
        std::iter::from_fn(move || cursor.next(self))
    }

    /// How many chunks there are.
    pub fn chunk_count(&self) -> u32 {
        self.slot_sectors.div_ceil(self.chunk_sectors.max(1))
    }

    /// Bytes of every chunk but perhaps the last.
    pub fn chunk_bytes(&self) -> u32 {
        self.chunk_sectors.saturating_mul(SECTOR_BYTES as u32)
    }

    /// The digest of the slot image; [`ImageDigest`] tells the same of a slot that is read.
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

/// At most one layout more than is allowed, so that a long list takes up no memory and is refused all the same.
fn few<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    use serde::de::{Error, SeqAccess, Visitor};
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<u32>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of layout numbers")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u32>, A::Error> {
            let mut layouts = Vec::new();
            while let Some(layout) = list.next_element()? {
                if layouts.len() == LAYOUTS_MAX {
                    return Err(A::Error::custom(format_args!("more than {LAYOUTS_MAX} layouts")));
                }
                layouts.push(layout);
            }
            Ok(layouts)
        }
    }
    deserializer.deserialize_seq(Few)
}

/// A place among the chunks of a manifest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChunkCursor {
    place: Cursor,
    index: u32,
}

impl ChunkCursor {
    /// The chunk here, if there is one more; moves on.
    pub(super) fn next(&mut self, manifest: &Manifest) -> Option<Chunk> {
        let content = manifest.chunks.next(&mut self.place)?;
        let index = self.index;
        self.index = index.checked_add(1)?;
        let first = u64::from(index) * u64::from(manifest.chunk_sectors);
        let sectors = u64::from(manifest.slot_sectors).checked_sub(first)?;
        let sectors = sectors.min(manifest.chunk_sectors.into());
        let bytes = u32::try_from(Sectors(sectors).bytes()).ok()?;
        Some(Chunk { index, offset: Sectors(first).bytes(), bytes, content })
    }
}
