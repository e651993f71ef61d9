//! The plan of a file system: everything is decided, nothing is written.
//!
//! The invariant: a [`Plan`] that exists fits. It owns what it needs (cheaply, since it shares the
//! nodes with the tree), so the tree may change or be dropped, and writing a plan twice gives the
//! same bytes.
//!
//! `layout` decides where each node goes, `write` writes a plan.

use crate::error::Error;
use crate::geometry::Geometry;
use crate::group::{CylinderGroup, Summary};
use crate::layout::{Full, Layout, usable_inodes};
use crate::params::Params;
use crate::survey::Survey;
use crate::tree::Tree;

/// How full a file system will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Size of the file system in bytes, metadata included.
    pub size: u64,
    /// Block size in bytes.
    pub block_size: u32,
    /// Fragment size in bytes.
    pub fragment_size: u32,
    /// Number of cylinder groups.
    pub groups: u32,
    /// Fragments that can hold data (metadata excluded).
    pub fragments: u64,
    /// Fragments in use.
    pub fragments_used: u64,
    /// Free fragments, including those of free blocks.
    pub fragments_free: u64,
    /// Whole free blocks.
    pub blocks_free: u64,
    /// Inodes that a tree can use.
    pub inodes: u64,
    /// Inodes in use.
    pub inodes_used: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Directories among the inodes in use.
    pub directories: u64,
    /// `fragments_used` in bytes.
    pub bytes_used: u64,
    /// `fragments_free` in bytes, including the reserve of `min_free`.
    pub bytes_free: u64,
}

/// The complete layout of a file system, ready to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) tree: Tree,
    pub(crate) params: Params,
    pub(crate) geometry: Geometry,
    pub(crate) survey: Survey,
    pub(crate) layout: Layout,
    pub(crate) summaries: Vec<Summary>,
}

impl Plan {
    /// Computes the layout of `tree`.
    ///
    /// The only files it reads are those that may have holes (see [`Params::sparse_from`]): the
    /// first 512 bytes of each 64 KiB, and the rest where these are zero.
    ///
    /// # Errors
    ///
    /// Bad parameters; a tree that does not fit; a host file that cannot be read.
    pub fn new(tree: &Tree, params: &Params) -> Result<Self, Error> {
        let geometry = Geometry::new(params)?;
        let survey = Survey::new(tree, params, &geometry)?;
        let layout = match Layout::new(&survey, &geometry) {
            Ok(layout) => layout,
            Err(full) => return Err(no_space(full, &survey, params, &geometry)),
        };
        let numbered = (0..).zip(&layout.groups);
        let summaries = numbered
            .map(|(number, group)| CylinderGroup::new(&geometry, number, group, &layout.used).summary())
            .collect();
        Ok(Self { tree: tree.clone(), params: params.clone(), geometry, survey, layout, summaries })
    }

    /// Returns how full the file system will be.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let Self { geometry, layout, .. } = self;
        let fragments = geometry.data_fragments();
        let fragments_used = layout.used.iter().map(|run| run.end - run.start).sum();
        let (inodes, inodes_used) = (usable_inodes(geometry), layout.allocations.len() as u64);
        Usage {
            size: geometry.bytes(geometry.size),
            block_size: geometry.block_size,
            fragment_size: geometry.fragment_size,
            groups: geometry.groups,
            fragments,
            fragments_used,
            fragments_free: fragments - fragments_used,
            blocks_free: self.summaries.iter().map(|summary| u64::from(summary.blocks)).sum(),
            inodes,
            inodes_used,
            inodes_free: inodes - inodes_used,
            directories: layout.groups.iter().map(|group| u64::from(group.directories)).sum(),
            bytes_used: geometry.bytes(fragments_used),
            bytes_free: geometry.bytes(fragments - fragments_used),
        }
    }
}

/// Returns the minimum size in bytes of a file system with these parameters that holds `tree`
/// (`params.size` is ignored).
///
/// A slightly larger file system may have one more cylinder group and therefore hold less. Check a
/// size between the minimum and twice the minimum with [`Plan::new`].
///
/// # Errors
///
/// Bad parameters; a host file that cannot be read.
pub fn minimum_size(tree: &Tree, params: &Params) -> Result<u64, Error> {
    // The survey is the same for every size that has a geometry.
    let valid = Params { size: VALID_SIZE, ..params.clone() };
    let survey = Survey::new(tree, &valid, &Geometry::new(&valid)?)?;
    minimum_size_above(&survey, params, 0)
}

/// A size that is valid for all block sizes (bytes).
const VALID_SIZE: u64 = 1 << 30;
/// The search for a minimum size gives up when its steps grow beyond this (bytes).
const MAX_STEP: u64 = 1 << 45;

/// Returns the minimum size greater than `above` that holds the surveyed tree.
fn minimum_size_above(survey: &Survey, params: &Params, above: u64) -> Result<u64, Error> {
    let unit = u64::from(params.block_size);
    let fits = |size: u64| -> Result<bool, Error> {
        let geometry = Geometry::new(&Params { size, ..params.clone() })?;
        Ok(Layout::new(survey, &geometry).is_ok())
    };
    let mut high = (above / unit + 1) * unit;
    let mut low = above / unit;
    let mut step = unit;
    // A size without a geometry counts as too small. Once sizes are too large for any geometry, the
    // error about that size is the result.
    while !fits(high).unwrap_or(false) {
        low = high / unit;
        high += step;
        step *= 2;
        if step > MAX_STEP {
            return fits(high).map(|_| high);
        }
    }
    let mut high = high / unit;
    while low + 1 < high {
        let middle = low.midpoint(high);
        if fits(middle * unit).unwrap_or(false) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high * unit)
}

fn no_space(full: Full, survey: &Survey, params: &Params, geometry: &Geometry) -> Error {
    let minimum = match minimum_size_above(survey, params, params.size) {
        Ok(minimum) => minimum,
        Err(error) => return error,
    };
    let size = params.size;
    match full {
        Full::Blocks => Error::TooSmall { size, missing: minimum - size, minimum },
        Full::Inodes => {
            let (needed, available) = (survey.nodes.len() as u64, usable_inodes(geometry));
            let bytes_per_inode = params.bytes_per_inode;
            let missing = needed.saturating_sub(available);
            Error::TooFewInodes { needed, available, missing, bytes_per_inode, minimum }
        }
    }
}
