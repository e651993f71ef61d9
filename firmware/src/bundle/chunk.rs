//! The chunks of a slot image: how each is stored, and the list of them in a manifest.
//!
//! Invariant: a list has no adjacent or empty runs of zeros, so its size in memory is bounded by the size of the JSON that it
//! was read from.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::digest::sha256;

/// One chunk of a slot image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The index of the chunk, from 0.
    pub index: u32,
    /// The offset in bytes from the start of the slot.
    pub offset: u64,
    /// The length in the slot, in bytes; only the last chunk may be shorter than the others.
    pub bytes: u32,
    /// How the bundle stores the chunk.
    pub content: ChunkContent,
}

/// How a bundle stores a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkContent {
    /// Not at all, because the chunk is all zeros.
    Zero,
    /// As bytes in the bundle.
    Stored {
        /// Bytes in the bundle: as many as in the slot if the chunk is not compressed, fewer if it is one zstd frame.
        bytes: u32,
        /// The SHA-256 of the bytes in the bundle.
        stored_sha256: [u8; 32],
        /// The SHA-256 of the bytes in the slot.
        raw_sha256: [u8; 32],
    },
}

/// The entry of a manifest for a chunk that is not all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Bytes in the bundle.
    pub bytes: u32,
    /// The SHA-256 of the bytes in the bundle.
    pub stored_sha256: [u8; 32],
    /// The SHA-256 of the bytes in the slot.
    pub raw_sha256: [u8; 32],
}

impl StoredChunk {
    /// The entry for a chunk with the bytes `raw` in the slot and `stored` in the bundle.
    pub fn of(raw: &[u8], stored: &[u8]) -> Self {
        let raw_sha256 = sha256(raw);
        let stored_sha256 = if raw.len() == stored.len() { raw_sha256 } else { sha256(stored) };
        Self { bytes: u32::try_from(stored.len()).unwrap_or(u32::MAX), stored_sha256, raw_sha256 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    Zeros(u32),
    Stored(StoredChunk),
}

/// The chunks of a manifest, from the first to the last sector of the slot.
///
/// In JSON this is a list. A number `n` in it stands for `n` chunks of zeros; an array `[bytes, "stored", "raw"]` stands for
/// one chunk that occupies `bytes` bytes in the bundle, with the SHA-256 of these bytes and of those in the slot, both in
/// lower-case hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkList {
    runs: Vec<Run>,
}

impl ChunkList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `count` chunks of zeros.
    pub fn push_zeros(&mut self, count: u32) {
        match self.runs.last_mut() {
            _ if count == 0 => {}
            Some(Run::Zeros(before)) if before.checked_add(count).is_some() => *before += count,
            _ => self.runs.push(Run::Zeros(count)),
        }
    }

    /// Adds a stored chunk.
    pub fn push(&mut self, chunk: StoredChunk) {
        self.runs.push(Run::Stored(chunk));
    }

    /// The number of chunks.
    pub(super) fn count(&self) -> u64 {
        let counts = self.runs.iter().map(|run| match run {
            Run::Zeros(count) => u64::from(*count),
            Run::Stored(_) => 1,
        });
        counts.sum()
    }

    /// Returns the chunk at `cursor`, if there is one, and advances the cursor.
    pub(super) fn next(&self, cursor: &mut Cursor) -> Option<ChunkContent> {
        let run = self.runs.get(cursor.run)?;
        cursor.within += 1;
        let (content, count) = match run {
            Run::Zeros(count) => (ChunkContent::Zero, *count),
            Run::Stored(StoredChunk { bytes, stored_sha256, raw_sha256 }) => {
                let (stored_sha256, raw_sha256) = (*stored_sha256, *raw_sha256);
                (ChunkContent::Stored { bytes: *bytes, stored_sha256, raw_sha256 }, 1)
            }
        };
        if cursor.within >= count {
            *cursor = Cursor { run: cursor.run + 1, within: 0 };
        }
        Some(content)
    }
}

/// A position in a [`ChunkList`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    run: usize,
    within: u32,
}

impl Serialize for ChunkList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.runs.len()))?;
        for run in &self.runs {
            match run {
                Run::Zeros(count) => list.serialize_element(count)?,
                Run::Stored(StoredChunk { bytes, stored_sha256, raw_sha256 }) => {
                    list.serialize_element(&(bytes, Hex(*stored_sha256), Hex(*raw_sha256)))?;
                }
            }
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for ChunkList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = ChunkList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of chunks")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ChunkList, A::Error> {
                let mut runs = Vec::new();
                while let Some(run) = list.next_element()? {
                    match (runs.last(), &run) {
                        (_, Run::Zeros(0)) => return Err(de::Error::custom("an empty run of chunks")),
                        (Some(Run::Zeros(_)), Run::Zeros(_)) => {
                            return Err(de::Error::custom("two adjacent runs of zeros"));
                        }
                        _ => runs.push(run),
                    }
                }
                Ok(ChunkList { runs })
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RunVisitor;
        impl<'de> Visitor<'de> for RunVisitor {
            type Value = Run;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number of chunks of zeros, or [bytes, \"sha256 stored\", \"sha256 in the slot\"]",
                )
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Run, E> {
                u32::try_from(count).map(Run::Zeros).map_err(|_| E::custom("too many chunks of zeros"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Run, A::Error> {
                let length = |parts| de::Error::invalid_length(parts, &self);
                let bytes = parts.next_element()?.ok_or_else(|| length(0))?;
                let Hex(stored_sha256) = parts.next_element()?.ok_or_else(|| length(1))?;
                let Hex(raw_sha256) = parts.next_element()?.ok_or_else(|| length(2))?;
                match parts.next_element::<de::IgnoredAny>()? {
                    None => Ok(Run::Stored(StoredChunk { bytes, stored_sha256, raw_sha256 })),
                    Some(_) => Err(length(4)),
                }
            }
        }
        deserializer.deserialize_any(RunVisitor)
    }
}

/// A digest as 64 lower-case hexadecimal digits.
struct Hex([u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;
        impl Visitor<'_> for HexVisitor {
            type Value = Hex;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-256 of 64 lower-case hexadecimal digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hex, E> {
                unhex(text.as_bytes())
                    .map(Hex)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}

fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
