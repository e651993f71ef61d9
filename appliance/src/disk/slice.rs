//! A slice or partition of the card, read and written by sectors.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bsd_disk::units::Sectors;

use super::storage::Storage;
use crate::sys;

/// What a slice is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// An open slice, which is a slot, or a partition of slice 3.
pub struct Slice {
    file: File,
    size: Sectors,
}

impl Slice {
    /// Opens the slice at `path`, such as `/dev/ada0s1`.
    ///
    /// # Errors
    /// It cannot be opened, or is not a disk. The kernel refuses to open it for writing (`EPERM`) while a file system on
    /// it is mounted for writing.
    pub fn open(path: &str, access: Access) -> io::Result<Self> {
        let file = File::options().read(true).write(access == Access::Write).open(path)?;
        let size = Sectors(sys::media_size(&file)? / Sectors(1).bytes());
        Ok(Self { file, size })
    }
}

impl Storage for Slice {
    fn size(&self) -> Sectors {
        self.size
    }

    fn read_at(&mut self, at: Sectors, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at.bytes())
    }

    fn write_at(&mut self, at: Sectors, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at.bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        sys::flush(&self.file)
    }
}
