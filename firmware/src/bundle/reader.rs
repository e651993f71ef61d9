//! Reads a bundle from a stream, once, in bounded memory, and hands out only what its signature vouches for.

use std::io::{ErrorKind, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::chunk::{Chunk, ChunkContent};
use super::digest::sha256;
use super::error::BundleError;
use super::header::{HEADER_BYTES, Header, MAGIC_VALUE};
use super::manifest::{ChunkCursor, Manifest};
use super::signature::{KeyId, PublicKeys, SignatureError};
use bsd_disk::units::SECTOR_BYTES;

/// How the first sector of an MBR, a boot1 and so of every image ends.
const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// A bundle that is being read. Beside the manifest it takes up about 1.2 MiB, most of it the decoder's.
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

/// How far the reading got.
#[derive(Clone, Copy)]
enum Stage {
    Chunks,
    Ended,
    Failed,
}

impl<R: Read> Reader<R> {
    /// Reads up to the first chunk: header, manifest and signature, checks them in the order in which they can be
    /// trusted, and only then looks into the manifest.
    ///
    /// # Errors
    /// Whatever is wrong with them; see [`BundleError`].
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
        // No window is larger than what its frame holds, and no chunk smaller than the smallest window.
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

    /// What the bundle is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whose signature it carries.
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// What was signed.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The text of the signature.
    pub fn signature_text(&self) -> &str {
        &self.signature
    }

    /// Bytes of the bundle that were read, from its start.
    pub fn position(&self) -> u64 {
        self.input.position
    }

    /// Reads the next chunk and puts what it is in the slot into `raw`, zeros too; `None` after the last, when the
    /// bundle has ended there as it should. `raw` is only ever given bytes whose digest holds, and is empty after an
    /// error.
    ///
    /// # Errors
    /// The bundle ends too early or too late, cannot be read, or the chunk is not what the manifest says. Whoever asks
    /// again after that gets [`BundleError::GivenUp`], and never the `None` of a bundle that was read whole.
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
                // The same bytes need not be hashed again.
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
        // All that an image would be known by is at the end of its first sector.
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

/// Decompresses the one zstd frame that `stored` is into exactly `raw`; tells whether it is one.
///
/// One block at a time, since a block of four bytes may hold 128 KiB: what has been decompressed is taken out after
/// each, and never is more than `raw` and one block.
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
                Ok(0) | Err(_) => return false, // there is more than `raw` holds
                Ok(bytes) => filled += bytes,
            }
        }
        if decoder.is_finished() {
            return filled == raw.len() && source.is_empty();
        }
    }
}

/// The stream, and how much of it was read.
struct Input<R> {
    read: R,
    position: u64,
}

impl<R: Read> Input<R> {
    /// Fills `buffer` from its start as far as the stream goes.
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

    /// Makes `buffer` the next `bytes` bytes.
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
