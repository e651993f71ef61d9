//! The position of everything on a Sluice disk: the slices of the MBR, and what is at the start of each.
//!
//! The builder plans a [`Layout`] once, from a [`Request`]; the unit reads the slices back from the MBR. Invariants:
//!
//! - slices 1 and 2 are the slots and have the same size, so one slot image fits both; slice 3 is always `/cfg` and slice 4
//!   `/data`, so device names do not depend on the number of slots;
//! - every slice starts and ends on a multiple of [`Geometry::unit`](bsd_disk::geometry::Geometry::unit), which is a whole
//!   number of 4 KiB flash pages and, wherever possible, of cylinders;
//! - no two slices share an erase block of up to the [`distance`] of the card, nor do the regions of [`Partitions`]: a
//!   power cut while one is written cannot damage another;
//! - slice 3 comes first on the disk, so a BIOS without LBA reaches the boot state on any card;
//! - nothing lies beyond the end of the media or the reach of the geometry.
//!
//! A slot, from its first sector on:
//!
//! | sector of the slice | what                                                                       |
//! |--------------------:|----------------------------------------------------------------------------|
//! |                   0 | boot1 (`stand/i386/boot2/boot1.S`)                                         |
//! |                   1 | BSD label ([`bsd_disk::disklabel`])                                        |
//! |               2..16 | boot2                                                                      |
//! |                  16 | start of partition `a`; its first sector is the slot header ([`crate::slot`]) |
//! |             17..144 | rest of the 64 KiB that UFS2 reserves for boot programs, zero              |
//! |                 144 | superblock of the UFS2 file system (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`)     |
//!
//! Slice 3 has a BSD label in its sector 1, too, and these partitions, in their order on the disk:
//!
//! | partition | what                                                                                        |
//! |-----------|---------------------------------------------------------------------------------------------|
//! | `d`       | copy 1 of the boot state ([`crate::state`]), in its first sector                             |
//! | `g`       | copy 1 of the history ([`crate::history`])                                                   |
//! | `e`       | copy 2 of the boot state                                                                    |
//! | `h`       | copy 2 of the history                                                                       |
//! | `f`       | copy 3 of the boot state                                                                    |
//! | `a`       | the UFS2 file system of `/cfg`                                                              |

mod error;
mod partitions;
mod plan;
mod position;
mod request;

pub use error::LayoutError;
pub use partitions::Partitions;
pub use plan::Layout;
pub use position::{
    CFG_PARTITION, CFG_SLICE, DATA_SLICE, DISTANCE_MAX, DISTANCE_MIN, FIRST_SLICE, HEADER_SECTOR,
    HISTORY_PARTITIONS, LABEL_SECTOR, LABELLED_LAYOUT, LAYOUT, STATE_PARTITIONS, UFS_BOOT_AREA, distance,
};
pub use request::{DataSize, Request, SlotCount};
