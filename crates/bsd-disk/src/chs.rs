//! A disk address as cylinder, head and sector, the three bytes in which an MBR keeps it.
//!
//! | byte | what                                                              |
//! |-----:|-------------------------------------------------------------------|
//! |    0 | head, from 0                                                      |
//! |    1 | bits 0 to 5: sector, from 1; bits 6 and 7: cylinder, bits 8 and 9 |
//! |    2 | cylinder, bits 0 to 7                                             |
//!
//! Source: `mbr_set_chs`, `sys/geom/part/g_part_mbr.c`.

use crate::geometry::Geometry;
use crate::units::Sectors;

/// The largest cylinder number that fits the 10 bits of an address.
const CYLINDER_MAX: u64 = 1023;

/// A cylinder, head and sector address as it is stored on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chs([u8; 3]);

impl Chs {
    /// The address of an unused table entry.
    pub const UNUSED: Self = Self([0; 3]);

    /// The address of every sector past cylinder 1023: all bits set, as FreeBSD writes it. Other systems write head 254.
    pub const BEYOND: Self = Self([0xff, 0xff, 0xff]);

    /// The address of sector `at` of the disk.
    pub fn of(at: Sectors, geometry: Geometry) -> Self {
        let (sectors, heads) = (u64::from(geometry.sectors.max(1)), u64::from(geometry.heads.max(1)));
        let track = at.0 / sectors;
        let cylinder = track / heads;
        if cylinder > CYLINDER_MAX {
            return Self::BEYOND;
        }
        let sector = (at.0 % sectors + 1) as u8 & 0x3f;
        Self([(track % heads) as u8, sector | ((cylinder >> 2) as u8 & 0xc0), cylinder as u8])
    }

    /// The address that these three bytes encode.
    pub const fn from_bytes(bytes: [u8; 3]) -> Self {
        Self(bytes)
    }

    /// The three bytes as they are stored on disk.
    pub const fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    /// The cylinder, 0 to 1023.
    pub fn cylinder(self) -> u16 {
        u16::from(self.0[1] & 0xc0) << 2 | u16::from(self.0[2])
    }

    /// The head, from 0.
    pub fn head(self) -> u8 {
        self.0[0]
    }

    /// The sector within its track, from 1.
    pub fn sector(self) -> u8 {
        self.0[1] & 0x3f
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

    #[test]
    fn cylinders_past_1023_are_all_ones_and_those_before_use_ten_bits() {
        let last = Chs::of(Sectors(1024 * 1008 - 1), CARD);
        assert_eq!((last.cylinder(), last.head(), last.sector()), (1023, 15, 63));
        assert_eq!(last.to_bytes(), [15, 0xff, 0xff]);
        assert_eq!(Chs::of(Sectors(1024 * 1008), CARD), Chs::BEYOND);
    }

    proptest! {
        #[test]
        fn an_address_converts_back_to_its_sector(at in 0u64..1024 * 255 * 63, sectors in 1u32..=63, heads in 1u32..=255) {
            let chs = Chs::of(Sectors(at), Geometry { sectors, heads });
            let back = (u64::from(chs.cylinder()) * u64::from(heads) + u64::from(chs.head())) * u64::from(sectors)
                + u64::from(chs.sector()) - 1;
            prop_assert!(chs == Chs::BEYOND || back == at);
        }
    }
}
