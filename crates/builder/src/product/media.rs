//! `[media]` and `[slices]`: the card, and how it is divided.

use anyhow::{Result, bail, ensure};
use bsd_disk::geom_label::NAME_MAX;
use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;
use firmware::layout::{DataSize, Request, SlotCount};

use super::flash_device::FlashDevice;
use super::raw::{RawProduct, RawSlices};
use crate::board::Board;

pub(super) fn layout_request(
    raw: &RawProduct,
    device: Option<&FlashDevice>,
    board: &Board,
) -> Result<Request> {
    let RawSlices { slots, code, cfg, data, .. } = &raw.slices;
    let (slots, code, cfg, data) = (*slots, *code, *cfg, *data);
    let (size, geometry) =
        device.map_or((board.media.size, board.media.geometry), |device| (device.size, device.geometry));
    Ok(Request {
        media: raw.media.size.map_or(size, Sectors),
        geometry: Geometry {
            sectors: raw.media.sectors.unwrap_or(geometry.sectors),
            heads: raw.media.heads.unwrap_or(geometry.heads),
        },
        slots: match slots.unwrap_or(2) {
            1 => SlotCount::One,
            2 => SlotCount::Two,
            other => bail!("slices.slots: {other} slots\nhint: a card has 1 or 2"),
        },
        code: code.filter(|sectors| *sectors > 0).map(Sectors),
        cfg: match cfg.unwrap_or(2048) {
            0 => {
                bail!("slices.cfg: 0 sectors; the configuration slice cannot be left out (NanoBSD has 2048)")
            }
            sectors => Sectors(sectors),
        },
        data: match data.unwrap_or(0) {
            0 => DataSize::None,
            sectors => {
                u64::try_from(sectors).map_or(DataSize::Rest, |sectors| DataSize::Sectors(Sectors(sectors)))
            }
        },
    })
}

/// What the names of labels begin with: `s1` to `s4` come behind it.
pub(super) fn label(label: Option<String>) -> Result<Option<String>> {
    const LONGEST: usize = NAME_MAX - 2;
    let Some(label) = label.filter(|label| !label.is_empty()) else { return Ok(None) };
    ensure!(
        label.len() <= LONGEST
            && label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')),
        "media.label: `{label}` is not a label\nhint: write at most {LONGEST} letters, digits, `_` and `-`, as \"gateway\": the slices are then \
         `gateways1` to `gateways4`"
    );
    Ok(Some(label))
}

/// A disk's device name on the unit.
pub(super) fn drive(name: String, board: &Board) -> Result<String> {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_lowercase());
    ensure!(
        !digits.is_empty() && digits.len() < name.len() && digits.bytes().all(|b| b.is_ascii_digit()),
        "media.drive: `{name}` is not the name of a disk\nhint: the first card is `{}`, a USB stick `da0`",
        board.drive
    );
    ensure!(
        !name.starts_with("ad") || name.starts_with("ada"),
        "media.drive: `{name}` is an old name\nhint: since FreeBSD 9 the card is `ada{digits}`"
    );
    Ok(name)
}
