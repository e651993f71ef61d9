//! Sector 0 of the disk: boot code and the table of four slices.
//!
//! | offset | bytes | what                                                                              |
//! |-------:|------:|-----------------------------------------------------------------------------------|
//! |      0 |   440 | boot code                                                                         |
//! |    440 |     4 | disk serial number (`DOSDSNOFF`); boot code where the boot program uses all 446 bytes |
//! |    444 |     2 | as above                                                                          |
//! |    446 |    64 | four entries of 16 bytes (`DOSPARTOFF`)                                            |
//! |    510 |     2 | 0x55 0xaa (`DOSMAGICOFFSET`)                                                       |
//!
//! An entry:
//!
//! | offset | bytes | what                                     |
//! |-------:|------:|------------------------------------------|
//! |      0 |     1 | 0x80 active, 0 not                       |
//! |      1 |     3 | first sector as cylinder, head, sector   |
//! |      4 |     1 | kind, 0 for an entry that is not used    |
//! |      5 |     3 | last sector as cylinder, head, sector    |
//! |      8 |     4 | first sector                             |
//! |     12 |     4 | number of sectors                        |
//!
//! Sources: `sys/sys/disk/mbr.h`, `sys/geom/part/g_part_mbr.c`. An [`Mbr`] that was parsed encodes to the very bytes that
//! it was parsed from: boot code and serial number stay unless they are replaced. What a boot program keeps among its
//! code is not known here; FreeBSD's boot manager has its own module, [`crate::boot0`].

use crate::bytes::{array, le16, le32, put};
use crate::geometry::Geometry;
use crate::slice::Slice;
use crate::units::{SECTOR_BYTES, Sectors};

/// Bytes in the record.
pub const MBR_BYTES: usize = SECTOR_BYTES as usize;

/// Bytes before the table, boot code and serial number.
pub const CODE_BYTES: usize = TABLE;

/// The kind of a FreeBSD slice (`DOSPTYP_386BSD`, `sys/sys/disk/mbr.h`).
pub const KIND_FREEBSD: u8 = 0xa5;

/// Entries in the table.
pub const ENTRIES: usize = 4;

const SERIAL: usize = 440;
const TABLE: usize = 446;
const MAGIC: usize = 510;
const MAGIC_VALUE: u16 = 0xaa55;

const ENTRY_BYTES: usize = 16;
const ENTRY_FLAG: usize = 0;
const ENTRY_FIRST: usize = 1;
const ENTRY_KIND: usize = 4;
const ENTRY_LAST: usize = 5;
const ENTRY_START: usize = 8;
const ENTRY_SIZE: usize = 12;

const ACTIVE: u8 = 0x80;

/// The last cylinder that the 10 bits of a CHS address hold.
const CYLINDER_MAX: u64 = 1023;

/// Why a sector is no MBR, or a slice does not go into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MbrError {
    /// Not one sector.
    #[error(
        "reading an MBR: {bytes} bytes were given, it has {MBR_BYTES}; give sector 0 of the disk and no more"
    )]
    Length {
        /// How many were given.
        bytes: usize,
    },
    /// The last two bytes are wrong.
    #[error(
        "reading an MBR: it ends in {found:#06x} and not in 0xaa55; this disk was never partitioned, or sector 0 is damaged"
    )]
    Magic {
        /// The number found there.
        found: u16,
    },
    /// An entry is neither active nor inactive.
    #[error(
        "reading an MBR: entry {number} has the flag {flag:#04x}, which is neither 0x80 (active) nor 0; this is a boot sector, or sector 0 is damaged"
    )]
    Flag {
        /// The entry, from 1.
        number: usize,
        /// The byte found.
        flag: u8,
    },
    /// Boot code that runs into the table.
    #[error(
        "writing an MBR: the boot program has {bytes} bytes, {CODE_BYTES} are free before the table of slices"
    )]
    Code {
        /// Its size.
        bytes: usize,
    },
    /// A slice number that the table does not have.
    #[error("writing an MBR: there is no slice {number}, the table has slices 1 to 4")]
    Number {
        /// The number given.
        number: u8,
    },
    /// Nothing to start from.
    #[error("making slice {number} active: the table has nothing there")]
    Unused {
        /// The number given.
        number: u8,
    },
    /// A place that 32 bits do not hold.
    #[error(
        "writing an MBR: slice {number} from {start} with {size} lies beyond what 32-bit sector numbers reach"
    )]
    Beyond {
        /// The slice.
        number: u8,
        /// Its first sector.
        start: Sectors,
        /// Its size.
        size: Sectors,
    },
}

