//! A slice, which is FreeBSD's name for a partition in the MBR's table.

use serde::{Deserialize, Serialize};

use crate::units::Sectors;

/// One slice of the MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The number of the slice, 1 to 4, as in `ada0s1`.
    pub number: u8,
    /// The first sector, counted from the start of the disk.
    pub start: Sectors,
    /// The number of sectors.
    pub size: Sectors,
}

impl Slice {
    /// The first sector after the slice, counted from the start of the disk.
    pub fn end(&self) -> Sectors {
        self.start + self.size
    }
}
