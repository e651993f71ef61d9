//! Reads UFS2 file systems, of this crate and of FreeBSD, for tools that show and compare them.
//!
//! The invariant: whatever the bytes are, the answer is a value or a [`ReadError`], in bounded
//! time and memory: no panic, no endless walk, no allocation by a size that the disk claims. The
//! reader shares no structure with the writer (only the check-hash), so that each can judge the
//! other.
//!
//! Following symbolic links, extended attributes and UFS1 do not belong here.

mod directory;
mod error;
mod inode;
mod le;
mod source;
mod superblock;
mod unused;
mod walk;

pub use directory::Entry;
pub use error::ReadError;
pub use inode::{FileType, Stat};
pub use source::{Seeking, Source};
pub use superblock::Superblock;
pub use walk::{Visit, Walk};

use self::inode::{DIRECT, Inode, LEVELS, SHORT_LINK};
use self::superblock::Shape;

/// Inode of the root directory.
const ROOT: u32 = 2;
/// The largest directory that is read (bytes); FreeBSD's own limit is 2 GiB.
const MAX_DIRECTORY: u64 = 64 << 20;
/// The longest target of a symbolic link that is read (bytes).
const MAX_LINK: u64 = 65536;

/// A UFS2 file system that can be read.
#[derive(Debug)]
pub struct Reader<S> {
    source: S,
    base: u64,
    facts: Superblock,
    shape: Shape,
}

impl<S: Source> Reader<S> {
    /// Opens a file system that begins where the source begins.
    ///
    /// # Errors
    ///
    /// No superblock of UFS2, or one that contradicts itself.
    pub fn open(source: S) -> Result<Self, ReadError> {
        Self::open_at(source, 0)
    }