/// A cylinder, head and sector address as its three bytes stand on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chs([u8; 3]);

impl Chs {
    /// What stands for every sector past cylinder 1023: all bits set, as FreeBSD writes it (`mbr_set_chs`,
    /// `sys/geom/part/g_part_mbr.c`). Other systems write head 254.
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

    /// The cylinder, 0 to 1023.
    pub fn cylinder(self) -> u16 {
        u16::from(self.0[1] & 0xc0) << 2 | u16::from(self.0[2])
    }

    /// The head, from 0.
    pub fn head(self) -> u8 {
        self.0[0]
    }

    /// The sector in its track, from 1.
    pub fn sector(self) -> u8 {
        self.0[1] & 0x3f
    }
}

/// One entry of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionEntry {
    /// Whether this is the slice that a plain MBR starts.
    pub active: bool,
    /// [`KIND_FREEBSD`], or 0 when the entry is not used.
    pub kind: u8,
    /// The first sector, from the start of the disk.
    pub start: u32,
    /// The number of sectors.
    pub size: u32,
    /// The first sector as the BIOS counts.
    pub first: Chs,
    /// The last sector as the BIOS counts.
    pub last: Chs,
}

impl PartitionEntry {
    /// An entry that is not used.
    pub const UNUSED: Self =
        Self { active: false, kind: 0, start: 0, size: 0, first: Chs([0; 3]), last: Chs([0; 3]) };

    /// The entry of a FreeBSD slice.
    ///
    /// # Errors
    /// It lies beyond what the entry can say.
    pub fn freebsd(slice: &Slice, geometry: Geometry) -> Result<Self, MbrError> {
        let Slice { number, start, size } = *slice;
        let beyond = || MbrError::Beyond { number, start, size };
        let end = start.saturating_add(size);
        let last = end.checked_sub(Sectors(1)).ok_or_else(beyond)?;
        last.to_u32().ok_or_else(beyond)?;
        Ok(Self {
            active: false,
            kind: KIND_FREEBSD,
            start: start.to_u32().ok_or_else(beyond)?,
            size: size.to_u32().ok_or_else(beyond)?,
            first: Chs::of(start, geometry),
            last: Chs::of(last, geometry),
        })
    }

    /// Whether the entry stands for a slice.
    pub fn is_used(&self) -> bool {
        self.kind != 0
    }

    /// The slice that it stands for, which is number `number` of the table.
    pub fn slice(&self, number: u8) -> Option<Slice> {
        let (start, size) = (Sectors(self.start.into()), Sectors(self.size.into()));
        self.is_used().then_some(Slice { number, start, size })
    }

    fn parse(number: usize, bytes: &[u8]) -> Result<Self, MbrError> {
        let flag = bytes[ENTRY_FLAG];
        if flag & !ACTIVE != 0 {
            return Err(MbrError::Flag { number, flag });
        }
        Ok(Self {
            active: flag == ACTIVE,
            kind: bytes[ENTRY_KIND],
            start: le32(bytes, ENTRY_START),
            size: le32(bytes, ENTRY_SIZE),
            first: Chs(array(bytes, ENTRY_FIRST)),
            last: Chs(array(bytes, ENTRY_LAST)),
        })
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[ENTRY_FLAG] = if self.active { ACTIVE } else { 0 };
        put(bytes, ENTRY_FIRST, &self.first.0);
        bytes[ENTRY_KIND] = self.kind;
        put(bytes, ENTRY_LAST, &self.last.0);
        put(bytes, ENTRY_START, &self.start.to_le_bytes());
        put(bytes, ENTRY_SIZE, &self.size.to_le_bytes());
    }
}

/// Sector 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mbr {
    code: [u8; CODE_BYTES],
    /// The table: entry 0 is slice 1.
    pub partitions: [PartitionEntry; ENTRIES],
}

impl Mbr {
    /// A boot program before an empty table. A program of a whole sector is taken without its own table; one that is
    /// shorter is filled up with zeros.
    ///
    /// # Errors
    /// The program runs into the table.
    pub fn with_code(program: &[u8]) -> Result<Self, MbrError> {
        let own = if program.len() == MBR_BYTES { &program[..CODE_BYTES] } else { program };
        if own.len() > CODE_BYTES {
            return Err(MbrError::Code { bytes: program.len() });
        }
        let mut code = [0; CODE_BYTES];
        put(&mut code, 0, own);
        Ok(Self { code, partitions: [PartitionEntry::UNUSED; ENTRIES] })
    }

