//! Disk geometry: the cylinders, heads and sectors in which a BIOS counts a disk.

use serde::{Deserialize, Serialize};

use crate::units::Sectors;

/// The unit in which flash is erased and written: 4 KiB.
pub const FLASH_PAGE: Sectors = Sectors(8);

/// The most cylinders of a disk (`ATA` and `g_part` count them with 16 bits).
const CYLINDERS_MAX: u64 = 65_535;

/// Sectors per track and heads per cylinder, as the BIOS counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// Sectors per track: 63, except on very small cards.
    pub sectors: u32,
    /// Heads per cylinder: 16 as reported by a card, 32 or more as translated by a BIOS, at most 255.
    pub heads: u32,
}

/// A geometry that no BIOS supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "planning the disk: no BIOS supports a geometry of {sectors} sectors per track and {heads} heads (1 to 63 sectors, 1 to \
     255 heads)\nhint: most CompactFlash cards work with 63 sectors and 16 heads"
)]
pub struct GeometryError {
    /// Sectors per track, as given.
    pub sectors: u32,
    /// Heads, as given.
    pub heads: u32,
}

impl Geometry {
    /// Creates a geometry that is known to be valid.
    ///
    /// # Errors
    /// No BIOS supports it.
    pub const fn new(sectors: u32, heads: u32) -> Result<Self, GeometryError> {
        let geometry = Self { sectors, heads };
        match geometry.check() {
            Ok(()) => Ok(geometry),
            Err(error) => Err(error),
        }
    }

    /// Checks that INT 13h can address it: a sector number has 6 bits and starts at 1, a head number has 8 bits, and 256
    /// heads are known to crash some BIOSes.
    ///
    /// # Errors
    /// No BIOS supports it.
    pub const fn check(self) -> Result<(), GeometryError> {
        if self.sectors < 1 || self.sectors > 63 || self.heads < 1 || self.heads > 255 {
            return Err(GeometryError { sectors: self.sectors, heads: self.heads });
        }
        Ok(())
    }

    /// The size of one cylinder.
    pub fn cylinder(self) -> Sectors {
        Sectors(u64::from(self.sectors) * u64::from(self.heads))
    }

    /// The alignment of slices: one cylinder if that is a whole number of flash pages, otherwise the smallest number of
    /// tracks that is.
    pub fn unit(self) -> Sectors {
        let cylinder = self.cylinder();
        if cylinder.is_multiple_of(FLASH_PAGE) {
            return cylinder;
        }
        let track = u64::from(self.sectors);
        Sectors(track * FLASH_PAGE.0 / greatest_common_divisor(track, FLASH_PAGE.0))
    }

    /// The most sectors that a disk of this geometry can have.
    pub fn capacity(self) -> Sectors {
        self.cylinder() * CYLINDERS_MAX
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
