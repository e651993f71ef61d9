//! Sector 0 of a disk: boot code and the table of four slices.
//!
//! | offset | bytes | what                                                                              |
//! |-------:|------:|-----------------------------------------------------------------------------------|
//! |      0 |   440 | boot code                                                                         |
//! |    440 |     4 | disk serial number (`DOSDSNOFF`); boot code if the boot program uses all 446 bytes |
//! |    444 |     2 | boot code                                                                         |
//! |    446 |    64 | four entries of 16 bytes (`DOSPARTOFF`)                                            |
//! |    510 |     2 | 0x55 0xaa (`DOSMAGICOFFSET`)                                                       |
//!
//! An entry:
//!
//! | offset | bytes | what                                     |
//! |-------:|------:|------------------------------------------|
//! |      0 |     1 | 0x80 if active, otherwise 0              |
//! |      1 |     3 | first sector as cylinder, head, sector   |
//! |      4 |     1 | kind, 0 for an unused entry              |
//! |      5 |     3 | last sector as cylinder, head, sector    |
//! |      8 |     4 | first sector                             |
//! |     12 |     4 | number of sectors                        |
//!
//! Sources: `sys/sys/disk/mbr.h`, `sys/geom/part/g_part_mbr.c`. Invariant: an [`Mbr`] encodes to exactly the bytes that it
//! was parsed from; boot code and serial number change only when they are replaced. Data that a boot program keeps among
//! its code does not belong here; for FreeBSD's boot manager see [`crate::boot0`].

pub use crate::chs::Chs;

use crate::bytes::{array, le16, le32, put};
use crate::geometry::Geometry;
use crate::slice::Slice;
use crate::units::{SECTOR_BYTES, Sectors};

/// Bytes in the record.
pub const MBR_BYTES: usize = SECTOR_BYTES as usize;

/// Bytes before the table: boot code and serial number.
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

/// An invalid MBR, or a boot program or slice that cannot be written to one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MbrError {
    /// The input is not one sector.
    #[error(
        "reading an MBR: got {bytes} bytes, expected {MBR_BYTES}\nhint: pass exactly sector 0 of the disk"
    )]
    Length {
        /// The length of the input.
        bytes: usize,
    },
    /// The last two bytes are not the magic number.
    #[error(
        "reading an MBR: the sector ends in {found:#06x} instead of 0xaa55; the disk was never partitioned, or sector 0 is damaged"
    )]
    Magic {
        /// The number found in its place.
        found: u16,
    },
    /// The flag of an entry is neither active nor inactive.
    #[error(
        "reading an MBR: entry {number} has the flag {flag:#04x}, which is neither 0x80 (active) nor 0; this is not an MBR but a boot sector, or sector 0 is damaged"
    )]
    Flag {
        /// The number of the entry, from 1.
        number: usize,
        /// The flag found.
        flag: u8,
    },
    /// The boot program does not fit before the table.
    #[error(
        "writing an MBR: the boot program has {bytes} bytes, but only {CODE_BYTES} fit before the table of slices"
    )]
    Code {
        /// The size of the program.
        bytes: usize,
    },
    /// The table has no slice of this number.
    #[error("writing an MBR: no slice {number}: the table has slices 1 to 4")]
    Number {
        /// The number given.
        number: u8,
    },
    /// The slice to make active is unused.
    #[error("making slice {number} active: its table entry is unused")]
    Unused {
        /// The number given.
        number: u8,
    },
    /// The slice lies beyond the reach of 32-bit sector numbers.
    #[error(
        "writing an MBR: slice {number} (start {start}, size {size}) is beyond the reach of 32-bit sector numbers"
    )]
    Beyond {
        /// The number of the slice.
        number: u8,
        /// Its first sector.
        start: Sectors,
        /// Its size.
        size: Sectors,
    },
}

/// One entry of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionEntry {
    /// Whether a standard MBR boots this slice.
    pub active: bool,
    /// The partition type: [`KIND_FREEBSD`], or 0 if the entry is unused.
    pub kind: u8,
    /// The first sector, from the start of the disk.
    pub start: u32,
    /// The number of sectors.
    pub size: u32,
    /// The CHS address of the first sector.
    pub first: Chs,
    /// The CHS address of the last sector.
    pub last: Chs,
}

impl PartitionEntry {
    /// An unused entry.
    pub const UNUSED: Self =
        Self { active: false, kind: 0, start: 0, size: 0, first: Chs::UNUSED, last: Chs::UNUSED };

    /// The entry of a FreeBSD slice, not active.
    ///
    /// # Errors
    /// Its sector numbers need more than 32 bits.
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

    /// Whether the entry describes a slice.
    pub fn is_used(&self) -> bool {
        self.kind != 0
    }

    /// The slice that the entry describes, as number `number` of the table; `None` if the entry is unused.
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
            first: Chs::from_bytes(array(bytes, ENTRY_FIRST)),
            last: Chs::from_bytes(array(bytes, ENTRY_LAST)),
        })
    }

    fn encode(&self, bytes: &mut [u8]) {
        bytes[ENTRY_FLAG] = if self.active { ACTIVE } else { 0 };
        put(bytes, ENTRY_FIRST, &self.first.to_bytes());
        bytes[ENTRY_KIND] = self.kind;
        put(bytes, ENTRY_LAST, &self.last.to_bytes());
        put(bytes, ENTRY_START, &self.start.to_le_bytes());
        put(bytes, ENTRY_SIZE, &self.size.to_le_bytes());
    }
}

