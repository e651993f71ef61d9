//! Decodes the content of a directory (sys/ufs/ufs/dir.h).
//!
//! The invariant: every [`Entry`] has a name of 1 to 255 bytes without `/` and NUL, and a nonzero
//! inode number. Whether that inode exists is checked when it is read.

use super::error::ReadError;
use super::inode::FileType;
use super::le::{u16_at, u32_at};

/// No entry crosses a multiple of this size (bytes).
const DIRBLKSIZ: usize = 512;
/// Bytes of an entry before its name.
const HEADER_SIZE: usize = 8;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// Inode number.
    pub ino: u32,
    /// File type according to the directory; `None` if it gives none.
    pub file_type: Option<FileType>,
}

pub(super) fn decode(ino: u32, bytes: &[u8]) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    let corrupt = |at: usize, why: &str| {
        ReadError::corrupt(format!("directory {ino}"), format!("the entry at byte {at} {why}"))
    };
    for (number, block) in bytes.chunks(DIRBLKSIZ).enumerate() {
        let mut at = 0;
        while at < block.len() {
            let offset = number * DIRBLKSIZ + at;
            if block.len() - at < HEADER_SIZE {
                return Err(corrupt(offset, "is truncated"));
            }
            let (inode, reclen) = (u32_at(block, at), usize::from(u16_at(block, at + 4)));
            let (file_type, length) = (block[at + 6], usize::from(block[at + 7]));
            if reclen < HEADER_SIZE || reclen % 4 != 0 || reclen > block.len() - at {
                return Err(corrupt(offset, "has an invalid length"));
            }
            if inode != 0 {
                let name = &block[at + HEADER_SIZE..at + reclen];
                let name = name.get(..length).filter(|name| !name.is_empty());
                let name = name.filter(|name| !name.contains(&0) && !name.contains(&b'/'));
                let name = name.ok_or_else(|| corrupt(offset, "has an invalid name"))?.to_vec();
                entries.push(Entry { name, ino: inode, file_type: FileType::from_bits(file_type) });
            }
            at += reclen;
        }
    }
    Ok(entries)
}
