//! The bytes of an image that a card needs.
//!
//! Skipping the holes of the image file would not be enough: a block of zeros that a file system relies on is a hole,
//! too, and what the card had there before would be read as an inode, a directory or part of a file. So the file systems
//! decide. Only what they do not use (`ufs::Reader::unused`) and holes behind the last slice are skipped; everything
//! else is written, with its zeros: sector 0, the gap with the boot manager, boot areas, labels, headers, the boot state.
//!
//! The last sectors of the disk are cleared: FreeBSD could find a label of gmirror or graid or the backup GPT there, and
//! take the card for something else.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use bsd_disk::slice::Slice;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use builder::sparse;
use firmware::layout::{CFG_SLICE, DATA_SLICE};
use inspect::{Disk, DiskContent, Volume};

use crate::image::Image;

/// The backup GPT at the end of a disk: its table and its header.
const TAIL: Sectors = Sectors(33);
/// Parts begin and end at multiples of this, a page of flash (bytes).
const GRAIN: u64 = 4096;
/// Gaps that are shorter are written, too (bytes): a card handles few long writes better than many short ones.
const LEAST: u64 = 64 << 10;

/// The parts of `image` that a card of `card` bytes needs besides sector 0, in order. With `all`, the whole image.
///
/// # Errors
/// It is not a full image, or its holes cannot be found.
pub fn parts(image: &Image, card: u64, all: bool) -> Result<Vec<Range<u64>>> {
    let disk = Disk::open(image.path())?;
    let DiskContent::Card(mbr) = &disk.content else {
        bail!(
            "burning {}: it is the image of one slot, and a card needs the full image\n\
             hint: pass *.full.img; to update a unit, use the bundle (.fw)",
            image.path().display()
        );
    };
    let mut slices: Vec<Slice> = (1..=4).filter_map(|number| mbr.slice(number)).collect();
    slices.sort_by_key(|slice| slice.start);
    let behind = slices.iter().map(|slice| slice.end().bytes()).max().unwrap_or(0).min(image.bytes);
    let mut left_out = Vec::new();
    if !all {
        for slice in &slices {
            left_out.extend(unused(&disk, slice, image.bytes));
        }
        left_out.extend(holes(image, behind).context("planning what to burn")?);
    }
    let end = round_up(image.bytes, card);
    let mut parts = without(SECTOR_BYTES..end, left_out);
    let tail = card.saturating_sub(TAIL.bytes()).max(behind);
    add(&mut parts, tail..card);
    Ok(parts)
}

/// The bytes in `parts`.
pub fn bytes(parts: &[Range<u64>]) -> u64 {
    parts.iter().map(|part| part.end - part.start).sum()
}

/// An image ends with a sector, whatever its file's length.
fn round_up(bytes: u64, most: u64) -> u64 {
    bytes.next_multiple_of(SECTOR_BYTES).min(most)
}

/// The bytes that the file system in `slice` does not use: none if it cannot be read.
fn unused(disk: &Disk, slice: &Slice, end: u64) -> Vec<Range<u64>> {
    let (volume, start) = match slice.number {
        DATA_SLICE => (Volume::Data, Some(slice.start)),
        CFG_SLICE => (Volume::Cfg, disk.partition(slice).ok().map(|partition| partition.start)),
        number => (Volume::Slot(number), disk.partition(slice).ok().map(|partition| partition.start)),
    };
    let (Some(start), Ok(files)) = (start, disk.files(volume)) else { return Vec::new() };
    let Ok(unused) = files.unused() else { return Vec::new() };
    let most = slice.end().bytes().min(end);
    let shift = |range: Range<u64>| range.start + start.bytes()..(range.end + start.bytes()).min(most);
    unused.into_iter().map(shift).collect()
}

/// The holes of the image after `start`.
fn holes(image: &Image, start: u64) -> Result<Vec<Range<u64>>> {
    let mut holes = Vec::new();
    let mut at = start;
    for data in sparse::data(image.file(), image.bytes)?.into_iter().filter(|data| data.end > start) {
        add(&mut holes, at..data.start.max(at));
        at = data.end;
    }
    add(&mut holes, at..image.bytes);
    Ok(holes)
}

/// `whole` without `left_out`, which is in order; each of those is first cut to whole [`GRAIN`]s, and stays if that leaves
/// less than [`LEAST`].
fn without(whole: Range<u64>, left_out: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut at = whole.start;
    for range in left_out {
        let out = range.start.next_multiple_of(GRAIN)..range.end / GRAIN * GRAIN;
        if out.start >= at && out.end <= whole.end && out.end >= out.start + LEAST {
            add(&mut parts, at..out.start);
            at = out.end;
        }
    }
    add(&mut parts, at..whole.end);
    parts
}

/// Adds `range` after all of `parts`, or to the last of them.
fn add(parts: &mut Vec<Range<u64>>, range: Range<u64>) {
    match parts.last_mut() {
        _ if range.is_empty() => {}
        Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
        _ => parts.push(range),
    }
}
