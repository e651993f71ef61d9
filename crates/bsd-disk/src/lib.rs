//! The records at the head of a PC disk that FreeBSD boots from, and what the kernel says of them.
//!
//! - [`mbr`] is sector 0 with the table of slices; [`chs`] is the kind of address that its entries contain
//! - [`boot0`] handles the options of FreeBSD's boot manager, which are stored in the MBR
//! - [`disklabel`] is the BSD label in sector 1 of a slice
//! - [`geom_label`] is GEOM's label in the last sector of a slice
//! - [`conftxt`] reads the kernel's list of disks, slices and labels
//! - [`geometry`] describes a disk in the BIOS's cylinders, heads and sectors; everything else counts in [`units::Sectors`]
//!
//! Invariants: a parser accepts any bytes and returns a typed error instead of panicking; nothing here opens a file or a
//! device. What a slice is used for does not belong here.

#![forbid(unsafe_code)]

pub mod boot0;
pub mod bytes;
pub mod chs;
pub mod conftxt;
pub mod disklabel;
pub mod geom_label;
pub mod geometry;
pub mod mbr;
pub mod slice;
pub mod units;
