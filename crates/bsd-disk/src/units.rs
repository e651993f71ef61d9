//! The 512-byte sector, the unit of every position and size on a disk.
//!
//! A number of sectors is a [`Sectors`]; a number of bytes is a plain `u64` whose name says so. All conversions between the
//! two are here.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use serde::{Deserialize, Serialize};

/// Bytes per sector, on every CompactFlash card and in every format of this crate.
pub const SECTOR_BYTES: u64 = 512;

/// Bytes per MiB.
const MIB: u64 = 1024 * 1024;

/// A number of 512-byte sectors: a size, or an offset from some start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sectors(pub u64);

impl Sectors {
    /// Zero sectors.
    pub const ZERO: Self = Self(0);

    /// The number of sectors needed to hold `bytes`, rounded up.
    pub const fn holding_bytes(bytes: u64) -> Self {
        Self(bytes.div_ceil(SECTOR_BYTES))
    }

    /// The number of sectors in `mib` MiB.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB / SECTOR_BYTES))
    }

    /// The size in bytes; saturates at `u64::MAX`.
    pub const fn bytes(self) -> u64 {
        self.0.saturating_mul(SECTOR_BYTES)
    }

    /// Whether this is zero sectors.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The number in the 32 bits of an MBR or BSD label; `None` if it is larger.
    pub fn to_u32(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    /// The difference, or `None` if `other` is larger.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// The sum; saturates instead of overflowing, for sizes entered by a user.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The product with `count`; saturates instead of overflowing.
    pub const fn saturating_mul(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Rounds up to a multiple of `unit`; unchanged if `unit` is zero.
    pub const fn round_up(self, unit: Self) -> Self {
        if unit.0 == 0 { self } else { Self(self.0.div_ceil(unit.0).saturating_mul(unit.0)) }
    }

    /// Rounds down to a multiple of `unit`; unchanged if `unit` is zero.
    pub const fn round_down(self, unit: Self) -> Self {
        if unit.0 == 0 { self } else { Self(self.0 - self.0 % unit.0) }
    }

    /// Whether this is a multiple of `unit`.
    pub const fn is_multiple_of(self, unit: Self) -> bool {
        self.0.is_multiple_of(unit.0)
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        let bytes = self.bytes();
        if bytes >= MIB {
            write!(f, "{} sector{plural} ({:.1} MiB)", self.0, bytes as f64 / MIB as f64)
        } else {
            write!(f, "{} sector{plural} ({:.1} KiB)", self.0, bytes as f64 / 1024.0)
        }
    }
}

impl Add for Sectors {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Sectors {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Sectors {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul<u64> for Sectors {
    type Output = Self;
    fn mul(self, count: u64) -> Self {
        Self(self.0 * count)
    }
}

impl Sum for Sectors {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_sectors_and_in_kib_or_mib() {
        assert_eq!(Sectors(1_981_728).to_string(), "1981728 sectors (967.6 MiB)");
        assert_eq!(Sectors(1).to_string(), "1 sector (0.5 KiB)");
        assert_eq!(Sectors::from_mib(1).to_string(), "2048 sectors (1.0 MiB)");
    }

    #[test]
    fn rounding_never_overflows() {
        assert_eq!(Sectors(1009).round_up(Sectors(1008)), Sectors(2016));
        assert_eq!(Sectors(1008).round_up(Sectors(1008)), Sectors(1008));
        assert_eq!(Sectors(2015).round_down(Sectors(1008)), Sectors(1008));
        assert_eq!(Sectors(u64::MAX - 1).round_up(Sectors(1008)), Sectors(u64::MAX));
        assert_eq!(Sectors::holding_bytes(513), Sectors(2));
    }
}
