//! The builder: turns the product definition and a FreeBSD world into images. It runs on the engineer's machine
//! (Linux or FreeBSD) and never on the device.
//!
//! In the order of the pipeline: a [`world`] and the product's own [`layer`]s merge into a [`tree`], [`nanobsd`]'s
//! rules transform it, [`customize`] does what the product asks for between them, and [`image`] lays it out and writes
//! it, with the file systems of the `ufs` crate and the on-disk formats of the `firmware` crate; [`bundle`] makes the
//! update of it, signed with [`keys`]; [`burn`] writes it to a card. [`pkg`] brings FreeBSD packages. [`command`] is
//! the command line, [`inspect`] reads what was built, [`built`] lists it for [`diff`] and [`sizes`], [`convert`] reads
//! what a NanoBSD configuration says, [`qemu`] stands for the device, and [`lab`] for the field.

pub mod archive;
pub mod assembler;
pub mod boot_manager;
pub mod boot_state;
pub mod build;
pub mod built;
pub mod bundle;
pub mod burn;
pub mod command;
pub mod convert;
pub mod customize;
pub mod diff;
pub mod first_error;
pub mod flags;
pub mod image;
pub mod inputs;
pub mod inspect;
pub mod isa;
pub mod keys;
pub mod lab;
pub mod layer;
pub mod miniature;
pub mod nanobsd;
pub mod pkg;
pub mod product;
pub mod qemu;
pub mod report;
pub mod services;
pub mod sizes;
pub mod sparse;
pub mod toolchain;
pub mod tree;
pub mod vis;
pub mod workspace;
pub mod world;

use std::fmt::Write as _;

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}
