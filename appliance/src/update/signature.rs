//! The signature in the first sector of a slot, without which no boot program starts it.

use std::io;
use std::ops::Range;

use bsd_disk::units::{SECTOR_BYTES, Sectors};

use crate::disk::Storage;

/// Where the signature is in the first sector.
pub const SIGNATURE: Range<usize> = 510..512;
/// Its value.
const VALUE: [u8; 2] = [0x55, 0xaa];

/// A sector.
type Sector = [u8; SECTOR_BYTES as usize];

/// Whether the slot has the signature.
///
/// # Errors
/// The disk fails.
pub fn is_armed(slice: &mut impl Storage) -> io::Result<bool> {
    Ok(first_sector(slice)?[SIGNATURE] == VALUE)
}

/// Writes the signature, unless it is there.
///
/// # Errors
/// The disk fails or does not keep the sector.
pub fn arm(slice: &mut impl Storage) -> io::Result<()> {
    set(slice, VALUE)
}

/// Clears the signature, unless it is cleared already.
///
/// # Errors
/// The disk fails or does not keep the sector.
pub fn disarm(slice: &mut impl Storage) -> io::Result<()> {
    set(slice, [0; 2])
}

/// Puts the signature into the first bytes of a slot in memory.
pub fn restore(head: &mut [u8]) {
    head[SIGNATURE].copy_from_slice(&VALUE);
}

fn set(slice: &mut impl Storage, value: [u8; 2]) -> io::Result<()> {
    let mut sector = first_sector(slice)?;
    if sector[SIGNATURE] == value {
        return Ok(());
    }
    sector[SIGNATURE].copy_from_slice(&value);
    slice.write_at(Sectors::ZERO, &sector)?;
    slice.flush()?;
    match first_sector(slice)? == sector {
        true => Ok(()),
        false => Err(io::Error::other("its first sector does not read back as it was written")),
    }
}

fn first_sector(slice: &mut impl Storage) -> io::Result<Sector> {
    let mut sector = [0; SECTOR_BYTES as usize];
    slice.read_at(Sectors::ZERO, &mut sector)?;
    Ok(sector)
}
