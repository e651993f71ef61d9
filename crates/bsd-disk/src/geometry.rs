//! Cylinders, heads and sectors, as a BIOS counts a disk.

use serde::{Deserialize, Serialize};

use crate::units::Sectors;

/// Flash is erased and written in multiples of this: 4 KiB.
pub const FLASH_PAGE: Sectors = Sectors(8);

/// The most cylinders of a disk (`ATA` and `g_part` count them with 16 bits).
const CYLINDERS_MAX: u64 = 65_535;

/// How the BIOS counts the disk: sectors in a track and heads in a cylinder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// Sectors in a track: 63 but for very small cards.
    pub sectors: u32,
    /// Heads: 16 as a card reports it, 32 and more as a BIOS translates it, at most 255.
    pub heads: u32,
}

/// A geometry that no BIOS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "planning the disk: a geometry of {sectors} sectors a track and {heads} heads is none that a BIOS has (1 to 63 \
     sectors, 1 to 255 heads); 63 and 16 suit most CompactFlash cards"
)]
pub struct GeometryError {
    /// Sectors a track, as given.
    pub sectors: u32,
    /// Heads, as given.
    pub heads: u32,
}

impl Geometry {
    /// A geometry, checked.
    ///
    /// # Errors
    /// A BIOS cannot have it.
    pub const fn new(sectors: u32, heads: u32) -> Result<Self, GeometryError> {
        let geometry = Self { sectors, heads };
        match geometry.check() {
            Ok(()) => Ok(geometry),
            Err(error) => Err(error),
        }
    }

    /// Checks that INT 13h can address it: a sector number has 6 bits and starts at 1, a head number has 8 bits, and 256
    /// heads are known to stop BIOSes.
    ///
    /// # Errors
    /// A BIOS cannot have it.
    pub const fn check(self) -> Result<(), GeometryError> {
        if self.sectors < 1 || self.sectors > 63 || self.heads < 1 || self.heads > 255 {
            return Err(GeometryError { sectors: self.sectors, heads: self.heads });
        }
        Ok(())
    }

    /// One cylinder.
    pub fn cylinder(self) -> Sectors {
        Sectors(u64::from(self.sectors) * u64::from(self.heads))
    }

    /// What slices are aligned to: a cylinder where that is whole flash pages, else the least number of whole tracks
    /// that is.
    pub fn unit(self) -> Sectors {
        let cylinder = self.cylinder();
        if cylinder.is_multiple_of(FLASH_PAGE) {
            return cylinder;
        }
        let track = u64::from(self.sectors);
        Sectors(track * FLASH_PAGE.0 / greatest_common_divisor(track, FLASH_PAGE.0))
    }

    /// The most sectors that a disk of this geometry may have.
    pub fn capacity(self) -> Sectors {
        self.cylinder() * CYLINDERS_MAX
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
