//! The card itself: what is written to it and read from it, past the caches of the host.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::Advice;

/// The most bytes that are read or written at once.
pub const CHUNK: u64 = 1 << 20;

/// What direct I/O may ask of a buffer's address: a page.
const ALIGNMENT: usize = 4096;

/// Something that an image is burnt onto. Offsets and lengths are whole sectors, in bytes, and the bytes lie in a
/// [`Buffer`].
pub trait Card {
    /// Writes `bytes` from `at` on.
    ///
    /// # Errors
    /// The card does not take them.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `bytes` with what the card itself holds from `at` on.
    ///
    /// # Errors
    /// The card does not give them.
    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Waits until everything that was written is on the card, and makes sure that it is read from there.
    ///
    /// # Errors
    /// Something did not get there.
    fn flush(&mut self) -> io::Result<()>;
}

/// A disk that was opened for direct I/O, or a file.
impl Card for File {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, at)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sync_all()?;
        // A disk is read past the cache anyway, and FreeBSD takes no advice for one. No length means all of it.
        if self.metadata()?.is_file() {
            rustix::fs::fadvise(&*self, 0, None, Advice::DontNeed)?;
        }
        Ok(())
    }
}

/// Room for a chunk, where direct I/O wants it.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// Zeros.
    pub fn new() -> Self {
        let bytes = vec![0; CHUNK as usize + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start }
    }

    /// Room for `range`, which is no longer than a chunk.
    pub fn part(&mut self, range: &Range<u64>) -> &mut [u8] {
        &mut self.bytes[self.start..][..(range.end - range.start) as usize]
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}
