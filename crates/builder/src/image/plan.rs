//! The layout of the images.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use bsd_disk::disklabel::BOOT_AREA;
use firmware::slot::SlotHeader;

use super::layer_size::{LayerSize, largest};
use super::slot::SlotContent;
use super::writable::Writable;
use super::{disk, filesystem, outside};
use crate::boot_manager::BootManager;
use crate::product::{Product, Version};
use crate::world::BootBlocks;

/// The layout of the images: all that is needed to write them.
#[derive(Debug)]
pub struct Plan {
    /// The sectors outside of slots and file systems.
    pub outside: Vec<disk::Piece>,
    /// The boot area and header of a slot.
    pub head: disk::SlotHead,
    /// The file systems.
    pub filesystems: disk::FileSystems,
}

/// Lays out `slot` for the product's card, with `manager` before the slots if there is one.
///
/// # Errors
/// The content exceeds its slot or its budget, or boot blocks are missing.
pub fn plan(
    slot: &SlotContent,
    writable: &Writable,
    product: &Product,
    version: &Version,
    manager: Option<&BootManager>,
    boot: &BootBlocks,
    world: &str,
) -> Result<Plan> {
    let layout = &product.layout;
    let size = disk::slot_size(layout)?;
    let content = filesystem::convert(&slot.tree)?;
    let params = |size| filesystem::params(&product.filesystem, size, version.time);
    let slot_plan = slot_plan(&slot.layers, &content, &params(size - BOOT_AREA))?;
    check_budget(&slot.layers, slot_plan.usage().bytes_used, product.slot_budget)?;
    let writable_plan = |name: &str, content: &ufs::Tree, size| {
        ufs::Plan::new(content, &params(size)).with_context(|| {
            format!("laying out the file system of /{name} (slices.{name}, slices.{name}_folder)")
        })
    };
    let header = SlotHeader {
        product: product.name.clone(),
        board: product.board.name.to_owned(),
        version: version.text.clone(),
        commit: version.commit.clone(),
        built_from: world.to_owned(),
        built: u64::try_from(version.time).unwrap_or_default(),
        size,
        watchdog: product.boot.watchdog,
        key_epoch: slot.revocations.epoch,
    };
    Ok(Plan {
        outside: outside::pieces(product, manager, &version.text, &slot.revocations, boot)?,
        head: disk::SlotHead::new(&boot.slot, layout, &header)?,
        filesystems: disk::FileSystems {
            slot: slot_plan,
            filled: if product.fill_second { layout.slots.len() } else { 1 },
            cfg: writable_plan("cfg", &writable.cfg, layout.partitions().cfg.size)?,
            data: layout
                .data
                .as_ref()
                .map(|slice| writable_plan("data", &writable.data, layout.room(slice)))
                .transpose()?,
        },
    })
}

/// Plans the file system of a slot with `content`, whose `layers` have these sizes. If the content does not fit, the error
/// says by how much, names the largest layers and suggests what to change.
fn slot_plan(layers: &[LayerSize], content: &ufs::Tree, params: &ufs::Params) -> Result<ufs::Plan> {
    ufs::Plan::new(content, params).map_err(|error| {
        let (shortage, needed) = match error {
            ufs::Error::TooSmall { minimum, .. } => (String::new(), minimum),
            ufs::Error::TooFewInodes { needed, available, minimum, .. } => {
                (format!("{needed} inodes are needed, but {available} are available; "), minimum)
            }
            other => return anyhow::Error::new(other).context("laying out the slot's file system"),
        };
        anyhow!(
            "laying out the slot's file system: {shortage}a slot has {}, but its content needs at least {} ({} more); the \
             largest layers are {}\n\
             hint: enlarge [media] size or [slices] code, or leave more of the world out with [world] options",
            report::size(params.size),
            report::size(needed),
            report::size(needed.saturating_sub(params.size)),
            largest(layers, 4)
        )
    })
}

/// Refuses content that uses more than the budget of the product definition.
fn check_budget(layers: &[LayerSize], used: u64, budget: Option<u64>) -> Result<()> {
    let Some(budget) = budget else { return Ok(()) };
    ensure!(
        used <= budget,
        "the slot's content takes up {used} bytes, {} more than budget.slot_bytes = {budget} in the product definition; \
         the largest layers are {}\nhint: leave something out, or raise the budget",
        used - budget,
        largest(layers, 3)
    );
    Ok(())
}

/// Writes the images of `plan`. See [`disk::write`].
///
/// # Errors
/// As [`disk::write`].
pub fn write(plan: &Plan, product: &Product, slot: Option<&Path>, full: Option<&Path>) -> Result<()> {
    disk::write(&product.layout, &plan.outside, &plan.head, &plan.filesystems, slot, full)
}
