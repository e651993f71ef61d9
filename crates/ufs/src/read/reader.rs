//! The reader: looks up inodes and reads their content.
//!
//! The invariant: block addresses come from the disk, so each is checked against the size of the
//! file system before it is used. Decoding on-disk structures does not belong here.

use super::directory::{self, Entry};
use super::error::ReadError;
use super::inode::{self, DIRECT, FileType, INDIRECT_LEVELS, Inode, MAX_SYMLINK_LEN, Stat};
use super::le;
use super::source::Source;
use super::superblock::{self, Geometry, Superblock};
use crate::error::printable;

/// Inode number of the root directory.
pub(super) const ROOT: u32 = 2;
/// The largest directory that is read (bytes). FreeBSD's limit is 2 GiB.
const MAX_DIRECTORY_SIZE: u64 = 64 << 20;
/// The longest target of a symbolic link that is read (bytes).
const MAX_SYMLINK_SIZE: u64 = 65536;

/// Reads a UFS2 file system.
#[derive(Debug)]
pub struct Reader<S> {
    source: S,
    /// Byte offset of the file system in the source.
    base: u64,
    superblock: Superblock,
    pub(super) geometry: Geometry,
}

impl<S: Source> Reader<S> {
    /// Opens a file system that starts at the start of the source.
    ///
    /// # Errors
    ///
    /// There is no UFS2 superblock, or it is inconsistent.
    pub fn open(source: S) -> Result<Self, ReadError> {
        Self::open_at(source, 0)
    }

    /// Opens a file system that starts `base` bytes into the source, such as a partition of an image.
    ///
    /// # Errors
    ///
    /// The same as for [`Reader::open`].
    pub fn open_at(source: S, base: u64) -> Result<Self, ReadError> {
        let mut bytes = vec![0; superblock::AREA_SIZE];
        for location in superblock::LOCATIONS {
            let Some(offset) = base.checked_add(location) else {
                break;
            };
            if source.read_at(offset, &mut bytes).is_err() {
                continue;
            }
            if let Some((superblock, geometry)) = superblock::decode(&bytes, location)? {
                return Ok(Self { source, base, superblock, geometry });
            }
        }
        Err(ReadError::NoSuperblock { base })
    }

    /// Returns the superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Returns the inode number of the root directory.
    pub fn root(&self) -> u32 {
        ROOT
    }

    /// Returns the attributes of an inode.
    ///
    /// # Errors
    ///
    /// An inode number out of range; a free inode; an inode without a file type.
    pub fn stat(&self, ino: u32) -> Result<Stat, ReadError> {
        Ok(self.inode(ino)?.stat)
    }