    /// The table replaced by `slices` on a disk of `geometry`, none of them active.
    ///
    /// # Errors
    /// A slice lies beyond what the table can address, or its number is not 1 to 4.
    pub fn with_slices<'a>(
        mut self,
        slices: impl IntoIterator<Item = &'a Slice>,
        geometry: Geometry,
    ) -> Result<Self, MbrError> {
        self.partitions = [PartitionEntry::UNUSED; ENTRIES];
        for slice in slices {
            *self.entry_mut(slice.number)? = PartitionEntry::freebsd(slice, geometry)?;
        }
        Ok(self)
    }

    /// Reads sector 0.
    ///
    /// # Errors
    /// It is not one sector, lacks the magic number, or has an entry with a flag that is none.
    pub fn parse(sector: &[u8]) -> Result<Self, MbrError> {
        if sector.len() != MBR_BYTES {
            return Err(MbrError::Length { bytes: sector.len() });
        }
        let found = le16(sector, MAGIC);
        if found != MAGIC_VALUE {
            return Err(MbrError::Magic { found });
        }
        let mut partitions = [PartitionEntry::UNUSED; ENTRIES];
        for (index, (entry, bytes)) in
            partitions.iter_mut().zip(sector[TABLE..MAGIC].chunks_exact(ENTRY_BYTES)).enumerate()
        {
            *entry = PartitionEntry::parse(index + 1, bytes)?;
        }
        Ok(Self { code: array(sector, 0), partitions })
    }

    /// The sector as it goes to the disk.
    pub fn encode(&self) -> [u8; MBR_BYTES] {
        let mut sector = [0; MBR_BYTES];
        put(&mut sector, 0, &self.code);
        for (entry, bytes) in self.partitions.iter().zip(sector[TABLE..MAGIC].chunks_exact_mut(ENTRY_BYTES)) {
            entry.encode(bytes);
        }
        put(&mut sector, MAGIC, &MAGIC_VALUE.to_le_bytes());
        sector
    }

    /// The bytes before the table.
    pub fn code(&self) -> &[u8; CODE_BYTES] {
        &self.code
    }

    /// The disk serial number, or whatever the boot program keeps in its place.
    pub fn serial(&self) -> [u8; 4] {
        array(&self.code, SERIAL)
    }

    /// Gives the disk a serial number. Only for boot programs that leave these four bytes alone.
    pub fn set_serial(&mut self, serial: [u8; 4]) {
        put(&mut self.code, SERIAL, &serial);
    }

    /// The slice of this number, 1 to 4.
    pub fn slice(&self, number: u8) -> Option<Slice> {
        let index = usize::from(number.checked_sub(1)?);
        self.partitions.get(index)?.slice(number)
    }

    /// The number of the first active slice.
    pub fn active(&self) -> Option<u8> {
        (1..).zip(&self.partitions).find(|(_, entry)| entry.active).map(|(number, _)| number)
    }

    /// Makes slice `number` active and no other.
    ///
    /// # Errors
    /// There is no such slice; nothing is changed then.
    pub fn set_active(&mut self, number: u8) -> Result<(), MbrError> {
        if !self.entry_mut(number)?.is_used() {
            return Err(MbrError::Unused { number });
        }
        for (at, entry) in (1..).zip(&mut self.partitions) {
            entry.active = at == number;
        }
        Ok(())
    }

    /// Leaves no slice active, as a boot manager wants it that keeps its choice elsewhere.
    pub fn clear_active(&mut self) {
        for entry in &mut self.partitions {
            entry.active = false;
        }
    }

    fn entry_mut(&mut self, number: u8) -> Result<&mut PartitionEntry, MbrError> {
        usize::from(number)
            .checked_sub(1)
            .and_then(|index| self.partitions.get_mut(index))
            .ok_or(MbrError::Number { number })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

    /// Two slots and `/cfg` of 16 MiB on a card of 1,981,728 sectors.
    const SLICES: [Slice; 3] = [
        Slice { number: 1, start: Sectors(4032), size: Sectors(972_720) },
        Slice { number: 2, start: Sectors(976_752), size: Sectors(972_720) },
        Slice { number: 3, start: Sectors(1_949_472), size: Sectors(32_256) },
    ];

    fn mbr(program: &[u8]) -> Mbr {
        Mbr::with_code(program).unwrap().with_slices(&SLICES, CARD).unwrap()
    }

    #[test]
    fn an_entry_stands_on_the_disk_as_gpart_writes_it() {
        // LBA 4032 is cylinder 4, head 0, sector 1 of 16 heads; the slice of 1008 sectors ends on 4/15/63.
        let slice = Slice { number: 1, start: Sectors(4032), size: Sectors(1008) };
        let mut mbr = Mbr::with_code(&[]).unwrap();
        mbr.partitions[0] = PartitionEntry::freebsd(&slice, CARD).unwrap();
        mbr.set_active(1).unwrap();
        let sector = mbr.encode();
        let wanted = [0x80, 0, 1, 4, 0xa5, 15, 63, 4, 0xc0, 0x0f, 0, 0, 0xf0, 0x03, 0, 0];
        assert_eq!(sector[446..462], wanted);
        assert_eq!(sector[510..], [0x55, 0xaa]);
    }

    #[test]
    fn cylinders_past_1023_are_all_ones_and_those_before_have_ten_bits() {
        let last = Chs::of(Sectors(1024 * 1008 - 1), CARD);
        assert_eq!((last.cylinder(), last.head(), last.sector()), (1023, 15, 63));
        assert_eq!(last.0, [15, 0xff, 0xff]);
        assert_eq!(Chs::of(Sectors(1024 * 1008), CARD), Chs::BEYOND);
    }

    #[test]
    fn a_layout_comes_back_from_the_table() {
        let mbr = mbr(&[0xeb, 0xfe]);
        let read = Mbr::parse(&mbr.encode()).unwrap();
        assert_eq!(read, mbr);
        for slice in SLICES {
            assert_eq!(read.slice(slice.number), Some(slice));
        }
        assert_eq!((read.slice(4), read.slice(0), read.active()), (None, None, None));
    }

    #[test]
    fn only_a_slice_that_is_there_becomes_active_and_only_one() {
        let mut mbr = mbr(&[]);
        mbr.set_active(1).unwrap();
        mbr.set_active(2).unwrap();
        assert_eq!(mbr.partitions.map(|entry| entry.active), [false, true, false, false]);
        assert_eq!(mbr.set_active(4), Err(MbrError::Unused { number: 4 }));
        assert_eq!(mbr.set_active(5), Err(MbrError::Number { number: 5 }));
        assert_eq!(mbr.active(), Some(2));
    }

    #[test]
    fn boot_code_and_serial_stay_unless_they_are_given() {
        let program: Vec<u8> = (0..512).map(|at| at as u8).collect();
        let mut mbr = mbr(&program);
        assert_eq!(mbr.encode()[..446], program[..446]);
        mbr.set_serial([1, 2, 3, 4]);
        assert_eq!(mbr.encode()[440..446], [1, 2, 3, 4, 188, 189]);
        assert_eq!(Mbr::with_code(&[0; 447]), Err(MbrError::Code { bytes: 447 }));
    }

    #[test]
    fn what_is_no_mbr_is_refused_with_its_reason() {
        assert_eq!(Mbr::parse(&[0; 511]), Err(MbrError::Length { bytes: 511 }));
        assert_eq!(Mbr::parse(&[0; 512]), Err(MbrError::Magic { found: 0 }));
        let mut sector = Mbr::with_code(&[]).unwrap().encode();
        sector[446 + 16] = 0x90;
        assert_eq!(Mbr::parse(&sector), Err(MbrError::Flag { number: 2, flag: 0x90 }));
    }

    proptest! {
        #[test]
        fn any_sector_parses_to_itself_or_is_refused(
            mut sector in prop::collection::vec(any::<u8>(), MBR_BYTES),
            flags in prop::collection::vec(prop::sample::select(vec![0, ACTIVE, 1]), ENTRIES),
        ) {
            let _ = Mbr::parse(&sector);
            put(&mut sector, MAGIC, &MAGIC_VALUE.to_le_bytes());
            for (index, flag) in flags.into_iter().enumerate() {
                sector[TABLE + index * ENTRY_BYTES] = flag;
            }
            if let Ok(mbr) = Mbr::parse(&sector) {
                prop_assert_eq!(mbr.encode().to_vec(), sector);
            }
        }

        #[test]
        fn an_address_counts_back_to_its_sector(at in 0u64..1024 * 255 * 63, sectors in 1u32..=63, heads in 1u32..=255) {
            let chs = Chs::of(Sectors(at), Geometry { sectors, heads });
            let back = (u64::from(chs.cylinder()) * u64::from(heads) + u64::from(chs.head())) * u64::from(sectors)
                + u64::from(chs.sector()) - 1;
            prop_assert!(chs == Chs::BEYOND || back == at);
        }
    }
}
