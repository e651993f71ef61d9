//! The card itself, written and read past the caches of the host.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::Advice;

/// The most bytes that are read or written at a time.
pub const CHUNK: u64 = 1 << 20;

/// The alignment that direct I/O may require of a buffer: a page.
const ALIGNMENT: usize = 4096;

/// Something that an image is burnt to. Offsets and lengths are in bytes, of whole sectors; the bytes are in a
/// [`Buffer`].
pub trait Card {
    /// Writes `bytes` from `at` on.
    ///
    /// # Errors
    /// The card cannot be written.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `bytes` with what the card itself holds from `at` on.
    ///
    /// # Errors
    /// The card cannot be read.
    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Waits until everything is on the card, and has later reads come from there.
    ///
    /// # Errors
    /// Something could not be written.
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
        // A disk bypasses the cache anyway, and FreeBSD accepts no advice for it. No length means the whole file.
        if self.metadata()?.is_file() {
            rustix::fs::fadvise(&*self, 0, None, Advice::DontNeed)?;
        }
        Ok(())
    }
}

/// A buffer for a chunk, aligned for direct I/O.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// A buffer of zeros.
    pub fn new() -> Self {
        let bytes = vec![0; CHUNK as usize + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start }
    }

    /// The bytes for `range`, which is no longer than a chunk.
    pub fn part(&mut self, range: &Range<u64>) -> &mut [u8] {
        &mut self.bytes[self.start..][..(range.end - range.start) as usize]
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}
