//! The planned layout: the slices of one disk.

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::geom_label::LABEL_SECTORS;
use bsd_disk::geometry::Geometry;
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use serde::{Deserialize, Serialize};

use super::error::LayoutError;
use super::position::{
    CFG_RESERVED, CFG_SLICE, DATA_SLICE, FIRST_SLICE, LABELLED_LAYOUT, LAYOUT, UFS_BOOT_AREA,
};
use super::request::{DataSize, Request};

/// The smallest file system that has any room for files: 256 KiB.
const SLICE_MIN: Sectors = Sectors(512);

/// The position of every slice, and whether it ends in a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The size of the card.
    pub media: Sectors,
    /// The geometry that the BIOS uses for the card.
    pub geometry: Geometry,
    /// The slots: slice 1 and, if there are two, slice 2.
    pub slots: Vec<Slice>,
    /// `/cfg`: slice 3.
    pub cfg: Slice,
    /// `/data`: slice 4.
    pub data: Option<Slice>,
    /// Whether every slice ends in a [label](bsd_disk::geom_label).
    #[serde(default)]
    pub labelled: bool,
}

impl Layout {
    /// Plans the slices of a disk.
    ///
    /// # Errors
    /// The geometry is invalid or cannot address the media, a slice is too small for a file system, or the slices do not
    /// fit the media.
    pub fn plan(request: &Request) -> Result<Self, LayoutError> {
        let Request { media, geometry, slots, code, cfg, data } = *request;
        geometry.check()?;
        if media > geometry.capacity() {
            let Geometry { sectors, heads } = geometry;
            return Err(LayoutError::Beyond { media, capacity: geometry.capacity(), sectors, heads });
        }
        if code.is_none() && data == DataSize::Rest {
            return Err(LayoutError::TwoRests);
        }
        let unit = geometry.unit();
        let first = FIRST_SLICE.round_up(unit);
        let usable = media.round_down(unit);
        let count = u64::from(slots.get());

        let cfg = rounded("/cfg", cfg, CFG_RESERVED.saturating_add(SLICE_MIN), unit)?;
        let data_min = match data {
            DataSize::None => Sectors::ZERO,
            DataSize::Sectors(size) => rounded("/data", size, SLICE_MIN, unit)?,
            DataSize::Rest => SLICE_MIN.round_up(unit),
        };
        let slot_min = BOOT_AREA.saturating_add(UFS_BOOT_AREA).saturating_add(SLICE_MIN);
        let slot_size_min = match code {
            Some(size) => rounded("a slot", size, slot_min, unit)?,
            None => slot_min.round_up(unit),
        };
        let needed = first
            .saturating_add(slot_size_min.saturating_mul(count))
            .saturating_add(cfg)
            .saturating_add(data_min);
        let Some(spare) = usable.checked_sub(needed) else {
            // Counted from the media's real end, because a card of exactly `needed` sectors would suffice.
            let lacking = Sectors(needed.0.saturating_sub(media.0));
            return Err(LayoutError::MediaTooSmall { media, needed, lacking });
        };
        let slot = match code {
            Some(_) => slot_size_min,
            None => slot_size_min + Sectors(spare.0 / count).round_down(unit),
        };

        let mut at = first;
        let mut place = |number: u8, size: Sectors| {
            let slice = Slice { number, start: at, size };
            at = slice.end();
            slice
        };
        let slots = (1..=slots.get()).map(|number| place(number, slot)).collect();
        let cfg = place(CFG_SLICE, cfg);
        let data = match data {
            DataSize::None => None,
            DataSize::Sectors(_) => Some(place(DATA_SLICE, data_min)),
            DataSize::Rest => Some(place(DATA_SLICE, usable - cfg.end())),
        };
        Ok(Self { media, geometry, slots, cfg, data, labelled: false })
    }

    /// Every slice, in the order of their numbers.
    pub fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.slots.iter().chain([&self.cfg]).chain(&self.data)
    }

    /// The slot of this number, 1 or 2.
    pub fn slot(&self, number: u8) -> Option<&Slice> {
        self.slots.iter().find(|slot| slot.number == number)
    }

    /// The size available for the content of a slice: all of it except its label.
    pub fn room(&self, slice: &Slice) -> Sectors {
        if self.labelled { slice.size - LABEL_SECTORS } else { slice.size }
    }

    /// The layout version, [`LAYOUT`] or [`LABELLED_LAYOUT`], on which slot images depend.
    pub const fn version(&self) -> u32 {
        if self.labelled { LABELLED_LAYOUT } else { LAYOUT }
    }

    /// The first sector after the last slice.
    pub fn end(&self) -> Sectors {
        self.slices().map(Slice::end).max().unwrap_or(FIRST_SLICE)
    }
}

/// `size` rounded up to whole units.
///
/// # Errors
/// It is less than `least`.
fn rounded(what: &'static str, size: Sectors, least: Sectors, unit: Sectors) -> Result<Sectors, LayoutError> {
    if size < least {
        return Err(LayoutError::SliceTooSmall { what, size, least });
    }
    Ok(size.round_up(unit))
}

#[cfg(test)]
mod tests {
    use bsd_disk::geometry::{FLASH_PAGE, GeometryError};
    use proptest::prelude::*;

    use super::super::request::SlotCount;
    use super::*;

    const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

    /// A 1 GB card with two slots, 16 MiB of `/cfg` and no `/data`.
    fn request() -> Request {
        Request {
            media: Sectors(1_981_728),
            geometry: CARD,
            slots: SlotCount::Two,
            code: None,
            cfg: Sectors::from_mib(16),
            data: DataSize::None,
        }
    }

