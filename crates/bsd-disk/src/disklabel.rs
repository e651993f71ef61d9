//! The BSD label of a slice, in its sector 1.
//!
//! | offset | bytes | what                                                    |
//! |-------:|------:|---------------------------------------------------------|
//! |      0 |     4 | magic 0x82564557                                        |
//! |      8 |    16 | type name, `amnesiac`                                    |
//! |     24 |    16 | pack name, empty                                        |
//! |     40 |     4 | bytes in a sector                                       |
//! |     44 |     4 | sectors in a track                                      |
//! |     48 |     4 | heads                                                   |
//! |     52 |     4 | cylinders                                               |
//! |     56 |     4 | sectors in a cylinder                                   |
//! |     60 |     4 | sectors of the slice                                    |
//! |     72 |     2 | revolutions per minute, 3600                            |
//! |     74 |     2 | interleave, 1                                           |
//! |    132 |     4 | magic, repeated                                         |
//! |    136 |     2 | checksum, which makes the XOR of all 16-bit words zero  |
//! |    138 |     2 | number of partitions, 8                                 |
//! |    140 |     4 | bytes of the boot area, 8192                            |
//! |    144 |     4 | largest superblock, 0                                   |
//! |    148 |   128 | eight partitions: size, offset, fragment size (4 bytes each), kind, fragments per block (1 byte each), cylinders per group (2) |
//!
//! Sources: `sys/sys/disk/bsd.h`, `sys/geom/geom_bsd_enc.c`, and for the default values `sbin/bsdlabel/bsdlabel.c`
//! (`getvirginlabel`): a label made here is the one that `bsdlabel -w` writes. Offsets count from the start of the slice, not
//! of the disk, so the same bytes fit any slice of that size. Fields that are not listed are zero.

use crate::bytes::{le16, le32, put};
use crate::geometry::Geometry;
use crate::slice::Slice;
use crate::units::{SECTOR_BYTES, Sectors};

/// The boot programs and the label at the start of a slice (`BBSIZE`, `sys/sys/disk/bsd.h`: 8 KiB).
pub const BOOT_AREA: Sectors = Sectors(16);

/// Bytes of the label's sector.
pub const LABEL_BYTES: usize = SECTOR_BYTES as usize;

/// The kind of a UFS partition (`FS_BSDFFS`, `sys/sys/disk/bsd.h`).
pub const KIND_UFS: u8 = 7;

/// The kind of a partition that is no file system (`FS_OTHER`, `sys/sys/disk/bsd.h`).
pub const KIND_OTHER: u8 = 10;

/// Partitions in a label made here (`BSD_NPARTS_MIN`); `c` (2) is the whole slice (`BSD_PART_RAW`).
const PARTITIONS: usize = 8;
const RAW_PARTITION: usize = 2;

/// The most partitions of a label that FreeBSD reads (`BSD_NPARTS_MAX`).
const PARTITIONS_MAX: usize = 20;

const MAGIC: usize = 0;
const MAGIC_VALUE: u32 = 0x8256_4557;
const TYPE_NAME: usize = 8;
const SECTOR_SIZE: usize = 40;
const TRACK: usize = 44;
const HEADS: usize = 48;
const CYLINDERS: usize = 52;
const CYLINDER: usize = 56;
const TOTAL: usize = 60;
const RPM: usize = 72;
const INTERLEAVE: usize = 74;
const MAGIC_REPEATED: usize = 132;
const CHECKSUM: usize = 136;
const COUNT: usize = 138;
const BOOT_BYTES: usize = 140;
const TABLE: usize = 148;

const ENTRY_BYTES: usize = 16;
const ENTRY_SIZE: usize = 0;
const ENTRY_OFFSET: usize = 4;
const ENTRY_FRAGMENT: usize = 8;
const ENTRY_KIND: usize = 12;
const ENTRY_FRAGMENTS: usize = 13;
const ENTRY_GROUP: usize = 14;

