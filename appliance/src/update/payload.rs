//! The system to install, chunk by chunk: a signed bundle or, in development builds, the raw image of a slot.

use std::io::Read;

use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{BundleError, ChunkContent, ImageDigest, PublicKeys, Reader};
use firmware::layout::HEADER_SECTOR;
use firmware::revocations::Revocations;
use firmware::slot::{HEADER_BYTES, SlotHeader};
use firmware::state::Digest;
use semver::Version;

use super::error::UpdateError;
use super::stream::Stream;
use super::writer::{Checksum, checksum};

/// Bytes of a chunk of a raw image.
const CHUNK: usize = 256 * SECTOR_BYTES as usize;

/// What an update claims about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The product.
    pub product: String,
    /// The board.
    pub board: String,
    /// Its version.
    pub version: Version,
    /// The disk layouts that it supports; `None` if unknown.
    pub layouts: Option<Vec<u32>>,
    /// The version of the configuration that it writes; `None` if unknown.
    pub config_version: Option<u32>,
    /// The minimum version that must be running.
    pub minimum: Option<Version>,
    /// What it withdraws from those who sign updates; `None` if unknown.
    pub revocations: Option<Revocations>,
    /// The version floors, as text, that it lowers.
    pub lowers_floors: Vec<String>,
    /// The size of the image.
    pub size: Sectors,
}

/// A chunk that was read: its position, and the checksum that a later reading must have.
pub struct Chunk {
    /// The first sector, from the start of the slot.
    pub at: Sectors,
    /// The checksum.
    pub checksum: Checksum,
}

/// The system to install.
pub enum Payload<R> {
    /// A signed bundle.
    Bundle(Box<Reader<R>>),
    /// The unsigned image of a slot.
    Image(Box<Image<R>>),
}

impl<R: Stream> Payload<R> {
    /// Opens a bundle and reads up to its first chunk.
    pub fn bundle(read: R, keys: &PublicKeys) -> Result<Self, UpdateError> {
        let mut reader = Reader::open(read, keys).map_err(UpdateError::Bundle)?;
        let bytes = reader.bundle_bytes();
        reader.source_mut().expect(bytes);
        Ok(Self::Bundle(Box::new(reader)))
    }

    /// Opens a slot image and reads its first chunk.
    pub fn image(read: R) -> Result<Self, UpdateError> {
        Image::open(read).map(|image| Self::Image(Box::new(image)))
    }

    /// What it claims about itself.
    pub fn candidate(&self) -> Result<Candidate, UpdateError> {
        match self {
            Self::Bundle(reader) => {
                let manifest = reader.manifest();
                let minimum =
                    manifest.minimum.as_deref().map(|minimum| version("minimum", minimum)).transpose()?;
                Ok(Candidate {
                    product: manifest.product.clone(),
                    board: manifest.board.clone(),
                    version: version("version", &manifest.version)?,
                    layouts: Some(manifest.layouts.clone()),
                    config_version: Some(manifest.config_version),
                    minimum,
                    revocations: Some(manifest.revocations()),
                    lowers_floors: manifest.lowers_floors.clone(),
                    size: Sectors(manifest.slot_sectors.into()),
                })
            }
            Self::Image(image) => Ok(image.candidate.clone()),
        }
    }

    /// Reads the next chunk into `raw`; `None` after the last one, if nothing follows it.
    pub fn next(&mut self, raw: &mut Vec<u8>) -> Result<Option<Chunk>, BundleError> {
        match self {
            Self::Bundle(reader) => Ok(reader.next_chunk(raw)?.map(|chunk| Chunk {
                at: Sectors::holding_bytes(chunk.offset),
                checksum: match chunk.content {
                    ChunkContent::Zero => None,
                    ChunkContent::Stored { raw_sha256, .. } => Some(raw_sha256),
                },
            })),
            Self::Image(image) => image.next(raw),
        }
    }

    /// The digest of the image, once its last chunk was read.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Bundle(reader) => reader.manifest().image_digest(),
            Self::Image(image) => image.digest.clone().finish(),
        }
    }

    /// The digest of the image, as far as it is known before the first chunk is read.
    pub fn signed_digest(&self) -> Option<Digest> {
        match self {
            Self::Bundle(reader) => Some(reader.manifest().image_digest()),
            Self::Image(_) => None,
        }
    }

    /// The number of bytes read.
    pub fn position(&self) -> u64 {
        match self {
            Self::Bundle(reader) => reader.position(),
            Self::Image(image) => image.at.bytes(),
        }
    }
}

/// The raw image of a slot.
pub struct Image<R> {
    read: R,
    candidate: Candidate,
    /// The first chunk, until it is read.
    first: Vec<u8>,
    at: Sectors,
    digest: ImageDigest,
}

impl<R: Stream> Image<R> {
    fn open(mut read: R) -> Result<Self, UpdateError> {
        let mut first = Vec::new();
        fill(&mut read, &mut first, CHUNK).map_err(|error| UpdateError::Bundle(error.into()))?;
        let at = HEADER_SECTOR.bytes() as usize;
        let header = first.get(at..at + HEADER_BYTES).ok_or_else(|| truncated(Sectors::ZERO));
        let header = SlotHeader::decode(header.map_err(UpdateError::Bundle)?)
            .map_err(|_| UpdateError::Bundle(BundleError::NotABundle))?;
        let candidate = Candidate {
            product: header.product,
            board: header.board,
            version: version("version", &header.version)?,
            layouts: None,
            config_version: None,
            minimum: None,
            revocations: None,
            lowers_floors: Vec::new(),
            size: header.size,
        };
        read.expect(candidate.size.bytes());
        Ok(Self { read, candidate, first, at: Sectors::ZERO, digest: ImageDigest::new() })
    }

    fn next(&mut self, raw: &mut Vec<u8>) -> Result<Option<Chunk>, BundleError> {
        let at = self.at;
        let left = self.candidate.size.checked_sub(at).unwrap_or_default().bytes();
        let wanted = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        raw.clear();
        std::mem::swap(raw, &mut self.first);
        if raw.is_empty() {
            fill(&mut self.read, raw, wanted.max(1))?;
        }
        match raw.len() {
            0 if wanted == 0 => return Ok(None),
            length if length > wanted => return Err(BundleError::TrailingData),
            length if length < wanted => return Err(truncated(at)),
            _ => {}
        }
        self.digest.add(raw);
        self.at += Sectors::holding_bytes(wanted as u64);
        Ok(Some(Chunk { at, checksum: checksum(raw) }))
    }
}

/// Reads the next `bytes` bytes into `buffer`, or as many as there are.
fn fill(read: &mut impl Read, buffer: &mut Vec<u8>, bytes: usize) -> std::io::Result<usize> {
    buffer.clear();
    read.take(bytes as u64).read_to_end(buffer)
}

fn truncated(at: Sectors) -> BundleError {
    BundleError::Truncated { what: format!("the slot image, after {at}") }
}

/// Parses a version of a manifest or of a slot header.
fn version(field: &str, text: &str) -> Result<Version, UpdateError> {
    Version::parse(text)
        .map_err(|error| UpdateError::System(format!("parsing the update's {field} `{text}`: {error}")))
}
