//! What a reader takes from the content of a directory (sys/ufs/ufs/dir.h).
//!
//! The invariant: every [`Entry`] has a name of 1 to 255 bytes without `/` and NUL, and an inode
//! number that is not 0 (whether there is such an inode is seen when it is read).

use super::error::ReadError;
use super::inode::FileType;
use super::le::{u16_at, u32_at};

/// No entry crosses a multiple of this (bytes).
pub(super) const CHUNK: usize = 512;
/// Bytes of an entry before its name.
const HEADER: usize = 8;

/// One name of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// Inode number.
    pub ino: u32,
    /// Type as the directory says, `None` where it does not.
    pub file_type: Option<FileType>,
}

pub(super) fn decode(ino: u32, bytes: &[u8]) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let wrong = |at: usize, why: &str| {
        ReadError::corrupt(format!("directory {ino}"), format!("the entry at byte {at} {why}"))
    };
    for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
        let mut at = 0;
        while at < chunk.len() {
            let place = number * CHUNK + at;
            if chunk.len() - at < HEADER {
                return Err(wrong(place, "is cut off"));
            }
            let (inode, reclen) = (u32_at(chunk, at), usize::from(u16_at(chunk, at + 4)));
            let (kind, length) = (chunk[at + 6], usize::from(chunk[at + 7]));
            if reclen < HEADER || reclen % 4 != 0 || reclen > chunk.len() - at {
                return Err(wrong(place, "has a length that leads nowhere"));
            }
            if inode != 0 {
                let name = &chunk[at + HEADER..at + reclen];
                let name = name.get(..length).filter(|name| !name.is_empty());
                let name = name.filter(|name| !name.contains(&0) && !name.contains(&b'/'));
                let name = name.ok_or_else(|| wrong(place, "has a bad name"))?.to_vec();
                entries.push(Entry { name, ino: inode, file_type: FileType::from_bits(kind) });
            }
            at += reclen;
        }
    }
    Ok(entries)
}
