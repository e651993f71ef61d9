//! Reads a bundle from a stream, once and in bounded memory, and returns only data that its signature vouches for.

use std::io::{ErrorKind, Read};

use bsd_disk::units::SECTOR_BYTES;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::chunk::{Chunk, ChunkContent};
use super::digest::sha256;
use super::error::BundleError;
use super::header::{HEADER_BYTES, Header, MAGIC_VALUE};
use super::manifest::{ChunkCursor, Manifest};
use super::signature::{PublicKeys, SignatureError};
use crate::key_id::KeyId;

/// The last bytes of an MBR and of a boot1, and therefore of the first sector of every image.
const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// A bundle that is being read. It uses about 1.2 MiB in addition to the manifest, most of it for the decoder.
pub struct Reader<R> {
    input: Input<R>,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature: String,
    key: KeyId,
    cursor: ChunkCursor,
    stored: Vec<u8>,
    decoder: FrameDecoder,
    stage: Stage,
}

/// The progress of reading.
#[derive(Clone, Copy)]
enum Stage {
    Chunks,
    Ended,
    Failed,
}

impl<R: Read> Reader<R> {
    /// Reads everything before the first chunk: header, manifest and signature. The signature is checked before the
    /// manifest is parsed.
    ///
    /// # Errors
    /// One of them is invalid; see [`BundleError`].
    pub fn open(read: R, keys: &PublicKeys) -> Result<Self, BundleError> {
        let mut input = Input { read, position: 0 };
        let header = read_header(&mut input)?;
        let mut manifest_bytes = Vec::new();
        input.fill(&mut manifest_bytes, header.manifest_bytes, || "the manifest".to_owned())?;
        let mut signature = Vec::new();
        input.fill(&mut signature, header.signature_bytes, || "the signature".to_owned())?;
        let signature = String::from_utf8(signature).map_err(|_| SignatureError::NotASignature)?;
        let key = keys.verify(&manifest_bytes, &signature)?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        let mut decoder = FrameDecoder::new();
        // No window is larger than the content of its frame, and no chunk smaller than the smallest window.
        decoder.set_max_window_size(manifest.chunk_bytes().into());
        let (cursor, stored) = (ChunkCursor::default(), Vec::new());
        Ok(Self {
            input,
            manifest,
            manifest_bytes,
            signature,
            key,
            cursor,
            stored,
            decoder,
            stage: Stage::Chunks,
        })
    }

    /// The manifest of the bundle.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The key that signed the bundle.
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// The manifest's bytes as they were signed.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The text of the signature.
    pub fn signature_text(&self) -> &str {
        &self.signature
    }

    /// The number of bytes read from the start of the bundle.
    pub fn position(&self) -> u64 {
        self.input.position
    }

    /// The number of bytes of the whole bundle, according to its manifest.
    pub fn bundle_bytes(&self) -> u64 {
        let head = HEADER_BYTES + self.manifest_bytes.len() + self.signature.len();
        let stored = self.manifest.chunks().map(|chunk| match chunk.content {
            ChunkContent::Zero => 0,
            ChunkContent::Stored { bytes, .. } => u64::from(bytes),
        });
        head as u64 + stored.sum::<u64>()
    }

    /// What the bundle is read from.
    pub fn source_mut(&mut self) -> &mut R {
        &mut self.input.read
    }

    /// Reads the next chunk and stores its bytes in the slot, including zeros, in `raw`. Returns `None` after the last chunk
    /// if the bundle ends there. `raw` only ever receives bytes whose digest is right, and is empty after an error.
    ///
    /// # Errors
    /// The bundle ends too early or too late, cannot be read, or the chunk does not match the manifest. Every call after an
    /// error returns [`BundleError::GivenUp`], never the `None` that ends a complete bundle.
    pub fn next_chunk(&mut self, raw: &mut Vec<u8>) -> Result<Option<Chunk>, BundleError> {
        raw.clear();
        let next = match self.stage {
            Stage::Chunks => self.read_chunk(raw),
            Stage::Ended => return Ok(None),
            Stage::Failed => return Err(BundleError::GivenUp),
        };
        match next {
            Ok(Some(_)) => {}
            Ok(None) => self.stage = Stage::Ended,
            Err(_) => {
                self.stage = Stage::Failed;
                raw.clear();
            }
        }
        next
    }

