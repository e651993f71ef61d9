//! Reads the content of files, and insists that they are what was planned.
//!
//! The invariant: bytes are handed over only from a file that has the size of the plan, and, where
//! the plan left out zeros, that was not modified since. Nothing here knows blocks.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use crate::error::Error;
use crate::tree::Content;

/// A file of the host that has as many bytes as the tree says.
pub(crate) struct HostFile<'c> {
    path: &'c Path,
    start: u64,
    file: File,
    metadata: Metadata,
}

impl<'c> HostFile<'c> {
    /// Opens what `content` names; `None` where it is in memory.
    pub(crate) fn open(content: &'c Content) -> Result<Option<Self>, Error> {
        let (path, start, size, whole) = match content {
            Content::Bytes(_) => return Ok(None),
            Content::Host { path, size } => (path, 0, *size, true),
            Content::Part { path, offset, size } => (path, *offset, *size, false),
        };
        let failed = |source| Error::Host { path: path.clone(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (planned, found) = (start.saturating_add(size), metadata.len());
        if found < planned || (whole && found > planned) {
            return Err(Error::SizeChanged { path: path.clone(), planned, found });
        }
        Ok(Some(Self { path, start, file, metadata }))
    }

    /// Fills `bytes` from the byte `from` of the content.
    pub(crate) fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(bytes, self.start + from).map_err(|source| {
            if source.kind() != io::ErrorKind::UnexpectedEof {
                return self.failed(source);
            }
            let planned = self.start + from + bytes.len() as u64;
            match self.file.metadata() {
                Ok(now) => Error::SizeChanged { path: self.path.to_owned(), planned, found: now.len() },
                Err(source) => self.failed(source),
            }
        })
    }

    /// When the file was modified last.
    pub(crate) fn modified(&self) -> Result<SystemTime, Error> {
        self.metadata.modified().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Host { path: self.path.to_owned(), source }
    }
}

/// Fills `bytes` from the byte `from` of a content; `modified` is the time that it must still have.
pub(crate) fn read(
    content: &Content,
    from: u64,
    bytes: &mut [u8],
    modified: Option<SystemTime>,
) -> Result<(), Error> {
    if let Content::Bytes(whole) = content {
        let start = from as usize;
        bytes.copy_from_slice(&whole[start..start + bytes.len()]);
        return Ok(());
    }
    let Some(file) = HostFile::open(content)? else {
        return Ok(());
    };
    if let Some(planned) = modified
        && file.modified()? != planned
    {
        return Err(Error::Modified { path: file.path.to_owned() });
    }
    file.read(from, bytes)
}
