//! From layers to images: merge, apply NanoBSD's rules, lay the file systems out, write.
//!
//! Everything here is a function of its arguments: no clock, no user, no path of the host gets into an image.

pub mod disk;
pub mod filesystem;
pub mod manifest;
pub mod output;
mod writable;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::boot0::{self, Boot0Options};
use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::geom_label::{GeomLabel, LABEL_SECTORS};
use bsd_disk::mbr::{CODE_BYTES, Mbr};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use firmware::boot_manager;
use firmware::slot::{self, SlotHeader};
use firmware::state::{self, BootState, store};
use rootfs::mtree;
use rootfs::tree::{Attributes, Kind, Layer, Tree, TreePath};

use crate::boot_manager::BootManager;
use crate::customize::{Customizer, Stage};
use crate::product::{BootCode, Product, Version, WorldCode};
use crate::world::BootBlocks;
use crate::{layer, nanobsd};
pub use writable::Writable;

/// The path of the slot's mtree(5) specification in the image.
pub const SPEC_PATH: &str = "usr/share/sluice/slot.mtree";

/// The layer of what the builder generates, in messages.
const GENERATED: &str = "nanobsd";

/// The content of a slot, complete.
#[derive(Debug)]
pub struct Slot {
    /// The tree, with owners as numbers.
    pub tree: Tree,
    /// Its mtree(5) specification, which the tree also holds.
    pub spec: String,
}

/// Merges `layers`, the lowest first, and makes of them what a slot holds, with what the product customizes.
///
/// # Errors
/// Layers that contradict each other, an unknown owner, a file that cannot be read, a customization that fails.
pub fn compose(
    layers: Vec<Layer>,
    product: &Product,
    version: &Version,
    world_version: &str,
    customizer: &Customizer<'_>,
) -> Result<Slot> {
    let settings = settings(product, version, world_version);
    let attempt = "configuring NanoBSD's layout";
    let mut tree = Tree::merge(layers)?;
    customizer.run(Stage::Early, &mut tree)?;
    nanobsd::prepare(&mut tree, &settings).context(attempt)?;
    customizer.run(Stage::Customize, &mut tree)?;
    nanobsd::finish(&mut tree, &settings).context(attempt)?;
    customizer.run(Stage::Late, &mut tree)?;
    layer::keys::check(&tree)?;
    let generated = tree.layer(GENERATED);
    let place = TreePath::parse(SPEC_PATH)?;
    tree.put_file(generated, &place, "", 0o444)?;
    tree.resolve_owners()?;
    let digests = mtree::digests(&tree).context("hashing the content of the slot")?;
    let spec = mtree::write(&tree, &digests, &place)?;
    tree.put(generated, &place, Kind::File(spec.as_str().into()), Attributes::root(0o444))?;
    Ok(Slot { tree, spec })
}

fn settings(product: &Product, version: &Version, world: &str) -> nanobsd::Settings {
    nanobsd::Settings {
        drive: product.device(),
        cfg_slice: product.layout.cfg.number,
        data_slice: product.layout.data.as_ref().map(|slice| slice.number),
        ram_etc: product.ram_etc,
        ram_tmpvar: product.ram_tmpvar,
        console_speed: product.console_speed,
        release: nanobsd::Release {
            product: product.name.clone(),
            version: version.text.clone(),
            board: product.board.clone(),
            commit: version.commit.clone(),
            world: world.to_owned(),
            config_version: product.update.config_version,
        },
    }
}

/// Everything that is needed to write the images, laid out.
#[derive(Debug)]
pub struct Plan {
    /// What lies outside of slots and file systems: the MBR, and what else chooses a slot.
    pub outside: Vec<disk::Piece>,
    /// What stands before a slot's content.
    pub head: disk::SlotHead,
    /// The file systems.
    pub filesystems: disk::FileSystems,
}

/// Lays `slot` out for the product's card, with `manager` before the slots if there is one.
///
/// # Errors
/// The content does not fit its slot or its budget, or the boot blocks lack.
pub fn plan(
    slot: &Slot,
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
    let slot_plan = filesystem::plan(&slot.tree, &content, &params(size - BOOT_AREA))?;
    check_budget(&slot.tree, slot_plan.usage().bytes_used, product.slot_budget)?;
    let writable_plan = |name: &str, content: &ufs::Tree, size| {
        ufs::Plan::new(content, &params(size)).with_context(|| {
            format!("laying the file system of /{name} out (slices.{name}, slices.{name}_folder)")
        })
    };
    let header = SlotHeader {
        product: product.name.clone(),
        board: product.board.clone(),
        version: version.text.clone(),
        commit: version.commit.clone(),
        built_from: world.to_owned(),
        built: u64::try_from(version.time).unwrap_or_default(),
        size,
    };
    Ok(Plan {
        outside: [outside(product, manager, boot)?, labels(product)?].concat(),
        head: disk::SlotHead::new(&boot.slot, layout, &header)?,
        filesystems: disk::FileSystems {
            slot: slot_plan,
            filled: if product.fill_second { layout.slots.len() } else { 1 },
            cfg: writable_plan("cfg", &writable.cfg, layout.room(&layout.cfg))?,
            data: layout
                .data
                .as_ref()
                .map(|slice| writable_plan("data", &writable.data, layout.room(slice)))
                .transpose()?,
        },
    })
}

