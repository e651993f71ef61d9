//! The plan of a file system: everything decided, nothing written.
//!
//! The invariant: a [`Plan`] that exists fits. It owns what it needs (cheaply: nodes are shared
//! with the tree), so that the tree may go or change; writing it twice gives the same bytes.
//!
//! How pieces become writes belongs to `write`, how nodes get their places to `layout`.

use crate::error::Error;
use crate::geometry::Geometry;
use crate::group::{Maps, Summary};
use crate::layout::{Full, Layout, usable_inodes};
use crate::params::Params;
use crate::sink::Sink;
use crate::survey::Survey;
use crate::tree::Tree;
use crate::write::Writer;

/// How full a file system will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the file system, metadata included.
    pub size: u64,
    /// Bytes of a block.
    pub block_size: u32,
    /// Bytes of a fragment.
    pub fragment_size: u32,
    /// Cylinder groups.
    pub groups: u32,
    /// Fragments that can hold data (metadata excluded).
    pub fragments: u64,
    /// Fragments of them in use.
    pub fragments_used: u64,
    /// Fragments of them that are free, those of free blocks included.
    pub fragments_free: u64,
    /// Whole blocks that are free.
    pub blocks_free: u64,
    /// Inodes that a tree can have.
    pub inodes: u64,
    /// Inodes in use.
    pub inodes_used: u64,
    /// Inodes that are free.
    pub inodes_free: u64,
    /// Directories among the inodes in use.
    pub directories: u64,
    /// `fragments_used` in bytes.
    pub bytes_used: u64,
    /// `fragments_free` in bytes, the reserve of `min_free` included.
    pub bytes_free: u64,
}

/// The whole layout of a file system, ready to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) tree: Tree,
    pub(crate) params: Params,
    pub(crate) shape: Geometry,
    pub(crate) survey: Survey,
    pub(crate) layout: Layout,
    pub(crate) summaries: Vec<Summary>,
}

impl Plan {
    /// Computes the layout of `tree`.
    ///
    /// Reads nothing but the files that may have holes, see [`Params::sparse_from`]: of them the
    /// first 512 bytes of each 64 KiB, and the zeros.
    ///
    /// # Errors
    ///
    /// Bad parameters; a tree that does not fit; a host file that cannot be read.
    pub fn new(tree: &Tree, params: &Params) -> Result<Self, Error> {
        let shape = Geometry::new(params)?;
        let survey = Survey::new(tree, params, &shape)?;
        let layout = match Layout::new(&survey, &shape) {
            Ok(layout) => layout,
            Err(full) => return Err(no_room(full, &survey, params, &shape)),
        };
        let numbered = (0..).zip(&layout.groups);
        let summaries = numbered
            .map(|(number, group)| Maps::new(&shape, number, group, &layout.used).summary())
            .collect();
        Ok(Self { tree: tree.clone(), params: params.clone(), shape, survey, layout, summaries })
    }

    /// How full the file system will be.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let Self { shape, layout, .. } = self;
        let fragments = shape.data_fragments();
        let fragments_used = layout.used.iter().map(|run| run.end - run.start).sum();
        let (inodes, inodes_used) = (usable_inodes(shape), layout.placed.len() as u64);
        Usage {
            size: shape.bytes(shape.size),
            block_size: shape.block,
            fragment_size: shape.fragment,
            groups: shape.groups,
            fragments,
            fragments_used,
            fragments_free: fragments - fragments_used,
            blocks_free: self.summaries.iter().map(|summary| u64::from(summary.blocks)).sum(),
            inodes,
            inodes_used,
            inodes_free: inodes - inodes_used,
            directories: layout.groups.iter().map(|group| u64::from(group.directories)).sum(),
            bytes_used: shape.bytes(fragments_used),
            bytes_free: shape.bytes(fragments - fragments_used),
        }
    }

    /// Writes the file system into `out`, which is all zeros before: each byte once, with the
    /// threads of the current rayon pool.
    ///
    /// # Errors
    ///
    /// A host file that cannot be read or that changed since; a sink that refuses. What was
    /// written until then is of no use.
    pub fn write(&self, out: &dyn Sink) -> Result<(), Error> {
        Writer::new(self).run(out)
    }
}

/// The least size in bytes of a file system with these parameters that holds `tree`
/// (`params.size` is ignored).
///
/// A file system a little larger may have one more cylinder group, and so hold less: a size
/// between this and its double is best tried with [`Plan::new`].
///
/// # Errors
///
/// Bad parameters; a host file that cannot be read.
pub fn minimum_size(tree: &Tree, params: &Params) -> Result<u64, Error> {
    // Every size that has a geometry gives the same survey.
    let some = Params { size: SOME_SIZE, ..params.clone() };
    let survey = Survey::new(tree, &some, &Geometry::new(&some)?)?;
    least_size(&survey, params, 0)
}

/// A size that all block sizes can have (bytes).
const SOME_SIZE: u64 = 1 << 30;

/// The least size above `above` that holds what was surveyed.
fn least_size(survey: &Survey, params: &Params, above: u64) -> Result<u64, Error> {
    let unit = u64::from(params.block_size);
    let fits = |size: u64| -> Result<bool, Error> {
        let shape = Geometry::new(&Params { size, ..params.clone() })?;
        Ok(Layout::new(survey, &shape).is_ok())
    };
    let mut high = (above / unit + 1) * unit;
    let mut low = above / unit;
    let mut step = unit;
    // Sizes without a geometry count as too small until they are too large for any: then the
    // complaint about that size is the answer.
    while !fits(high).unwrap_or(false) {
        low = high / unit;
        high += step;
        step *= 2;
        if step > 1 << 45 {
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

fn no_room(full: Full, survey: &Survey, params: &Params, shape: &Geometry) -> Error {
    let least = match least_size(survey, params, params.size) {
        Ok(least) => least,
        Err(error) => return error,
    };
    let size = params.size;
    match full {
        Full::Blocks => Error::TooSmall { size, missing: least - size, least },
        Full::Inodes => {
            let (needed, available) = (survey.nodes.len() as u64, usable_inodes(shape));
            let bytes_per_inode = params.bytes_per_inode;
            let missing = needed.saturating_sub(available);
            Error::TooFewInodes { needed, available, missing, bytes_per_inode, least }
        }
    }
}
