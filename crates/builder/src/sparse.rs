//! Finding the data in sparse files. An image is mostly holes, which are zero and need not be read.

use std::fs::File;
use std::ops::Range;

use anyhow::{Context, Result};
use rustix::fs::SeekFrom;

/// The ranges of the first `bytes` bytes of `file` that are not holes, in order.
///
/// # Errors
/// The host cannot find the holes of the file.
pub fn data(file: &File, bytes: u64) -> Result<Vec<Range<u64>>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < bytes {
        let data = seek(file, SeekFrom::Data(at), bytes)?;
        if data >= bytes {
            break;
        }
        at = seek(file, SeekFrom::Hole(data), bytes)?;
        parts.push(data..at);
    }
    Ok(parts)
}

/// The offset where the next data or hole begins, or `end` if there is none.
fn seek(file: &File, from: SeekFrom, end: u64) -> Result<u64> {
    match rustix::fs::seek(file, from) {
        Ok(at) => Ok(at.min(end)),
        Err(rustix::io::Errno::NXIO) => Ok(end),
        Err(error) => Err(error).context("looking for holes"),
    }
}