/// Sector 0 of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mbr {
    code: [u8; CODE_BYTES],
    /// The table: entry 0 is slice 1.
    pub partitions: [PartitionEntry; ENTRIES],
}

impl Mbr {
    /// A boot program followed by an empty table. If the program is a whole sector, its own table is left out; a shorter
    /// program is padded with zeros.
    ///
    /// # Errors
    /// The program does not fit before the table.
    pub fn with_code(program: &[u8]) -> Result<Self, MbrError> {
        let own = if program.len() == MBR_BYTES { &program[..CODE_BYTES] } else { program };
        if own.len() > CODE_BYTES {
            return Err(MbrError::Code { bytes: program.len() });
        }
        let mut code = [0; CODE_BYTES];
        put(&mut code, 0, own);
        Ok(Self { code, partitions: [PartitionEntry::UNUSED; ENTRIES] })
    }

    /// Replaces the table with `slices`, none of them active, on a disk of `geometry`.
    ///
    /// # Errors
    /// The sector numbers of a slice need more than 32 bits, or its number is not 1 to 4.
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
    /// It is not one sector, has no magic number, or has an entry with an invalid flag.
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

    /// The sector as it is stored on disk.
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

    /// The disk serial number, or the boot program's own bytes in its place.
    pub fn serial(&self) -> [u8; 4] {
        array(&self.code, SERIAL)
    }

    /// Sets the disk serial number. Only for boot programs that do not use these four bytes.
    pub fn set_serial(&mut self, serial: [u8; 4]) {
        put(&mut self.code, SERIAL, &serial);
    }

    /// The slice of this number, 1 to 4.
    pub fn slice(&self, number: u8) -> Option<Slice> {
        let index = usize::from(number.checked_sub(1)?);
        self.partitions.get(index)?.slice(number)
    }

    /// The number of the first active slice, if any.
    pub fn active(&self) -> Option<u8> {
        (1..).zip(&self.partitions).find(|(_, entry)| entry.active).map(|(number, _)| number)
    }

    /// Makes slice `number` the only active one.
    ///
    /// # Errors
    /// There is no such slice. Nothing is changed.
    pub fn set_active(&mut self, number: u8) -> Result<(), MbrError> {
        if !self.entry_mut(number)?.is_used() {
            return Err(MbrError::Unused { number });
        }
        for (at, entry) in (1..).zip(&mut self.partitions) {
            entry.active = at == number;
        }
        Ok(())
    }

    /// Makes every slice inactive, for a boot manager that keeps its choice elsewhere.
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
    fn an_entry_is_stored_as_gpart_writes_it() {
        // LBA 4032 is cylinder 4, head 0, sector 1 of 16 heads; the slice of 1008 sectors ends on 4/15/63.
        let slice = Slice { number: 1, start: Sectors(4032), size: Sectors(1008) };
        let mut mbr = Mbr::with_code(&[]).unwrap();
        mbr.partitions[0] = PartitionEntry::freebsd(&slice, CARD).unwrap();
        mbr.set_active(1).unwrap();
        let sector = mbr.encode();
        let expected = [0x80, 0, 1, 4, 0xa5, 15, 63, 4, 0xc0, 0x0f, 0, 0, 0xf0, 0x03, 0, 0];
        assert_eq!(sector[446..462], expected);
        assert_eq!(sector[510..], [0x55, 0xaa]);
    }

    #[test]
    fn slices_are_read_back_from_the_table() {
        let mbr = mbr(&[0xeb, 0xfe]);
        let read = Mbr::parse(&mbr.encode()).unwrap();
        assert_eq!(read, mbr);
        for slice in SLICES {
            assert_eq!(read.slice(slice.number), Some(slice));
        }
        assert_eq!((read.slice(4), read.slice(0), read.active()), (None, None, None));
    }

    #[test]
    fn only_an_existing_slice_becomes_active_and_only_one_at_a_time() {
        let mut mbr = mbr(&[]);
        mbr.set_active(1).unwrap();
        mbr.set_active(2).unwrap();
        assert_eq!(mbr.partitions.map(|entry| entry.active), [false, true, false, false]);
        assert_eq!(mbr.set_active(4), Err(MbrError::Unused { number: 4 }));
        assert_eq!(mbr.set_active(5), Err(MbrError::Number { number: 5 }));
        assert_eq!(mbr.active(), Some(2));
    }

    #[test]
    fn boot_code_and_serial_number_are_kept_unless_replaced() {
        let program: Vec<u8> = (0..512).map(|at| at as u8).collect();
        let mut mbr = mbr(&program);
        assert_eq!(mbr.encode()[..446], program[..446]);
        mbr.set_serial([1, 2, 3, 4]);
        assert_eq!(mbr.encode()[440..446], [1, 2, 3, 4, 188, 189]);
        assert_eq!(Mbr::with_code(&[0; 447]), Err(MbrError::Code { bytes: 447 }));
    }

    #[test]
    fn an_invalid_mbr_is_refused_with_the_reason() {
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
    }
}
