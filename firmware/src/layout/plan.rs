//! The planned layout: the slices of one disk.

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::geom_label::LABEL_SECTORS;
use bsd_disk::geometry::Geometry;
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use serde::{Deserialize, Serialize};

use super::error::LayoutError;
use super::partitions::Partitions;
use super::position::{CFG_SLICE, DATA_SLICE, FIRST_SLICE, LABELLED_LAYOUT, LAYOUT, UFS_BOOT_AREA, distance};
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
    /// `/cfg`, boot state and history: slice 3.
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
        let count = slots.get();
        let cfg_min = UFS_BOOT_AREA.saturating_add(SLICE_MIN);
        let cfg = checked("/cfg", cfg, cfg_min)?;
        let data_size = match data {
            DataSize::None => None,
            DataSize::Sectors(size) => Some(checked("/data", size, SLICE_MIN)?.round_up(unit)),
            DataSize::Rest => Some(SLICE_MIN.round_up(unit)),
        };
        let slot_min = BOOT_AREA.saturating_add(UFS_BOOT_AREA).saturating_add(SLICE_MIN);
        let slot = match code {
            Some(size) => checked("a slot", size, slot_min)?.round_up(unit),
            None => slot_min.round_up(unit),
        };

        let usable = media.round_down(unit);
        let place = |slot: Sectors| place(unit, distance(media), cfg, (count, slot), data_size);
        let smallest = place(slot);
        let needed = smallest.last().map_or(FIRST_SLICE, |last| last.start.saturating_add(last.size));
        if needed > usable {
            // Counted from the media's real end, because a card of exactly `needed` sectors would suffice.
            let lacking = Sectors(needed.0.saturating_sub(media.0));
            return Err(LayoutError::MediaTooSmall { media, needed, lacking });
        }
        let mut slices = smallest;
        if code.is_none() {
            // What rounding the starts takes is not known before.
            let spare = Sectors((usable - needed).0 / u64::from(count)).round_down(unit);
            let mut larger = slot + spare + unit;
            slices = loop {
                let slices = place(larger);
                if slices.last().is_some_and(|last| last.end() <= usable) || larger <= slot {
                    break slices;
                }
                larger = larger - unit;
            };
        }
        let mut take = |number: u8| {
            slices.iter().position(|slice| slice.number == number).map(|index| slices.swap_remove(index))
        };
        let mut data_slice = take(DATA_SLICE);
        if let Some(slice) = data_slice.as_mut().filter(|_| data == DataSize::Rest) {
            slice.size = usable - slice.start;
        }
        let cfg = take(CFG_SLICE).ok_or(LayoutError::Slots { count })?;
        let slots = (1..=count).filter_map(&mut take).collect();
        Ok(Self { media, geometry, slots, cfg, data: data_slice, labelled: false })
    }

    /// The partitions of slice 3.
    pub fn partitions(&self) -> Partitions {
        let end = self.cfg.start + self.room(&self.cfg);
        Partitions::of(&self.cfg, end, distance(self.media))
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

/// The slices in their order on the disk, with as many slots of the given size.
fn place(
    unit: Sectors,
    distance: Sectors,
    cfg: Sectors,
    (count, slot): (u8, Sectors),
    data: Option<Sectors>,
) -> Vec<Slice> {
    let start = FIRST_SLICE.round_up(unit);
    // A label takes a sector of the slice, not of the file system.
    let end = Partitions::cfg_start(start, distance).saturating_add(cfg).saturating_add(LABEL_SECTORS);
    let mut slices = vec![Slice { number: CFG_SLICE, start, size: end.round_up(unit) - start }];
    let slots = (1..=count).map(|number| (number, slot));
    for (number, size) in slots.chain(data.map(|size| (DATA_SLICE, size))) {
        let end = slices.last().map_or(FIRST_SLICE, |last| last.start.saturating_add(last.size));
        // Neither slice has a part of the other's last or first erase block.
        slices.push(Slice { number, start: end.round_up(distance).round_up(unit), size });
    }
    slices
}

/// `size`, if it is at least `least`.
fn checked(what: &'static str, size: Sectors, least: Sectors) -> Result<Sectors, LayoutError> {
    if size < least {
        return Err(LayoutError::SliceTooSmall { what, size, least });
    }
    Ok(size)
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
    fn two_slots_share_the_space_that_the_rest_leaves() {
        let layout = Layout::plan(&request()).unwrap();
        // Slice 3 has five regions of 4 MiB from sector 8192 on, then 16 MiB of /cfg, to the end of the cylinder.
        let slot = 934 * 1008;
        assert_eq!(spans(&layout), [(1, 90 * 1008, slot), (2, 1024 * 1008, slot), (3, 2016, 80 * 1008)]);
        let partitions = layout.partitions();
        assert_eq!(partitions.state.map(|copy| copy.start.0 / 8192), [1, 3, 5]);
        assert_eq!(partitions.history.map(|copy| copy.start.0 / 8192), [2, 4]);
        assert_eq!(
            partitions.cfg,
            Slice { number: 3, start: Sectors(6 * 8192), size: Sectors(82 * 1008 - 6 * 8192) }
        );
        let label = partitions.label(&layout.cfg, layout.geometry).unwrap();
        assert_eq!(Partitions::from_label(&label, &layout.cfg), Some(partitions));
    }

    #[test]
    fn the_distance_follows_the_size_of_the_card() {
        for (mib, kib) in
            [(16, 256), (31, 256), (32, 512), (61, 512), (122, 1024), (244, 2048), (256, 4096), (4000, 4096)]
        {
            assert_eq!(distance(Sectors::from_mib(mib)), Sectors(kib * 2), "{mib} MiB");
        }
    }

    #[test]
    fn given_sizes_are_rounded_up_and_data_takes_the_rest() {
        let code = Some(Sectors::from_mib(200));
        let layout = Layout::plan(&Request { code, data: DataSize::Rest, ..request() }).unwrap();
        assert!(layout.slots.iter().all(|slot| slot.size == Sectors(407 * 1008)));
        let data = layout.data.unwrap();
        assert_eq!((data.number, data.end()), (4, Sectors(1_981_728)));
        assert!(data.start > layout.slots[1].end());
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
        assert_eq!(layout.cfg.start, FIRST_SLICE);
    }

    #[test]
    fn media_that_is_too_small_is_refused_with_the_size_missing() {
        let code = Some(Sectors::from_mib(500));
        let error = Layout::plan(&Request { code, ..request() }).unwrap_err();
        let LayoutError::MediaTooSmall { media, needed, lacking } = error else { panic!("{error}") };
        assert_eq!((media, needed - lacking), (Sectors(1_981_728), Sectors(1_981_728)));
        assert!(error.to_string().contains("too small by 1"), "{error}");
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
        let cfg = Request { cfg: UFS_BOOT_AREA, ..request() };
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
            let mut slices: Vec<_> = layout.slices().collect();
            slices.sort_by_key(|slice| slice.start);
            prop_assert_eq!(slices[0], &layout.cfg);
            let distance = distance(media);
            let block = |at: Sectors| at.0 / distance.0;
            let mut before = FIRST_SLICE.round_up(unit);
            for slice in slices {
                prop_assert!(slice.start.is_multiple_of(unit) && slice.size.is_multiple_of(unit));
                prop_assert!(!slice.size.is_zero() && slice.start >= before);
                if slice.number != CFG_SLICE {
                    prop_assert!(block(slice.start) > block(before - Sectors(1)), "a shared erase block");
                }
                before = slice.end();
            }
            prop_assert!(before <= media && before == layout.end());
            let partitions = layout.partitions();
            let mut regions: Vec<_> = partitions.all().collect();
            regions.sort_by_key(|region| region.start);
            let mut before = layout.cfg.start + BOOT_AREA;
            for region in regions {
                prop_assert!(region.start.is_multiple_of(distance) && region.start >= before);
                prop_assert!(block(region.start) > block(before - Sectors(1)), "a shared erase block");
                before = region.end();
            }
            prop_assert_eq!(before, layout.cfg.end());
            prop_assert!(partitions.cfg.size >= cfg);
            prop_assert!(layout.slots.iter().all(|slot| slot.size == layout.slots[0].size));
            prop_assert!(code.is_none_or(|code| layout.slots[0].size >= code));
        }
    }
}
