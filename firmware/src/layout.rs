//! Where everything lies on a Sluice disk: the slices of the MBR, and what is at the head of each.
//!
//! A [`Layout`] is planned once, by the builder, from a [`Request`]; the device reads it back from the MBR. Invariants:
//!
//! - slices 1 and 2 are the slots and have one size, so one slot image fits both; slice 3 is always `/cfg` and slice 4
//!   `/data`, so that device names do not depend on how many slots there are;
//! - every slice starts and ends on a multiple of [`Geometry::unit`], which is whole 4 KiB flash pages and, wherever
//!   that is possible, whole cylinders;
//! - nothing lies past the media, nor past what the geometry can address.
//!
//! What a slot looks like from its first sector on:
//!
//! | sector of the slice | what                                                                     |
//! |--------------------:|--------------------------------------------------------------------------|
//! |                   0 | boot1 (`stand/i386/boot2/boot1.S`)                                        |
//! |                   1 | BSD label ([`bsd_disk::disklabel`])                                          |
//! |               2..16 | boot2                                                                    |
//! |                  16 | partition `a` begins; its first sector is the slot header ([`crate::slot`]) |
//! |            17..144  | rest of the 64 KiB that UFS2 leaves to boot programs, zero                |
//! |                 144 | superblock of the UFS2 file system (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`)     |
//!
//! `/cfg` is a bare UFS2 file system: it begins with 64 KiB that no file system uses ([`CFG_RESERVED`]).

use serde::{Deserialize, Serialize};

use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::geom_label::LABEL_SECTORS;
use bsd_disk::geometry::{Geometry, GeometryError};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;

/// Where the first slice starts: the least place after the MBR that is a multiple of 63 sectors, of a cylinder of 16
/// or 32 heads, and of 4 KiB. The 2 MiB before it are room for a boot manager.
pub const FIRST_SLICE: Sectors = Sectors(4032);

/// The sector of a slot that holds its BSD label (`LABELSECTOR`, `sys/sys/disklabel.h`).
pub const LABEL_SECTOR: Sectors = Sectors(1);

/// The sector of a slot that holds its [header](crate::slot::SlotHeader): the first one of partition `a`.
pub const HEADER_SECTOR: Sectors = BOOT_AREA;

/// What UFS2 leaves free at its beginning (`SBLOCK_UFS2`, `sys/ufs/ffs/fs.h`: 64 KiB).
pub const UFS_BOOT_AREA: Sectors = Sectors(128);

/// The head of the `/cfg` slice that its file system never touches, in sectors: 64 KiB. Boot state lives there.
pub const CFG_RESERVED: Sectors = UFS_BOOT_AREA;

/// The least size of a slot or of `/cfg` that leaves any room for files: 256 KiB.
const SLICE_MIN: Sectors = Sectors(512);

/// The version of what a slot image relies on, which an update's bundle names: slots in slices 1 and 2, `/cfg` with the
/// boot state in slice 3, `/data` in slice 4. A unit whose disk is laid out otherwise has to be written anew.
pub const LAYOUT: u32 = 1;

/// The version of the same with a [label](bsd_disk::geom_label) in the last sector of each slice, by which the system finds
/// root, `/cfg` and `/data`.
pub const LABELLED_LAYOUT: u32 = 2;

/// The slice number of `/cfg`.
pub const CFG_SLICE: u8 = 3;

/// The slice number of `/data`.
pub const DATA_SLICE: u8 = 4;

/// How many slots hold the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum SlotCount {
    /// One: no update without a card reader.
    One,
    /// Two: an update goes to the one that is not running.
    Two,
}

impl SlotCount {
    /// The number.
    pub const fn get(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl TryFrom<u8> for SlotCount {
    type Error = LayoutError;
    fn try_from(count: u8) -> Result<Self, LayoutError> {
        match count {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(LayoutError::Slots { count }),
        }
    }
}

impl From<SlotCount> for u8 {
    fn from(count: SlotCount) -> Self {
        count.get()
    }
}

/// What `/data` shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataSize {
    /// There is none.
    None,
    /// This much, rounded up.
    Sectors(Sectors),
    /// All that the other slices leave.
    Rest,
}

/// What is asked of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The whole card. It need not be whole cylinders; the rest of it is not used.
    pub media: Sectors,
    /// How the BIOS counts it.
    pub geometry: Geometry,
    /// How many slots.
    pub slots: SlotCount,
    /// The size of one slot, rounded up; `None` shares what `/cfg` and `/data` leave among the slots.
    pub code: Option<Sectors>,
    /// The size of `/cfg` with its [`CFG_RESERVED`] head, rounded up.
    pub cfg: Sectors,
    /// The size of `/data`.
    pub data: DataSize,
}

/// Where every slice lies, and what is in its last sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The whole card.
    pub media: Sectors,
    /// How the BIOS counts it.
    pub geometry: Geometry,
    /// The slots: slice 1 and, with two, slice 2.
    pub slots: Vec<Slice>,
    /// `/cfg`: slice 3.
    pub cfg: Slice,
    /// `/data`: slice 4.
    pub data: Option<Slice>,
    /// The slices end in a [label](bsd_disk::geom_label).
    #[serde(default)]
    pub labelled: bool,
}

