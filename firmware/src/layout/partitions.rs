//! The partitions of slice 3: the copies of the boot state and of the history, each in a region of its own, and `/cfg`.
//!
//! A flash erases blocks of up to 4 MiB at once, and a power cut can take the whole block of the sector being written. So
//! each region begins on a multiple of the [distance](super::distance) of the card and has its length, and nothing else is
//! ever written in it.

use bsd_disk::disklabel::{BOOT_AREA, Disklabel, KIND_OTHER, KIND_UFS, LabelError};
use bsd_disk::geometry::Geometry;
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use serde::{Deserialize, Serialize};

use super::position::{CFG_PARTITION, HISTORY_PARTITIONS, STATE_PARTITIONS};

/// The regions before `/cfg`, in their order on the disk: the copies of one kind are far apart.
const REGIONS: [char; 5] = ['d', 'g', 'e', 'h', 'f'];

/// The positions of the partitions on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitions {
    /// The file system of `/cfg`.
    pub cfg: Slice,
    /// The copies of the boot state.
    pub state: [Slice; 3],
    /// The copies of the history.
    pub history: [Slice; 2],
}

impl Partitions {
    /// The start of the file system in a slice 3 that starts at `start`, on a card with this `distance`.
    pub(super) fn cfg_start(start: Sectors, distance: Sectors) -> Sectors {
        let first = start.saturating_add(BOOT_AREA).round_up(distance);
        first.saturating_add(distance.saturating_mul(REGIONS.len() as u64))
    }

    /// The partitions of `slice`, whose content ends at `end`, on a card with this `distance`.
    pub(super) fn of(slice: &Slice, end: Sectors, distance: Sectors) -> Self {
        let start = Self::cfg_start(slice.start, distance);
        let region = |letter: char| {
            let before = REGIONS.iter().rev().position(|&region| region == letter).unwrap_or_default() as u64;
            let start = start - distance * (before + 1);
            Slice { number: slice.number, start, size: distance }
        };
        Self {
            cfg: Slice { number: slice.number, start, size: end - start },
            state: STATE_PARTITIONS.map(region),
            history: HISTORY_PARTITIONS.map(region),
        }
    }

    /// Reads the positions back from the label of `slice`; `None` if a partition is missing.
    pub fn from_label(label: &Disklabel, slice: &Slice) -> Option<Self> {
        let find = |letter| label.partition(letter, slice);
        let [d, e, f] = STATE_PARTITIONS;
        let [g, h] = HISTORY_PARTITIONS;
        Some(Self {
            cfg: find(CFG_PARTITION)?,
            state: [find(d)?, find(e)?, find(f)?],
            history: [find(g)?, find(h)?],
        })
    }

    /// The label of `slice` that names them.
    ///
    /// # Errors
    /// The slice is too large.
    pub fn label(&self, slice: &Slice, geometry: Geometry) -> Result<Disklabel, LabelError> {
        let state = STATE_PARTITIONS.into_iter().zip(&self.state);
        let history = HISTORY_PARTITIONS.into_iter().zip(&self.history);
        let records = state.chain(history).map(|(letter, region)| (letter, *region, KIND_OTHER));
        Disklabel::with_partitions(slice, geometry, records.chain([(CFG_PARTITION, self.cfg, KIND_UFS)]))
    }

    /// Every partition.
    pub fn all(&self) -> impl Iterator<Item = &Slice> {
        self.state.iter().chain(&self.history).chain([&self.cfg])
    }
}
