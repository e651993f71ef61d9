//! Reads the content of files and checks that host files have not changed since they were planned.
//!
//! The invariant: content is returned only from a file that has the planned size and, if the plan
//! has holes for it, that has not been modified since. Blocks do not belong here.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use crate::error::Error;
use crate::tree::Content;

/// A host file whose size has been checked against the tree.
pub(crate) struct HostFile<'c> {
    path: &'c Path,
    start: u64,
    file: File,
    metadata: Metadata,
}

impl<'c> HostFile<'c> {
    /// Opens the file of `content`; `None` if the content is in memory.
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

    /// Fills `bytes` with the content from byte `from` on.
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

    /// Returns the modification time as of opening the file.
    pub(crate) fn modified(&self) -> Result<SystemTime, Error> {
        self.metadata.modified().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Host { path: self.path.to_owned(), source }
    }
}

/// Fills `bytes` with `content` from byte `from` on. If `modified` is given, the modification time
/// of the host file must equal it.
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
