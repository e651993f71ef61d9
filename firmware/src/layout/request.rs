//! What a layout is planned from.

use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;
use serde::{Deserialize, Serialize};

use super::error::LayoutError;

/// The number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum SlotCount {
    /// One slot: updates need a card reader.
    One,
    /// Two slots: an update is written to the one that is not running.
    Two,
}

impl SlotCount {
    /// The number.
    pub const fn get(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl TryFrom<u8> for SlotCount {
    type Error = LayoutError;
    fn try_from(count: u8) -> Result<Self, LayoutError> {
        match count {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(LayoutError::Slots { count }),
        }
    }
}

impl From<SlotCount> for u8 {
    fn from(count: SlotCount) -> Self {
        count.get()
    }
}

/// The size of `/data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataSize {
    /// No `/data` at all.
    None,
    /// This size, rounded up.
    Sectors(Sectors),
    /// All space that the other slices leave.
    Rest,
}

/// The sizes requested for a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The size of the card. It need not be a whole number of cylinders; the remainder is not used.
    pub media: Sectors,
    /// The geometry that the BIOS uses for the card.
    pub geometry: Geometry,
    /// The number of slots.
    pub slots: SlotCount,
    /// The size of one slot, rounded up; with `None`, the slots share the space that `/cfg` and `/data` leave.
    pub code: Option<Sectors>,
    /// The size of the file system of `/cfg`, rounded up; slice 3 also has room for the boot state and the history.
    pub cfg: Sectors,
    /// The size of `/data`.
    pub data: DataSize,
}