/// The labels of the slices, if the product has them.
fn labels(product: &Product) -> Result<Vec<disk::Piece>> {
    let Some(label) = &product.label else { return Ok(Vec::new()) };
    let label = |slice: &Slice| {
        let label = GeomLabel { name: format!("{label}s{}", slice.number), size: slice.size };
        Ok(disk::Piece { at: slice.end() - LABEL_SECTORS, bytes: label.encode()?.to_vec() })
    };
    product.layout.slices().map(label).collect()
}

/// What chooses a slot: the boot manager with its state, or sector 0 alone.
fn outside(product: &Product, manager: Option<&BootManager>, boot: &BootBlocks) -> Result<Vec<disk::Piece>> {
    let code = match (product.boot.code, manager) {
        (BootCode::Sluice, Some(manager)) => return with_manager(product, manager),
        (BootCode::Sluice, None) => bail!("boot.code: `sluice`, and the boot manager was not made"),
        (BootCode::World(code), _) => code,
    };
    let mbr = world_mbr(product, code, boot)?;
    Ok(vec![disk::Piece { at: Sectors::ZERO, bytes: mbr.encode().to_vec() }])
}

/// The boot manager twice, its state twice, and an MBR in which no slice is active: what starts is the state's to say.
fn with_manager(product: &Product, manager: &BootManager) -> Result<Vec<disk::Piece>> {
    let layout = &product.layout;
    let mbr = Mbr::with_code(&manager.mbr)?.with_slices(layout.slices(), layout.geometry)?;
    let is_written = |slot: slot::Slot| {
        layout.slot(slot.number()).is_some() && (slot == slot::Slot::First || product.fill_second)
    };
    let written = slot::Slot::ALL.map(is_written);
    let records = store::records(&BootState::factory(product.boot.default_slot, written, None))?;
    let managers = boot_manager::COPIES.into_iter().map(|at| (at, manager.copy.clone()));
    let states = state::COPIES.into_iter().map(|at| layout.cfg.start + at);
    let pieces = [(Sectors::ZERO, mbr.encode().to_vec())].into_iter().chain(managers);
    let pieces = pieces.chain(states.zip(records.map(|record| record.to_vec())));
    Ok(pieces.map(|(at, bytes)| disk::Piece { at, bytes }).collect())
}

/// Sector 0 with the world's boot code and the product's options, before the table of the layout. The slot that starts by
/// itself is the active one, too.
fn world_mbr(product: &Product, code: WorldCode, boot: &BootBlocks) -> Result<Mbr> {
    let settings = &product.boot;
    let default = settings.default_slot.number();
    let file = code.file();
    let (code, has_options) = boot.mbr.get(code)?;
    let mut mbr = Mbr::with_code(&code[..code.len().min(CODE_BYTES)])?
        .with_slices(product.layout.slices(), product.layout.geometry)?;
    mbr.set_active(default)?;
    if !has_options {
        return Ok(mbr);
    }
    let attempt = || format!("setting the options of [boot] in the world's /boot/{file}");
    let mut mbr = boot0::install(code, &mbr).with_context(attempt)?;
    let mut options = Boot0Options::read(&mbr).with_context(attempt)?;
    options.packet = settings.packet;
    options.update = settings.update;
    options.slices_mask = settings.menu;
    options.default_slice = default;
    options.ticks = settings.ticks;
    options.apply(&mut mbr).with_context(attempt)?;
    Ok(mbr)
}

fn check_budget(tree: &Tree, used: u64, budget: Option<u64>) -> Result<()> {
    let Some(budget) = budget else { return Ok(()) };
    let layers: Vec<String> = filesystem::layer_sizes(tree)
        .iter()
        .take(3)
        .map(|layer| format!("{} {}", layer.name, report::size(layer.bytes)))
        .collect();
    ensure!(
        used <= budget,
        "the slot's content takes up {used} bytes, {} more than budget.slot_bytes = {budget} of the product definition \
         allows; the largest layers are {}; leave something out or raise the budget",
        used - budget,
        layers.join(", ")
    );
    Ok(())
}

/// Writes the images of `plan`; see [`disk::write`].
///
/// # Errors
/// As [`disk::write`].
pub fn write(plan: &Plan, product: &Product, slot: Option<&Path>, full: Option<&Path>) -> Result<()> {
    disk::write(&product.layout, &plan.outside, &plan.head, &plan.filesystems, slot, full)
}
