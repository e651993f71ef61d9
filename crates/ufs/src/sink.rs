//! The destination of a file system: positional writes to a medium that starts as all zeros.
//!
//! The invariant: no byte is written twice, so writes may come from any thread in any order.
//! Images, partitions and devices do not belong here; their owners implement [`Sink`] for them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// A destination for the bytes of a file system.
///
/// It starts as all zeros, and what is never written stays zero (as in a new sparse file). Writes
/// never overlap and come from several threads, in no particular order.
pub trait Sink: Sync {
    /// Writes all of `data` at `offset` bytes from the start of the file system.
    ///
    /// # Errors
    ///
    /// Any error of the medium; it ends the write of the file system.
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
    /// Creates a sink of `size` zero bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { bytes: Mutex::new(vec![0; size]) }
    }

    /// Returns the bytes of the file system.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let target = usize::try_from(offset)
            .ok()
            .and_then(|start| bytes.get_mut(start..start.checked_add(data.len())?))
            .ok_or_else(|| io::Error::new(io::ErrorKind::WriteZero, "past the end of the memory"))?;
        target.copy_from_slice(data);
        Ok(())
    }
}
