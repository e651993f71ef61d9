//! The records at the head of a PC disk that FreeBSD boots from.
//!
//! [`mbr`] is sector 0 with the table of slices, [`boot0`] the options of FreeBSD's boot manager in it, [`disklabel`] the BSD
//! label of a slice, and [`geom_label`] GEOM's label in the last sector of a slice. [`geometry`] has the cylinders, heads and
//! sectors that a BIOS counts in, [`units`] the sectors that everything else is counted in.
//!
//! Invariant: a parser accepts any bytes and returns a typed error, never panics. Nothing here opens a file or a device, and
//! nothing knows what a slice is used for.

#![forbid(unsafe_code)]

pub mod boot0;
pub mod bytes;
pub mod disklabel;
pub mod geom_label;
pub mod geometry;
pub mod mbr;
pub mod slice;
pub mod units;