    /// Returns the attributes of the inode at a path from the root, such as `/etc/motd`. Symbolic
    /// links are not followed.
    ///
    /// # Errors
    ///
    /// A path that does not exist or that leads through something other than a directory.
    pub fn lookup(&self, path: &[u8]) -> Result<Stat, ReadError> {
        let mut ino = ROOT;
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            let found = self.list(ino)?.into_iter().find(|entry| entry.name == name);
            ino = found
                .ok_or_else(|| ReadError::NotFound { path: printable(path), name: printable(name) })?
                .ino;
        }
        self.stat(ino)
    }

    /// Returns the entries of a directory in on-disk order, including `.` and `..`.
    ///
    /// # Errors
    ///
    /// An inode that is not a directory; inconsistent entries.
    pub fn list(&self, ino: u32) -> Result<Vec<Entry>, ReadError> {
        let inode = self.inode(ino)?;
        if inode.stat.file_type != FileType::Directory {
            return Err(ReadError::WrongType { inode: ino, wanted: "directory" });
        }
        if inode.stat.sectors == 0 {
            return Err(ReadError::corrupt(format!("directory {ino}"), "it has no blocks"));
        }
        directory::decode(ino, &self.read_whole(&inode, MAX_DIRECTORY_SIZE.min(self.superblock.size))?)
    }

    /// Reads a regular file from byte `offset` on and returns the number of bytes read. It is less
    /// than the length of `buf` only at the end of the file. Holes are read as zeros.
    ///
    /// # Errors
    ///
    /// An inode that is not a regular file; pointers outside the file system.
    pub fn read_at(&self, ino: u32, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        self.read_content(&self.regular_file(ino)?, offset, buf)
    }

    /// Reads a whole regular file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// The same as for [`Reader::read_at`]; a file larger than `limit`.
    pub fn read(&self, ino: u32, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.read_whole(&self.regular_file(ino)?, limit)
    }

    /// Returns the target of a symbolic link.
    ///
    /// # Errors
    ///
    /// An inode that is not a symbolic link; a target that is too long.
    pub fn read_link(&self, ino: u32) -> Result<Vec<u8>, ReadError> {
        let inode = self.inode(ino)?;
        if inode.stat.file_type != FileType::Symlink {
            return Err(ReadError::WrongType { inode: ino, wanted: "symbolic link" });
        }
        match usize::try_from(inode.stat.size) {
            Ok(size) if size < MAX_SYMLINK_LEN => Ok(inode.short_symlink[..size].to_vec()),
            _ => self.read_whole(&inode, MAX_SYMLINK_SIZE),
        }
    }

    fn regular_file(&self, ino: u32) -> Result<Inode, ReadError> {
        let inode = self.inode(ino)?;
        match inode.stat.file_type {
            FileType::File => Ok(inode),
            _ => Err(ReadError::WrongType { inode: ino, wanted: "regular file" }),
        }
    }

    fn inode(&self, ino: u32) -> Result<Inode, ReadError> {
        let Geometry { ipg, fpg, iblkno, groups, .. } = self.geometry;
        let group = ino / ipg;
        if ino < ROOT || group >= groups {
            return Err(ReadError::corrupt(format!("inode {ino}"), "the number is out of range"));
        }
        let table = u64::from(group) * fpg + iblkno;
        let within = u64::from(ino % ipg) * inode::SIZE as u64;
        let mut bytes = [0; inode::SIZE];
        self.read_bytes(table * self.geometry.fragment_size + within, &mut bytes)?;
        inode::decode(ino, &bytes)
    }

    fn read_whole(&self, inode: &Inode, limit: u64) -> Result<Vec<u8>, ReadError> {
        let Stat { ino, size, .. } = inode.stat;
        // Because of holes, a file may be larger than the file system.
        let length = usize::try_from(size).ok().filter(|_| size <= limit);
        let length = length.ok_or(ReadError::TooLarge { inode: ino, size, limit })?;
        let mut bytes = vec![0; length];
        self.read_content(inode, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn read_content(&self, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        let rest = inode.stat.size.saturating_sub(offset);
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let block_size = self.geometry.block_size;
        let mut cache = IndirectBlocks::default();
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = at % block_size;
            let count = ((block_size - within) as usize).min(length - done);
            let part = &mut buf[done..done + count];
            match self.address(inode, at / block_size, &mut cache)? {
                0 => part.fill(0),
                fragment => {
                    self.check_address(&inode.stat, fragment, within + count as u64)?;
                    self.read_bytes(fragment * self.geometry.fragment_size + within, part)?;
                }
            }
            done += count;
        }
        Ok(length)
    }

    /// Returns the address of a block of a file, in fragments; 0 for a hole.
    fn address(&self, inode: &Inode, block: u64, cache: &mut IndirectBlocks) -> Result<u64, ReadError> {
        if let Some(&direct) = usize::try_from(block).ok().and_then(|block| inode.direct.get(block)) {
            return Ok(direct);
        }
        let fanout = self.geometry.block_size / 8;
        let mut index = block - DIRECT as u64;
        for (level, &root) in inode.indirect.iter().enumerate() {
            let mut span = fanout.pow(level as u32 + 1);
            if index >= span {
                index -= span;
                continue;
            }
            let mut fragment = root;
            for depth in 0..=level {
                if fragment == 0 {
                    return Ok(0);
                }
                self.check_address(&inode.stat, fragment, self.geometry.block_size)?;
                span /= fanout;
                let pointers = cache.get(depth, fragment, |bytes| {
                    bytes.resize(self.geometry.block_size as usize, 0);
                    self.read_bytes(fragment * self.geometry.fragment_size, bytes)
                })?;
                fragment = le::u64_at(pointers, 8 * (index / span) as usize);
                index %= span;
            }
            return Ok(fragment);
        }
        let why = format!("its size of {} bytes exceeds what its pointers can address", inode.stat.size);
        Err(ReadError::corrupt(format!("inode {}", inode.stat.ino), why))
    }

    /// Checks that `length` bytes from a fragment on are inside the file system.
    fn check_address(&self, stat: &Stat, fragment: u64, length: u64) -> Result<(), ReadError> {
        let end = fragment.checked_add(length.div_ceil(self.geometry.fragment_size));
        if end.is_some_and(|end| end <= self.geometry.size) {
            return Ok(());
        }
        let why = format!("it points to fragment {fragment}, but the file system has {}", self.geometry.size);
        Err(ReadError::corrupt(format!("inode {}", stat.ino), why))
    }

    pub(super) fn read_bytes(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let offset = self.base.saturating_add(offset);
        let length = buf.len();
        self.source.read_at(offset, buf).map_err(|source| ReadError::Io { offset, length, source })
    }
}

/// Cache of the indirect blocks that were read last, one per level.
#[derive(Default)]
struct IndirectBlocks {
    levels: [(u64, Vec<u8>); INDIRECT_LEVELS],
}

impl IndirectBlocks {
    fn get(
        &mut self,
        level: usize,
        fragment: u64,
        read: impl FnOnce(&mut Vec<u8>) -> Result<(), ReadError>,
    ) -> Result<&[u8], ReadError> {
        let (cached, bytes) = &mut self.levels[level];
        if *cached != fragment {
            *cached = 0;
            read(bytes)?;
            *cached = fragment;
        }
        Ok(bytes)
    }
}
