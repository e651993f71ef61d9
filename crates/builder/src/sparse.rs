//! Where a sparse file has data: an image is mostly holes, which need not be read to know that they are zero.

use std::fs::File;
use std::ops::Range;

use anyhow::{Context, Result};
use rustix::fs::SeekFrom;

/// The parts of the first `bytes` bytes of `file` that may be other than zero, in order.
///
/// # Errors
/// The file cannot be asked.
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

/// Where data or a hole begins, at `end` if there is no more.
fn seek(file: &File, from: SeekFrom, end: u64) -> Result<u64> {
    match rustix::fs::seek(file, from) {
        Ok(at) => Ok(at.min(end)),
        Err(rustix::io::Errno::NXIO) => Ok(end),
        Err(error) => Err(error).context("looking for holes"),
    }
}
