//! What the full image has outside of slots and file systems: the MBR, the boot manager with its state, and GEOM labels.

use anyhow::{Context, Result, bail};
use bsd_disk::boot0::{self, Boot0Options};
use bsd_disk::geom_label::{GeomLabel, LABEL_SECTORS};
use bsd_disk::mbr::{CODE_BYTES, Mbr};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use firmware::boot_manager;
use firmware::layout::{LABEL_SECTOR, Layout};
use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::{BootState, store};

use super::disk::Piece;
use crate::boot_manager::BootManager;
use crate::product::{BootCode, Product, WorldCode};
use crate::world::BootBlocks;

/// All sectors outside of slots and file systems.
pub(super) fn pieces(
    product: &Product,
    manager: Option<&BootManager>,
    version: &str,
    revocations: &Revocations,
    boot: &BootBlocks,
) -> Result<Vec<Piece>> {
    let version = semver::Version::parse(version).with_context(|| {
        format!("parsing the version `{version}`, which is the version floor of a new unit")
    })?;
    let boot_code = match (product.boot.code, manager) {
        (BootCode::Sluice, Some(manager)) => {
            with_manager(&product.layout, manager, &factory_state(product, &version, revocations))?
        }
        (BootCode::Sluice, None) => bail!("boot.code is `sluice`, but no boot manager was built"),
        (BootCode::World(code), _) => {
            let mbr = world_mbr(product, code, boot)?;
            vec![Piece { at: Sectors::ZERO, bytes: mbr.encode().to_vec() }]
        }
    };
    Ok([boot_code, labels(product)?, vec![partitions(&product.layout)?]].concat())
}

/// The BSD label of slice 3.
fn partitions(layout: &Layout) -> Result<Piece> {
    let label = layout.partitions().label(&layout.cfg, layout.geometry)?;
    Ok(Piece { at: layout.cfg.start + LABEL_SECTOR, bytes: label.encode().to_vec() })
}

/// The GEOM labels of the slices, if the product has a label.
fn labels(product: &Product) -> Result<Vec<Piece>> {
    let Some(label) = &product.label else { return Ok(Vec::new()) };
    let label = |slice: &Slice| {
        let label = GeomLabel { name: format!("{label}s{}", slice.number), size: slice.size };
        Ok(Piece { at: slice.end() - LABEL_SECTORS, bytes: label.encode()?.to_vec() })
    };
    product.layout.slices().map(label).collect()
}

/// The boot state of a new unit: its version is the floor, and what its release withdraws is withdrawn.
fn factory_state(product: &Product, version: &semver::Version, revocations: &Revocations) -> BootState {
    let is_written = |slot: Slot| {
        product.layout.slot(slot.number()).is_some() && (slot == Slot::First || product.fill_second)
    };
    let written = Slot::ALL.map(is_written);
    BootState {
        floor: Some(version.clone()),
        revocations: revocations.clone(),
        ..BootState::factory(product.boot.default_slot, written, None)
    }
}

/// Two copies of the boot manager, three copies of its state, and an MBR without an active slice: the state decides which
/// slot starts.
fn with_manager(layout: &Layout, manager: &BootManager, state: &BootState) -> Result<Vec<Piece>> {
    let mbr = Mbr::with_code(&manager.mbr)?.with_slices(layout.slices(), layout.geometry)?;
    let records = store::records(state)?;
    let managers = boot_manager::COPIES.into_iter().map(|at| (at, manager.copy.clone()));
    let states = layout.partitions().state.map(|copy| copy.start).into_iter();
    let pieces = [(Sectors::ZERO, mbr.encode().to_vec())].into_iter().chain(managers);
    let pieces = pieces.chain(states.zip(records.map(|record| record.to_vec())));
    Ok(pieces.map(|(at, bytes)| Piece { at, bytes }).collect())
}

/// The MBR with the world's boot code, the product's options and the partition table of the layout. The default slot is
/// the active slice.
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

#[cfg(test)]
mod tests {
    use firmware::state::Mark;

    use super::*;

    #[test]
    fn a_new_unit_accepts_nothing_older_than_itself_and_no_key_that_its_release_revokes() {
        let mut product = Product::load(&crate::workspace::root(), &[]).unwrap();
        let version = semver::Version::new(1, 4, 0);
        let revocations = Revocations { epoch: 2, keys: vec!["E7620F1842B4E81F".parse().unwrap()] };
        let state = factory_state(&product, &version, &revocations);
        assert_eq!((&state.floor, &state.revocations), (&Some(version.clone()), &revocations));
        assert_eq!((state.default, state.marks, state.fallback), (Slot::First, [Mark::Good; 2], true));
        assert!(state.encode(1).is_ok());
        product.fill_second = false;
        let state = factory_state(&product, &version, &revocations);
        assert_eq!((state.marks, state.fallback), ([Mark::Good, Mark::Bad], false));
    }
}
