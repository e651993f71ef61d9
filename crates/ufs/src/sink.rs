//! Where the bytes go: positional writes into something that starts as all zeros.
//!
//! The invariant: no byte is written twice, so that writes may come from any thread in any order.
//! Images, partitions and devices do not belong here; whoever has them wraps a [`Sink`] around
//! them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// Takes the bytes of a file system.
///
/// It starts as all zeros, and what is never written stays zero (a new sparse file does this by
/// itself). Writes never overlap, come from several threads and in no particular order.
pub trait Sink: Sync {
    /// Writes all of `data` at `offset` bytes from the start of the file system.
    ///
    /// # Errors
    ///
    /// Whatever the medium says; the write of the file system ends with it.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;
}

impl Sink for File {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        FileExt::write_all_at(self, data, offset)
    }
}

impl<S: Sink + ?Sized> Sink for &S {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, data)
    }
}

/// A sink in memory, for small file systems and for tests.
#[derive(Debug, Default)]
pub struct Memory {
    bytes: Mutex<Vec<u8>>,
}

impl Memory {
    /// A sink of `size` zero bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { bytes: Mutex::new(vec![0; size]) }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(offset)
            .ok()
            .and_then(|start| bytes.get_mut(start..start.checked_add(data.len())?))
            .ok_or_else(|| io::Error::new(io::ErrorKind::WriteZero, "past the end of the memory"))?;
        place.copy_from_slice(data);
        Ok(())
    }
}