/// An invalid label, or a slice that cannot have one. Reports show these errors within a line, so they have no hint line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The input is not one sector.
    #[error("reading a BSD label: got {bytes} bytes, expected {LABEL_BYTES} (exactly sector 1 of the slice)")]
    Length {
        /// The length of the input.
        bytes: usize,
    },
    /// There is no label.
    #[error(
        "reading a BSD label: no label found (magic {found:#010x}); the slice was never written, or writing it was interrupted"
    )]
    Magic {
        /// The first wrong magic number.
        found: u32,
    },
    /// The number of partitions is out of range.
    #[error(
        "reading a BSD label: {count} partitions, expected {PARTITIONS} to {PARTITIONS_MAX}; the label is damaged, \
         and the slice must be written again"
    )]
    Count {
        /// The number found.
        count: u16,
    },
    /// The checksum is wrong.
    #[error(
        "reading a BSD label: its words add up to {sum:#06x} instead of zero; the label is damaged, and the slice \
         must be written again"
    )]
    Checksum {
        /// The XOR of all words.
        sum: u16,
    },
    /// The label counts in sectors of another size.
    #[error("reading a BSD label: sectors of {bytes} bytes are not supported, only of {SECTOR_BYTES}")]
    SectorSize {
        /// The size found.
        bytes: u32,
    },
    /// The slice is not larger than the boot area, or its size needs more than 32 bits.
    #[error(
        "writing a BSD label: a slice of {size} cannot have one; it must be larger than {BOOT_AREA} and smaller than 2 TiB"
    )]
    SliceSize {
        /// The size given.
        size: Sectors,
    },
}

/// One partition of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelPartition {
    /// First sector, from the start of the slice.
    pub offset: u32,
    /// Number of sectors; 0 if the partition does not exist.
    pub size: u32,
    /// The file system type: [`KIND_UFS`], or 0 for none.
    pub kind: u8,
    /// Bytes per fragment of the file system; 0 if unspecified.
    pub fragment_bytes: u32,
    /// Fragments per block; 0 if unspecified.
    pub fragments: u8,
    /// Cylinders per group; 0 if unspecified.
    pub group: u16,
}

/// The index of the partition `letter`, from `a` on.
fn index(letter: char) -> Option<usize> {
    (letter as usize).checked_sub('a' as usize)
}

/// The BSD label of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disklabel {
    /// Sectors per track.
    pub track: u32,
    /// Heads per cylinder.
    pub heads: u32,
    /// Sectors of the slice.
    pub total: u32,
    /// The partitions, `a` first; 8 in a label made here.
    pub partitions: Vec<LabelPartition>,
}

impl Disklabel {
    /// The label of a slice with one UFS partition: `a` is everything after the boot area, `c` the whole slice.
    ///
    /// # Errors
    /// The slice is not larger than the boot area, or its size needs more than 32 bits.
    pub fn for_slice(size: Sectors, geometry: Geometry) -> Result<Self, LabelError> {
        let total = size.to_u32().ok_or(LabelError::SliceSize { size })?;
        let a = size
            .checked_sub(BOOT_AREA)
            .filter(|rest| !rest.is_zero())
            .and_then(Sectors::to_u32)
            .ok_or(LabelError::SliceSize { size })?;
        let mut label = Self::without_partitions(total, geometry);
        let offset = total - a;
        label.partitions[0] = LabelPartition { offset, size: a, kind: KIND_UFS, ..LabelPartition::default() };
        Ok(label)
    }

    /// The label of `slice` with these partitions, each with its letter, its position on the disk and its kind. `c` is the
    /// whole slice.
    ///
    /// # Errors
    /// The slice needs more than 32 bits, or a partition does not lie within the slice, after the boot area.
    pub fn with_partitions(
        slice: &Slice,
        geometry: Geometry,
        partitions: impl IntoIterator<Item = (char, Slice, u8)>,
    ) -> Result<Self, LabelError> {
        let invalid = LabelError::SliceSize { size: slice.size };
        let total = slice.size.to_u32().ok_or(invalid.clone())?;
        let mut label = Self::without_partitions(total, geometry);
        for (letter, partition, kind) in partitions {
            let offset = partition.start.checked_sub(slice.start).filter(|offset| *offset >= BOOT_AREA);
            let offset = offset.filter(|_| partition.end() <= slice.end()).and_then(Sectors::to_u32);
            let (offset, size) = offset.zip(partition.size.to_u32()).ok_or(invalid.clone())?;
            let place = index(letter).and_then(|index| label.partitions.get_mut(index));
            *place.ok_or(invalid.clone())? =
                LabelPartition { offset, size, kind, ..LabelPartition::default() };
        }
        Ok(label)
    }