/// Why a layout cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The geometry is none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The geometry is too small for the media.
    #[error(
        "planning the disk: media of {media} is more than {heads} heads with {sectors} sectors a track can address \
         ({capacity}); use more heads, up to 255"
    )]
    Beyond {
        /// The media, as given.
        media: Sectors,
        /// The most that the geometry addresses.
        capacity: Sectors,
        /// Sectors a track, as given.
        sectors: u32,
        /// Heads, as given.
        heads: u32,
    },
    /// Neither one nor two slots.
    #[error("planning the disk: {count} slots were asked for, an appliance has 1 or 2")]
    Slots {
        /// The number, as given.
        count: u8,
    },
    /// The slices do not fit.
    #[error(
        "planning the disk: media of {media} is too small by {lacking}, {bytes} bytes: {needed} are needed; make the \
         slots, /cfg or /data smaller or take a larger card", bytes = lacking.bytes()
    )]
    MediaTooSmall {
        /// The media, as given.
        media: Sectors,
        /// What would do.
        needed: Sectors,
        /// The difference.
        lacking: Sectors,
    },
    /// A slot or `/cfg` that could hold no file system.
    #[error("planning the disk: {size} are too little for {what}, which takes {least} at least")]
    SliceTooSmall {
        /// What it is for.
        what: &'static str,
        /// The size, as given.
        size: Sectors,
        /// The least that works.
        least: Sectors,
    },
    /// Two parts want all that is left.
    #[error(
        "planning the disk: the slots and /data both ask for all that is left; give one of the two a size"
    )]
    TwoRests,
}

impl Layout {
    /// Lays the disk out.
    ///
    /// # Errors
    /// The geometry cannot be or cannot hold the media, a slice is too small to be of use, or all together do not fit;
    /// the error says by how much.
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

        let cfg = sized("/cfg", cfg, CFG_RESERVED.saturating_add(SLICE_MIN), unit)?;
        let least_data = match data {
            DataSize::None => Sectors::ZERO,
            DataSize::Sectors(size) => sized("/data", size, SLICE_MIN, unit)?,
            DataSize::Rest => SLICE_MIN.round_up(unit),
        };
        let slot_min = BOOT_AREA.saturating_add(UFS_BOOT_AREA).saturating_add(SLICE_MIN);
        let least_slot = match code {
            Some(size) => sized("a slot", size, slot_min, unit)?,
            None => slot_min.round_up(unit),
        };
        let needed = first
            .saturating_add(least_slot.saturating_mul(count))
            .saturating_add(cfg)
            .saturating_add(least_data);
        let Some(spare) = usable.checked_sub(needed) else {
            // What is missing is counted from the media's real end, for a card of `needed` sectors would do.
            let lacking = Sectors(needed.0.saturating_sub(media.0));
            return Err(LayoutError::MediaTooSmall { media, needed, lacking });
        };
        let slot = match code {
            Some(_) => least_slot,
            None => least_slot + Sectors(spare.0 / count).round_down(unit),
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
            DataSize::Sectors(_) => Some(place(DATA_SLICE, least_data)),
            DataSize::Rest => Some(place(DATA_SLICE, usable - cfg.end())),
        };
        Ok(Self { media, geometry, slots, cfg, data, labelled: false })
    }

    /// Every slice, by number.
    pub fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.slots.iter().chain([&self.cfg]).chain(&self.data)
    }

    /// The slot of this number (1 or 2).
    pub fn slot(&self, number: u8) -> Option<&Slice> {
        self.slots.iter().find(|slot| slot.number == number)
    }

    /// What a slice has for its content: all but its label.
    pub fn room(&self, slice: &Slice) -> Sectors {
        if self.labelled { slice.size - LABEL_SECTORS } else { slice.size }
    }

    /// The version of what a slot image for this layout relies on.
    pub const fn version(&self) -> u32 {
        if self.labelled { LABELLED_LAYOUT } else { LAYOUT }
    }

    /// The sector after the last slice.
    pub fn end(&self) -> Sectors {
        self.slices().map(Slice::end).max().unwrap_or(FIRST_SLICE)
    }
}

/// `size` rounded up to whole units, when it is of use at all.
fn sized(what: &'static str, size: Sectors, least: Sectors, unit: Sectors) -> Result<Sectors, LayoutError> {
    if size < least {
        return Err(LayoutError::SliceTooSmall { what, size, least });
    }
    Ok(size.round_up(unit))
}

#[cfg(test)]
mod tests {
    use bsd_disk::geometry::FLASH_PAGE;
    use proptest::prelude::*;

    use super::*;

    const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

    /// A 1 GB card, two slots, 16 MiB of `/cfg`, no `/data`.
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
    fn two_slots_share_what_cfg_leaves() {
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
    fn cfg_is_slice_three_also_with_one_slot() {
        let layout = Layout::plan(&Request { slots: SlotCount::One, ..request() }).unwrap();
        assert_eq!(layout.slices().map(|slice| slice.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(layout.slot(2), None);
    }

    #[test]
    fn a_cylinder_that_is_not_whole_flash_pages_gives_way_to_tracks_that_are() {
        assert_eq!(CARD.unit(), Sectors(1008));
        assert_eq!(Geometry { heads: 32, ..CARD }.unit(), Sectors(2016));
        assert_eq!(Geometry { heads: 255, ..CARD }.unit(), Sectors(504));
        let layout =
            Layout::plan(&Request { geometry: Geometry { heads: 255, ..CARD }, ..request() }).unwrap();
        assert_eq!(layout.slots[0].start, FIRST_SLICE);
    }

    #[test]
    fn media_that_is_too_small_says_by_how_much() {
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
    fn nonsense_is_refused() {
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
