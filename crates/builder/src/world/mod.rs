//! Worlds: where FreeBSD comes from. Each provider gives layers, boot blocks, a version and a sysroot ([`World`]).
//!
//! Providers only read (or, for `--src`, build) FreeBSD; what the product adds comes from other layers.

mod boot_blocks;
mod contents;
pub mod installed;
pub mod miniature;
mod origin;
pub mod sets;
pub mod source;
mod summary;

use anyhow::Result;
use report::Reporter;

use crate::product::Product;
use crate::toolchain::Toolchain;
pub use boot_blocks::{BootBlocks, MbrCodes};
pub use contents::World;
pub use origin::Origin;
use source::SkipOptions;
pub use summary::WorldSummary;

/// Opens the world of `origin`, building it first where it has to be.
///
/// # Errors
/// As its provider.
pub fn open(
    origin: &Origin,
    skip: SkipOptions,
    product: &Product,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<World> {
    let world = match origin {
        Origin::Miniature => miniature::open(product, toolchain)?,
        Origin::Installed(dir) => installed::open(dir)?,
        Origin::Sets(dir) => sets::open(dir, product, toolchain, reporter)?,
        Origin::Source(dir) => {
            let installed = source::build(dir, product, skip, toolchain, reporter)?;
            World { kind: "source", ..installed::open(&installed)? }
        }
    };
    let is_wanted = product.kernel.config.is_some() && !skip.no_install_kernel;
    Ok(if is_wanted { world } else { world.without_kernel() })
}
