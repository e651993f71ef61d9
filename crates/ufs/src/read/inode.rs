//! Decodes inodes (`struct ufs2_dinode` of sys/ufs/ufs/dinode.h).
//!
//! The invariant: an [`Inode`] has one of the seven file types. Its pointers are not checked.

use super::error::ReadError;
use super::le::{i64_at, u16_at, u32_at, u64_at};

/// Size of an inode on disk (bytes).
pub(super) const SIZE: usize = 256;
/// Direct pointers in an inode.
pub(super) const DIRECT: usize = 12;
/// Levels of indirect blocks.
pub(super) const INDIRECT_LEVELS: usize = 3;
/// Byte offset of the pointers, or of a short symbolic link.
const POINTERS: usize = 112;
/// Symbolic links shorter than this are stored in place of the pointers (bytes).
pub(super) const MAX_SYMLINK_LEN: usize = 120;

/// The file type of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A FIFO (named pipe).
    Fifo,
    /// A character device.
    CharDevice,
    /// A directory.
    Directory,
    /// A block device.
    BlockDevice,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A socket.
    Socket,
}

impl FileType {
    /// Decodes the top four bits of a mode, or the type in a directory entry.
    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Fifo,
            2 => Self::CharDevice,
            4 => Self::Directory,
            6 => Self::BlockDevice,
            8 => Self::File,
            10 => Self::Symlink,
            12 => Self::Socket,
            _ => return None,
        })
    }
}

/// The attributes of an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Inode number.
    pub ino: u32,
    /// File type.
    pub file_type: FileType,
    /// Permission bits, including set-ID and sticky bits, without the file type.
    pub mode: u16,
    /// User ID of the owner.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// File flags.
    pub flags: u32,
    /// Size in bytes.
    pub size: u64,
    /// Allocated sectors of 512 bytes.
    pub sectors: u64,
    /// Number of links.
    pub nlink: u32,
    /// Time of the last access, in seconds since 1970.
    pub atime: i64,
    /// Time of the last modification of the content, in seconds since 1970.
    pub mtime: i64,
    /// Time of the last change of the inode, in seconds since 1970.
    pub ctime: i64,
    /// Time of creation, in seconds since 1970.
    pub birthtime: i64,
    /// Generation number.
    pub generation: u32,
    /// Device number; 0 if the inode is not a device.
    pub rdev: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub stat: Stat,
    pub direct: [u64; DIRECT],
    pub indirect: [u64; INDIRECT_LEVELS],
    pub short_symlink: Vec<u8>,
}

pub(super) fn decode(ino: u32, bytes: &[u8]) -> Result<Inode, ReadError> {
    let mode = u16_at(bytes, 0);
    let file_type = FileType::from_bits((mode >> 12) as u8).ok_or_else(|| {
        let why = if mode == 0 { "it is free".to_owned() } else { format!("mode {mode:o} has no type") };
        ReadError::corrupt(format!("inode {ino}"), why)
    })?;
    let is_device = matches!(file_type, FileType::CharDevice | FileType::BlockDevice);
    let stat = Stat {
        ino,
        file_type,
        mode: mode & 0o7777,
        uid: u32_at(bytes, 4),
        gid: u32_at(bytes, 8),
        flags: u32_at(bytes, 88),
        size: u64_at(bytes, 16),
        sectors: u64_at(bytes, 24),
        nlink: u16_at(bytes, 2).into(),
        atime: i64_at(bytes, 32),
        mtime: i64_at(bytes, 40),
        ctime: i64_at(bytes, 48),
        birthtime: i64_at(bytes, 56),
        generation: u32_at(bytes, 80),
        rdev: if is_device { u64_at(bytes, POINTERS) } else { 0 },
    };
    let pointer = |index: usize| u64_at(bytes, POINTERS + 8 * index);
    Ok(Inode {
        stat,
        direct: std::array::from_fn(pointer),
        indirect: std::array::from_fn(|level| pointer(DIRECT + level)),
        short_symlink: bytes[POINTERS..POINTERS + MAX_SYMLINK_LEN].to_vec(),
    })
}
