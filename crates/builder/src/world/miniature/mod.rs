//! The miniature world: enough of FreeBSD's shape for every rule of the builder to work on, and none of its code. What
//! it stands in for, it says in its own files and on the serial console.
//!
//! It is embedded in the builder and needs no FreeBSD: with it every on-disk structure is real and is booted in QEMU
//! on any machine. What it has in place of FreeBSD's boot blocks is in [`boot`].

pub mod boot;
pub mod hierarchy;

use anyhow::Result;

use super::boot_blocks::{BootBlocks, MbrCodes};
use super::contents::World;
use crate::product::{BootCode, Product};
use crate::services::Sysroot;
use crate::toolchain::{Toolchain, ZIG_VERSION};
use crate::{inputs, workspace};
use boot::{BootOptions, BootPrograms};

/// What it is called as a provider.
pub const KIND: &str = "miniature";
/// What stands for FreeBSD's version.
const VERSION: &str = "miniature";

/// Opens it, with boot programs for the product's console.
///
/// # Errors
/// The boot programs cannot be assembled.
pub fn open(product: &Product, toolchain: &Toolchain) -> Result<World> {
    let options = BootOptions { speed: product.console_speed, ..BootOptions::default() };
    let cache = workspace::target().join("miniature");
    let programs = BootPrograms::cached_or_assembled(&cache, toolchain.path("zig")?, ZIG_VERSION, &options)?;
    let layer = hierarchy::layer()?;
    let identity = inputs::of_texts(
        [hex::encode(&programs.mbr), hex::encode(&programs.slot), format!("{layer:?}")]
            .iter()
            .map(String::as_str),
    );
    Ok(World {
        kind: KIND,
        version: VERSION.to_owned(),
        kernel: None,
        identity,
        layers: vec![layer],
        sysroot: Some(Sysroot::Miniature),
        boot: BootBlocks { mbr: MbrCodes::Miniature(programs.mbr), slot: programs.slot },
        notes: notes(product),
    })
}

/// What it is not.
fn notes(product: &Product) -> Vec<String> {
    let mut notes = vec![
        "the miniature world has no FreeBSD: its images start, say which slot they are, and stop; give --src or --world for a \
         system"
            .to_owned(),
    ];
    if let BootCode::World(code) = product.boot.code {
        notes.push(format!("its MBR starts the active slice; it has no {} (boot.code)", code.file()));
    }
    notes
}