    /// Opens a file system that begins `base` bytes into the source: a partition of an image.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn open_at(source: S, base: u64) -> Result<Self, ReadError> {
        let mut bytes = vec![0; superblock::ROOM];
        for place in superblock::PLACES {
            let Some(offset) = base.checked_add(place) else {
                break;
            };
            if source.read_at(offset, &mut bytes).is_err() {
                continue;
            }
            if let Some((facts, shape)) = superblock::decode(&bytes, place)? {
                return Ok(Self { source, base, facts, shape });
            }
        }
        Err(ReadError::NoSuperblock { base })
    }

    /// What the superblock says.
    pub fn superblock(&self) -> &Superblock {
        &self.facts
    }

    /// Inode number of the root directory.
    pub fn root(&self) -> u32 {
        ROOT
    }

    /// What an inode says.
    ///
    /// # Errors
    ///
    /// A number that there is not, a free inode, an inode without a type.
    pub fn stat(&self, ino: u32) -> Result<Stat, ReadError> {
        Ok(self.inode(ino)?.stat)
    }

    /// The inode at a path from the root: `/etc/motd`. Symbolic links are not followed.
    ///
    /// # Errors
    ///
    /// A path that does not exist or leads through something that is no directory.
    pub fn lookup(&self, path: &[u8]) -> Result<Stat, ReadError> {
        let mut ino = ROOT;
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            let found = self.list(ino)?.into_iter().find(|entry| entry.name == name);
            ino = found
                .ok_or_else(|| ReadError::NotFound {
                    path: crate::error::shown(path),
                    name: crate::error::shown(name),
                })?
                .ino;
        }
        self.stat(ino)
    }

    /// The names of a directory in its order, `.` and `..` included.
    ///
    /// # Errors
    ///
    /// An inode that is no directory; entries that contradict themselves.
    pub fn list(&self, ino: u32) -> Result<Vec<Entry>, ReadError> {
        let inode = self.inode(ino)?;
        if inode.stat.file_type != FileType::Directory {
            return Err(ReadError::WrongType { inode: ino, wanted: "directory" });
        }
        if inode.stat.sectors == 0 {
            return Err(ReadError::corrupt(format!("directory {ino}"), "it has no blocks"));
        }
        directory::decode(ino, &self.whole(&inode, MAX_DIRECTORY.min(self.facts.size))?)
    }

    /// Reads from the byte `offset` of a regular file; returns how many bytes were read, which is
    /// less than `buf` has only at the end of the file. Holes read as zeros.
    ///
    /// # Errors
    ///
    /// An inode that is no regular file; pointers that lead outside of the file system.
    pub fn read_at(&self, ino: u32, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        self.content(&self.file(ino)?, offset, buf)
    }

    /// Reads a regular file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`Reader::read_at`]; also a file that is larger.
    pub fn read(&self, ino: u32, limit: u64) -> Result<Vec<u8>, ReadError> {
        self.whole(&self.file(ino)?, limit)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    ///
    /// An inode that is no symbolic link.
    pub fn read_link(&self, ino: u32) -> Result<Vec<u8>, ReadError> {
        let inode = self.inode(ino)?;
        if inode.stat.file_type != FileType::Symlink {
            return Err(ReadError::WrongType { inode: ino, wanted: "symbolic link" });
        }
        match usize::try_from(inode.stat.size) {
            Ok(size) if size < SHORT_LINK => Ok(inode.short_link[..size].to_vec()),
            _ => self.whole(&inode, MAX_LINK),
        }
    }

    /// Every name below the root, and the root: parents before children, siblings in the order of
    /// their directory. A directory that is met twice is an error.
    pub fn walk(&self) -> Walk<'_, S> {
        Walk::new(self)
    }

    fn file(&self, ino: u32) -> Result<Inode, ReadError> {
        let inode = self.inode(ino)?;
        match inode.stat.file_type {
            FileType::File => Ok(inode),
            _ => Err(ReadError::WrongType { inode: ino, wanted: "regular file" }),
        }
    }

    fn inode(&self, ino: u32) -> Result<Inode, ReadError> {
        let Shape { inodes_per_group, fragments_per_group, inode_fragment, groups, .. } = self.shape;
        let group = ino / inodes_per_group;
        if ino < ROOT || group >= groups {
            return Err(ReadError::corrupt(format!("inode {ino}"), "there is no such inode"));
        }
        let table = u64::from(group) * fragments_per_group + inode_fragment;
        let within = u64::from(ino % inodes_per_group) * inode::SIZE as u64;
        let mut bytes = [0; inode::SIZE];
        self.bytes(table * self.shape.fragment + within, &mut bytes)?;
        inode::decode(ino, &bytes)
    }

    fn whole(&self, inode: &Inode, limit: u64) -> Result<Vec<u8>, ReadError> {
        let Stat { ino, size, .. } = inode.stat;
        // A file may be larger than the file system by its holes, but not larger than the limit.
        let length = usize::try_from(size).ok().filter(|_| size <= limit);
        let length = length.ok_or(ReadError::TooLarge { inode: ino, size, limit })?;
        let mut bytes = vec![0; length];
        self.content(inode, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn content(&self, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        let rest = inode.stat.size.saturating_sub(offset);
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let block = self.shape.block;
        let mut pointers = PointerBlocks::default();
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = at % block;
            let count = ((block - within) as usize).min(length - done);
            let part = &mut buf[done..done + count];
            match self.address(inode, at / block, &mut pointers)? {
                0 => part.fill(0),
                fragment => {
                    self.inside(&inode.stat, fragment, within + count as u64)?;
                    self.bytes(fragment * self.shape.fragment + within, part)?;
                }
            }
            done += count;
        }
        Ok(length)
    }

    /// The fragment where a block of a file is, 0 for a hole.
    fn address(&self, inode: &Inode, block: u64, cache: &mut PointerBlocks) -> Result<u64, ReadError> {
        if let Some(&direct) = usize::try_from(block).ok().and_then(|block| inode.direct.get(block)) {
            return Ok(direct);
        }
        let fan = self.shape.block / 8;
        let mut index = block - DIRECT as u64;
        for (level, &root) in inode.indirect.iter().enumerate() {
            let mut span = fan.pow(level as u32 + 1);
            if index >= span {
                index -= span;
                continue;
            }
            let mut fragment = root;
            for depth in 0..=level {
                if fragment == 0 {
                    return Ok(0);
                }
                self.inside(&inode.stat, fragment, self.shape.block)?;
                span /= fan;
                let pointers = cache.get(depth, fragment, |bytes| {
                    bytes.resize(self.shape.block as usize, 0);
                    self.bytes(fragment * self.shape.fragment, bytes)
                })?;
                fragment = le::u64_at(pointers, 8 * (index / span) as usize);
                index %= span;
            }
            return Ok(fragment);
        }
        let why = format!("{} bytes are more than its pointers reach", inode.stat.size);
        Err(ReadError::corrupt(format!("inode {}", inode.stat.ino), why))
    }

    /// Whether `length` bytes from a fragment on are in the file system.
    fn inside(&self, stat: &Stat, fragment: u64, length: u64) -> Result<(), ReadError> {
        let end = fragment.checked_add(length.div_ceil(self.shape.fragment));
        if end.is_some_and(|end| end <= self.shape.size) {
            return Ok(());
        }
        let why = format!("it points to fragment {fragment}, the file system has {}", self.shape.size);
        Err(ReadError::corrupt(format!("inode {}", stat.ino), why))
    }

    fn bytes(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let offset = self.base.saturating_add(offset);
        let length = buf.len();
        self.source.read_at(offset, buf).map_err(|source| ReadError::Io { offset, length, source })
    }
}

/// The pointer blocks that were read last, one a level.
#[derive(Default)]
struct PointerBlocks {
    levels: [(u64, Vec<u8>); LEVELS],
}

impl PointerBlocks {
    fn get(
        &mut self,
        level: usize,
        fragment: u64,
        read: impl FnOnce(&mut Vec<u8>) -> Result<(), ReadError>,
    ) -> Result<&[u8], ReadError> {
        let (known, bytes) = &mut self.levels[level];
        if *known != fragment {
            *known = 0;
            read(bytes)?;
            *known = fragment;
        }
        Ok(bytes)
    }
}