    fn without_partitions(total: u32, geometry: Geometry) -> Self {
        let mut partitions = vec![LabelPartition::default(); PARTITIONS];
        partitions[RAW_PARTITION] = LabelPartition { size: total, ..LabelPartition::default() };
        Self { track: geometry.sectors, heads: geometry.heads, total, partitions }
    }

    /// The position of partition `letter` on the disk if this is the label of `slice`; `None` if the partition does not exist
    /// or does not lie within the slice.
    pub fn partition(&self, letter: char, slice: &Slice) -> Option<Slice> {
        let raw = self.partitions.get(RAW_PARTITION).map_or(0, |raw| raw.offset);
        let found = self.partitions.get(index(letter)?).filter(|found| found.size > 0)?;
        let (offset, size) = (Sectors(found.offset.checked_sub(raw)?.into()), Sectors(found.size.into()));
        (offset + size <= slice.size).then_some(Slice {
            number: slice.number,
            start: slice.start + offset,
            size,
        })
    }

    /// The position of partition `a` on the disk. See [`Disklabel::partition`].
    pub fn partition_a(&self, slice: &Slice) -> Option<Slice> {
        self.partition('a', slice)
    }

    /// Reads sector 1 of a slice.
    ///
    /// # Errors
    /// There is no label, its checksum is wrong, or it has an unsupported sector size or number of partitions.
    pub fn parse(sector: &[u8]) -> Result<Self, LabelError> {
        if sector.len() != LABEL_BYTES {
            return Err(LabelError::Length { bytes: sector.len() });
        }
        for at in [MAGIC, MAGIC_REPEATED] {
            let found = le32(sector, at);
            if found != MAGIC_VALUE {
                return Err(LabelError::Magic { found });
            }
        }
        let count = le16(sector, COUNT);
        if !(PARTITIONS..=PARTITIONS_MAX).contains(&usize::from(count)) {
            return Err(LabelError::Count { count });
        }
        let end = TABLE + ENTRY_BYTES * usize::from(count);
        let sum = checksum(&sector[..end]);
        if sum != 0 {
            return Err(LabelError::Checksum { sum });
        }
        let bytes = le32(sector, SECTOR_SIZE);
        if u64::from(bytes) != SECTOR_BYTES {
            return Err(LabelError::SectorSize { bytes });
        }
        let partitions = sector[TABLE..end]
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| LabelPartition {
                offset: le32(entry, ENTRY_OFFSET),
                size: le32(entry, ENTRY_SIZE),
                kind: entry[ENTRY_KIND],
                fragment_bytes: le32(entry, ENTRY_FRAGMENT),
                fragments: entry[ENTRY_FRAGMENTS],
                group: le16(entry, ENTRY_GROUP),
            })
            .collect();
        Ok(Self {
            track: le32(sector, TRACK),
            heads: le32(sector, HEADS),
            total: le32(sector, TOTAL),
            partitions,
        })
    }

    /// The sector as it is stored on disk. Partitions past the 20th are left out.
    pub fn encode(&self) -> [u8; LABEL_BYTES] {
        let mut sector = [0; LABEL_BYTES];
        let count = self.partitions.len().clamp(PARTITIONS, PARTITIONS_MAX);
        let cylinder = self.track.saturating_mul(self.heads);
        for (at, value) in [
            (MAGIC, MAGIC_VALUE),
            (SECTOR_SIZE, SECTOR_BYTES as u32),
            (TRACK, self.track),
            (HEADS, self.heads),
            (CYLINDERS, self.total.checked_div(cylinder).unwrap_or(0)),
            (CYLINDER, cylinder),
            (TOTAL, self.total),
            (MAGIC_REPEATED, MAGIC_VALUE),
            (BOOT_BYTES, BOOT_AREA.bytes() as u32),
        ] {
            put(&mut sector, at, &value.to_le_bytes());
        }
        put(&mut sector, TYPE_NAME, b"amnesiac");
        for (at, value) in [(RPM, 3600), (INTERLEAVE, 1), (COUNT, count as u16)] {
            put(&mut sector, at, &value.to_le_bytes());
        }
        let end = TABLE + ENTRY_BYTES * count;
        for (partition, entry) in self.partitions.iter().zip(sector[TABLE..end].chunks_exact_mut(ENTRY_BYTES))
        {
            put(entry, ENTRY_SIZE, &partition.size.to_le_bytes());
            put(entry, ENTRY_OFFSET, &partition.offset.to_le_bytes());
            put(entry, ENTRY_FRAGMENT, &partition.fragment_bytes.to_le_bytes());
            entry[ENTRY_KIND] = partition.kind;
            entry[ENTRY_FRAGMENTS] = partition.fragments;
            put(entry, ENTRY_GROUP, &partition.group.to_le_bytes());
        }
        let sum = checksum(&sector[..end]);
        put(&mut sector, CHECKSUM, &sum.to_le_bytes());
        sector
    }
}

