//! The positions and slice numbers that are the same on every disk.

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::units::Sectors;

/// The start of the first slice on the disk, which is slice 3: the first sector after the MBR that is a multiple of 63
/// sectors, of a cylinder of 16 or 32 heads, and of 4 KiB. What is before it has room for a boot manager, and is written
/// once, in the factory.
pub const FIRST_SLICE: Sectors = Sectors(2016);

/// The sector of a slot that contains its BSD label (`LABELSECTOR`, `sys/sys/disklabel.h`).
pub const LABEL_SECTOR: Sectors = Sectors(1);

/// The sector of a slot that contains its [header](crate::slot::SlotHeader): the first one of partition `a`.
pub const HEADER_SECTOR: Sectors = BOOT_AREA;

/// The area that UFS2 leaves free at its start (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`: 64 KiB).
pub const UFS_BOOT_AREA: Sectors = Sectors(128);

/// The layout version of disks without labels, on which slot images depend and which bundles name: slots in slices 1 and 2,
/// `/cfg`, boot state and history in slice 3, `/data` in slice 4. A unit whose disk has another layout needs a new image on its
/// card.
pub const LAYOUT: u32 = 1;

/// The layout version of disks with a [label](bsd_disk::geom_label) in the last sector of each slice, by which the system
/// finds root, `/cfg` and `/data`; otherwise as [`LAYOUT`].
pub const LABELLED_LAYOUT: u32 = 2;

/// The slice number of `/cfg`, boot state and history.
pub const CFG_SLICE: u8 = 3;

/// The partition of slice 3 that contains the file system of `/cfg`.
pub const CFG_PARTITION: char = 'a';

/// The partitions of slice 3 whose first sectors are the copies of the boot state.
pub const STATE_PARTITIONS: [char; 3] = ['d', 'e', 'f'];

/// The partitions of slice 3 that contain the copies of the history.
pub const HISTORY_PARTITIONS: [char; 2] = ['g', 'h'];

/// The largest distance kept between what must not be destroyed together: 4 MiB, the largest erase block of CompactFlash.
pub const DISTANCE_MAX: Sectors = Sectors::from_mib(4);

/// The smallest such distance, on the smallest cards: 256 KiB.
pub const DISTANCE_MIN: Sectors = Sectors(512);

/// The distance kept on a card of this size: 1/64 of it, rounded down to a power of two, from [`DISTANCE_MIN`] to
/// [`DISTANCE_MAX`]. That is 4 MiB from 256 MiB on, and 512 KiB on a card of 64 MB, whose erase blocks have 128 KiB at most.
pub const fn distance(media: Sectors) -> Sectors {
    let part = media.0 / 64;
    if part >= DISTANCE_MAX.0 {
        return DISTANCE_MAX;
    }
    if part < DISTANCE_MIN.0 {
        return DISTANCE_MIN;
    }
    Sectors(1 << part.ilog2())
}

/// The slice number of `/data`.
pub const DATA_SLICE: u8 = 4;
