//! The positions and slice numbers that are the same on every disk.

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::units::Sectors;

/// The start of the first slice: the first sector after the MBR that is a multiple of 63 sectors, of a cylinder of 16 or
/// 32 heads, and of 4 KiB. The 2 MiB before it have room for a boot manager.
pub const FIRST_SLICE: Sectors = Sectors(4032);

/// The sector of a slot that contains its BSD label (`LABELSECTOR`, `sys/sys/disklabel.h`).
pub const LABEL_SECTOR: Sectors = Sectors(1);

/// The sector of a slot that contains its [header](crate::slot::SlotHeader): the first one of partition `a`.
pub const HEADER_SECTOR: Sectors = BOOT_AREA;

/// The area that UFS2 leaves free at its start (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`: 64 KiB).
pub const UFS_BOOT_AREA: Sectors = Sectors(128);

/// The start of the `/cfg` slice that its file system never touches: 64 KiB, which contain the boot state.
pub const CFG_RESERVED: Sectors = UFS_BOOT_AREA;

/// The layout version of disks without labels, on which slot images depend and which bundles name: slots in slices 1 and 2,
/// `/cfg` with the boot state in slice 3, `/data` in slice 4. A unit whose disk has another layout needs a new image on its
/// card.
pub const LAYOUT: u32 = 1;

/// The layout version of disks with a [label](bsd_disk::geom_label) in the last sector of each slice, by which the system
/// finds root, `/cfg` and `/data`; otherwise as [`LAYOUT`].
pub const LABELLED_LAYOUT: u32 = 2;

/// The slice number of `/cfg`.
pub const CFG_SLICE: u8 = 3;

/// The slice number of `/data`.
pub const DATA_SLICE: u8 = 4;