/// The XOR of all 16-bit words.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.chunks_exact(2).fold(0, |sum, word| sum ^ le16(word, 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

    fn label() -> Disklabel {
        Disklabel::for_slice(Sectors(409_248), CARD).unwrap()
    }

    #[test]
    fn a_slice_gets_the_label_that_bsdlabel_writes() {
        let sector = label().encode();
        assert_eq!(sector[..4], [0x57, 0x45, 0x56, 0x82]);
        assert_eq!(sector[132..136], [0x57, 0x45, 0x56, 0x82]);
        assert_eq!(&sector[8..16], b"amnesiac");
        assert_eq!(le32(&sector, 52), 406);
        assert_eq!(le32(&sector, 140), 8192);
        let a = [0x90, 0x3e, 0x06, 0, 16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0];
        assert_eq!(sector[148..164], a);
        let c = [0xa0, 0x3e, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(sector[180..196], c);
        assert_eq!(checksum(&sector[..276]), 0);
        assert_eq!(sector[276..], [0; 236]);
    }

    #[test]
    fn partition_a_is_found_on_the_disk() {
        let slice = Slice { number: 2, start: Sectors(413_280), size: Sectors(409_248) };
        let a = Slice { number: 2, start: Sectors(413_296), size: Sectors(409_232) };
        assert_eq!(label().partition_a(&slice), Some(a));
        let short = Slice { size: Sectors(409_247), ..slice };
        assert_eq!(label().partition_a(&short), None);
    }

    #[test]
    fn a_flipped_bit_is_detected() {
        for at in 0..276 {
            let mut sector = label().encode();
            sector[at] ^= 0x10;
            assert!(Disklabel::parse(&sector).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_invalid_label_is_refused_with_the_reason() {
        assert_eq!(Disklabel::parse(&[]), Err(LabelError::Length { bytes: 0 }));
        assert_eq!(Disklabel::parse(&[0; 512]), Err(LabelError::Magic { found: 0 }));
        let mut sector = label().encode();
        put(&mut sector, COUNT, &21u16.to_le_bytes());
        assert_eq!(Disklabel::parse(&sector), Err(LabelError::Count { count: 21 }));
        for size in [Sectors(0), Sectors(16), Sectors(1 << 32)] {
            assert_eq!(Disklabel::for_slice(size, CARD), Err(LabelError::SliceSize { size }));
        }
    }

    proptest! {
        #[test]
        fn a_label_of_any_size_is_read_back(size in 17u64..1 << 32, sectors in 1u32..=63, heads in 1u32..=255) {
            let label = Disklabel::for_slice(Sectors(size), Geometry { sectors, heads }).unwrap();
            prop_assert_eq!(Disklabel::parse(&label.encode()), Ok(label));
        }

        #[test]
        fn garbage_is_never_a_panic(mut sector in prop::collection::vec(any::<u8>(), 512), count in 0u16..24) {
            let _ = Disklabel::parse(&sector);
            put(&mut sector, MAGIC, &MAGIC_VALUE.to_le_bytes());
            put(&mut sector, MAGIC_REPEATED, &MAGIC_VALUE.to_le_bytes());
            put(&mut sector, SECTOR_SIZE, &512u32.to_le_bytes());
            put(&mut sector, COUNT, &count.to_le_bytes());
            let end = (TABLE + ENTRY_BYTES * usize::from(count)).min(512);
            let sum = checksum(&sector[..end]) ^ le16(&sector, CHECKSUM);
            put(&mut sector, CHECKSUM, &sum.to_le_bytes());
            if let Ok(label) = Disklabel::parse(&sector) {
                let slice = Slice { number: 1, start: Sectors(4032), size: Sectors(label.total.into()) };
                let _ = label.partition_a(&slice);
                prop_assert_eq!(Disklabel::parse(&label.encode()), Ok(label));
            }
        }
    }
}