    fn read_chunk(&mut self, raw: &mut Vec<u8>) -> Result<Option<Chunk>, BundleError> {
        let Some(chunk) = self.cursor.next(&self.manifest) else {
            return match self.input.read_up_to(&mut [0])? {
                0 => Ok(None),
                _ => Err(BundleError::TrailingData),
            };
        };
        if let ChunkContent::Stored { bytes, stored_sha256, raw_sha256 } = &chunk.content {
            let damaged = || BundleError::ChunkDamaged { index: chunk.index };
            self.input.fill(&mut self.stored, *bytes, || format!("chunk {}", chunk.index))?;
            let found = sha256(&self.stored);
            if found != *stored_sha256 {
                return Err(damaged());
            }
            if *bytes == chunk.bytes {
                // These are the same bytes, which need not be hashed again.
                if found != *raw_sha256 {
                    return Err(damaged());
                }
                raw.extend_from_slice(&self.stored);
            } else {
                raw.resize(chunk.bytes as usize, 0);
                if !decompress(&mut self.decoder, &self.stored, raw) || sha256(raw) != *raw_sha256 {
                    return Err(damaged());
                }
            }
        } else {
            raw.resize(chunk.bytes as usize, 0);
        }
        Ok(Some(chunk))
    }
}

fn read_header<R: Read>(input: &mut Input<R>) -> Result<Header, BundleError> {
    let mut sector = [0; SECTOR_BYTES as usize];
    let (head, rest) = sector.split_at_mut(HEADER_BYTES);
    let length = input.read_up_to(head)?;
    let magic = length.min(MAGIC_VALUE.len());
    if head[..magic] != MAGIC_VALUE[..magic] {
        // An image can be recognized only by the end of its first sector.
        let is_sector = length == HEADER_BYTES && input.read_up_to(rest)? == rest.len();
        let is_image = is_sector && rest.ends_with(&BOOT_SIGNATURE);
        return Err(if is_image { BundleError::SlotImage } else { BundleError::NotABundle });
    }
    if length < HEADER_BYTES {
        return Err(BundleError::Truncated { what: "the header".to_owned() });
    }
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(head);
    Header::decode(&header)
}

/// Decompresses `stored` into `raw`. Returns whether `stored` is exactly one zstd frame that fills exactly `raw`.
///
/// This works block by block, because a block of four bytes may decompress to 128 KiB: the data is taken out of the decoder
/// after each block, so there is never more of it than `raw` and one block.
fn decompress(decoder: &mut FrameDecoder, stored: &[u8], raw: &mut [u8]) -> bool {
    let mut source = stored;
    if decoder.reset(&mut source).is_err() {
        return false;
    }
    let mut filled = 0;
    loop {
        if decoder.decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
            return false;
        }
        while decoder.can_collect() > 0 {
            match decoder.read(&mut raw[filled..]) {
                Ok(0) | Err(_) => return false, // The frame has more data than fits `raw`.
                Ok(bytes) => filled += bytes,
            }
        }
        if decoder.is_finished() {
            return filled == raw.len() && source.is_empty();
        }
    }
}

/// The stream, and the number of bytes read from it.
struct Input<R> {
    read: R,
    position: u64,
}

impl<R: Read> Input<R> {
    /// Fills `buffer` until it is full or the stream ends. Returns the number of bytes read.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, BundleError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }

    /// Replaces the content of `buffer` with the next `bytes` bytes.
    fn fill(
        &mut self,
        buffer: &mut Vec<u8>,
        bytes: u32,
        what: impl FnOnce() -> String,
    ) -> Result<(), BundleError> {
        buffer.resize(bytes as usize, 0);
        if self.read_up_to(buffer)? < buffer.len() {
            return Err(BundleError::Truncated { what: what() });
        }
        Ok(())
    }
}