    fn spans(layout: &Layout) -> Vec<(u8, u64, u64)> {
        layout.slices().map(|slice| (slice.number, slice.start.0, slice.size.0)).collect()
    }

    #[test]
    fn two_slots_share_the_space_that_cfg_leaves() {
        let layout = Layout::plan(&request()).unwrap();
        // 1966 cylinders: 4 before the first slice, 33 for 16 MiB of /cfg, 964 for each slot, 1 left over.
        let slot = 964 * 1008;
        assert_eq!(
            spans(&layout),
            [(1, 4032, slot), (2, 4032 + slot, slot), (3, 4032 + 2 * slot, 33 * 1008)]
        );
    }

    #[test]
    fn given_sizes_are_rounded_up_and_data_takes_the_rest() {
        let code = Some(Sectors::from_mib(200));
        let layout = Layout::plan(&Request { code, data: DataSize::Rest, ..request() }).unwrap();
        let slot = 407 * 1008;
        let data = 4032 + 2 * slot + 33 * 1008;
        assert_eq!(
            spans(&layout)[1..],
            [(2, 4032 + slot, slot), (3, 4032 + 2 * slot, 33 * 1008), (4, data, 1_981_728 - data)]
        );
    }

    #[test]
    fn cfg_is_slice_three_even_with_one_slot() {
        let layout = Layout::plan(&Request { slots: SlotCount::One, ..request() }).unwrap();
        assert_eq!(layout.slices().map(|slice| slice.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(layout.slot(2), None);
    }

    #[test]
    fn a_cylinder_that_is_not_whole_flash_pages_is_replaced_by_tracks_that_are() {
        assert_eq!(CARD.unit(), Sectors(1008));
        assert_eq!(Geometry { heads: 32, ..CARD }.unit(), Sectors(2016));
        assert_eq!(Geometry { heads: 255, ..CARD }.unit(), Sectors(504));
        let layout =
            Layout::plan(&Request { geometry: Geometry { heads: 255, ..CARD }, ..request() }).unwrap();
        assert_eq!(layout.slots[0].start, FIRST_SLICE);
    }

    #[test]
    fn media_that_is_too_small_is_refused_with_the_size_missing() {
        let code = Some(Sectors::from_mib(500));
        let error = Layout::plan(&Request { code, ..request() }).unwrap_err();
        // 4 + 2 * 1016 + 33 cylinders of 1008 sectors.
        let (needed, lacking) = (Sectors(2069 * 1008), Sectors(2069 * 1008 - 1_981_728));
        assert_eq!(error, LayoutError::MediaTooSmall { media: Sectors(1_981_728), needed, lacking });
        let text = error.to_string();
        assert!(text.contains("too small by 103824 sectors (50.7 MiB), 53157888 bytes"), "{text}");
        assert!(Layout::plan(&Request { code, media: needed, ..request() }).is_ok());
        assert!(Layout::plan(&Request { code, media: needed - Sectors(1), ..request() }).is_err());
    }

    #[test]
    fn impossible_requests_are_refused() {
        for (sectors, heads) in [(0, 16), (64, 16), (63, 0), (63, 256)] {
            let geometry = Geometry { sectors, heads };
            let error = Layout::plan(&Request { geometry, ..request() }).unwrap_err();
            assert_eq!(error, LayoutError::Geometry(GeometryError { sectors, heads }));
            assert!(Geometry::new(sectors, heads).is_err());
        }
        let beyond = Request { media: CARD.capacity() + Sectors(1), ..request() };
        assert!(matches!(Layout::plan(&beyond), Err(LayoutError::Beyond { .. })));
        assert!(Layout::plan(&Request { media: CARD.capacity(), ..request() }).is_ok());
        let both = Request { data: DataSize::Rest, ..request() };
        assert_eq!(Layout::plan(&both), Err(LayoutError::TwoRests));
        let cfg = Request { cfg: CFG_RESERVED, ..request() };
        assert!(matches!(Layout::plan(&cfg), Err(LayoutError::SliceTooSmall { what: "/cfg", .. })));
        assert!(SlotCount::try_from(3).is_err());
    }

    fn any_size() -> impl Strategy<Value = Sectors> {
        prop_oneof![(0u64..1 << 22).prop_map(Sectors), any::<u64>().prop_map(Sectors)]
    }

    proptest! {
        #[test]
        fn no_layout_overlaps_or_leaves_the_media(
            media in any_size(), sectors in 0u32..66, heads in 0u32..258, two: bool,
            code in prop::option::of(any_size()), cfg in any_size(),
            data in prop_oneof![
                Just(DataSize::None), Just(DataSize::Rest), any_size().prop_map(DataSize::Sectors)
            ],
        ) {
            let slots = if two { SlotCount::Two } else { SlotCount::One };
            let geometry = Geometry { sectors, heads };
            let Ok(layout) = Layout::plan(&Request { media, geometry, slots, code, cfg, data }) else {
                return Ok(());
            };
            let unit = geometry.unit();
            prop_assert!(unit.is_multiple_of(FLASH_PAGE) && unit.is_multiple_of(Sectors(sectors.into())));
            let mut at = FIRST_SLICE.round_up(unit);
            for slice in layout.slices() {
                prop_assert_eq!(slice.start, at);
                prop_assert!(slice.size.is_multiple_of(unit) && !slice.size.is_zero());
                at = slice.end();
            }
            prop_assert!(at <= media && at == layout.end());
            prop_assert!(layout.slots.iter().all(|slot| slot.size == layout.slots[0].size));
            prop_assert!(code.is_none_or(|code| layout.slots[0].size >= code));
            prop_assert!(layout.cfg.size >= cfg);
        }
    }
}
