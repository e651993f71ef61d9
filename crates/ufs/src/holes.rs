//! Finds the runs of zeros in a file that become holes.
//!
//! The invariant: which blocks hold data depends only on the bytes of the file, the block size and
//! the threshold, never on how the host stores the file. [`crate::Params::sparse_from`] describes
//! the rule. It is cheap to apply: a unit whose first bytes are not zero is not read any further.
//!
//! Blocks are numbered from the start of the file; their addresses do not belong here.

use std::ops::Range;
use std::time::SystemTime;

use crate::error::Error;
use crate::hostfile::{self, HostFile};
use crate::params::Params;
use crate::tree::Content;

/// Length and alignment of the runs of zeros that become holes (bytes).
const UNIT: u64 = 64 << 10;
/// Bytes of a unit that are checked first.
const PROBE: usize = 512;

/// The blocks of a file that hold data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Non-empty ranges in ascending order; no two of them are adjacent.
    pub data: Vec<Range<u64>>,
    /// Modification time of the host file; only for a file with holes.
    pub modified: Option<SystemTime>,
}

impl Blocks {
    /// The blocks of a file without holes.
    pub(crate) fn dense(size: u64, block: u32) -> Self {
        let blocks = size.div_ceil(block.into());
        let data = if blocks == 0 { Vec::new() } else { std::iter::once(0..blocks).collect() };
        Self { data, modified: None }
    }

    /// The blocks of a file in a file system with these parameters.
    pub(crate) fn of_file(content: &Content, params: &Params) -> Result<Self, Error> {
        match params.sparse_from {
            Some(threshold) if content.size() >= threshold => Self::find(content, params.block_size),
            _ => Ok(Self::dense(content.size(), params.block_size)),
        }
    }

    /// Finds the blocks of a file that hold data.
    pub(crate) fn find(content: &Content, block: u32) -> Result<Self, Error> {
        let size = content.size();
        let Some(file) = HostFile::open(content)? else {
            let data = scan(size, block, |offset, buf| hostfile::read(content, offset, buf, None))?;
            return Ok(Self { data, modified: None });
        };
        let dense = Self::dense(size, block);
        let data = scan(size, block, |offset, buf| file.read(offset, buf))?;
        if data == dense.data {
            return Ok(dense);
        }
        Ok(Self { data, modified: Some(file.modified()?) })
    }
}

/// Returns how many bytes of `content` a file system with these parameters stores: its size without
/// its holes.
///
/// # Errors
///
/// A host file that cannot be read.
pub fn stored_size(content: &Content, params: &Params) -> Result<u64, Error> {
    let (size, block) = (content.size(), u64::from(params.block_size));
    let blocks = Blocks::of_file(content, params)?;
    Ok(blocks.data.iter().map(|data| (data.end * block).min(size) - data.start * block).sum())
}

fn scan(
    size: u64,
    block: u32,
    read: impl Fn(u64, &mut [u8]) -> Result<(), Error>,
) -> Result<Vec<Range<u64>>, Error> {
    let unit = UNIT.max(block.into());
    let blocks = size.div_ceil(block.into());
    let mut buf = vec![0; unit as usize];
    let mut data: Vec<Range<u64>> = Vec::new();
    let mut offset = 0;
    while offset < size {
        let length = unit.min(size - offset) as usize;
        let end = offset + length as u64;
        let covered = offset / u64::from(block)..end.div_ceil(block.into());
        let kept = if !read_zeros(&mut buf[..length], |from, part| read(offset + from as u64, part))? {
            covered
        } else if covered.end == blocks {
            blocks - 1..blocks
        } else {
            covered.end..covered.end
        };
        match data.last_mut() {
            _ if kept.is_empty() => {}
            Some(last) if last.end == kept.start => last.end = kept.end,
            _ => data.push(kept),
        }
        offset = end;
    }
    Ok(data)
}

/// Reads into `buf` and returns whether all of it is zero; stops early if it is not.
fn read_zeros(buf: &mut [u8], read: impl Fn(usize, &mut [u8]) -> Result<(), Error>) -> Result<bool, Error> {
    let (probe, rest) = buf.split_at_mut(PROBE.min(buf.len()));
    read(0, probe)?;
    if !all_zero(probe) {
        return Ok(false);
    }
    if !rest.is_empty() {
        read(probe.len(), rest)?;
    }
    Ok(rest.chunks(PROBE).all(all_zero))
}

fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &[u8]) -> Vec<(u64, u64)> {
        bounds(&Blocks::find(&Content::Bytes(bytes.into()), 4096).unwrap())
    }

    fn bounds(blocks: &Blocks) -> Vec<(u64, u64)> {
        blocks.data.iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn whole_units_of_zeros_become_holes_and_the_last_block_never_does() {
        let unit = UNIT as usize;
        assert_eq!(data(&vec![0; unit]), [(15, 16)]);
        assert_eq!(data(&vec![0; unit + 1]), [(16, 17)]);
        let mut bytes = vec![0; 4 * unit];
        bytes[unit + 40_000] = 1;
        assert_eq!(data(&bytes), [(16, 32), (63, 64)]);
        bytes[2 * unit] = 1;
        assert_eq!(data(&bytes), [(16, 48), (63, 64)]);
        assert_eq!(data(&[]), []);
        assert_eq!(data(&[1]), [(0, 1)]);
    }

    #[test]
    fn a_host_file_gets_the_holes_that_its_bytes_would_get_in_memory() {
        let mut bytes = vec![0; 700_000];
        bytes[333_333] = 7;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let host = Content::Host { path: file.path().to_owned(), size: bytes.len() as u64 };
        let found = Blocks::find(&host, 4096).unwrap();
        assert_eq!(bounds(&found), data(&bytes));
        assert!(found.modified.is_some());
    }
}
