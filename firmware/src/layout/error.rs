//! Layouts that are refused.

use bsd_disk::geometry::GeometryError;
use bsd_disk::units::Sectors;

/// A layout that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The geometry is invalid.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The geometry cannot address all of the media.
    #[error(
        "planning the disk: media of {media} is larger than {heads} heads with {sectors} sectors per track can address \
         ({capacity})\nhint: use more heads, up to 255"
    )]
    Beyond {
        /// The size of the media, as given.
        media: Sectors,
        /// The most sectors that the geometry can address.
        capacity: Sectors,
        /// Sectors per track, as given.
        sectors: u32,
        /// Heads, as given.
        heads: u32,
    },
    /// The number of slots is neither 1 nor 2.
    #[error("planning the disk: {count} slots requested; an appliance has 1 or 2")]
    Slots {
        /// The number, as given.
        count: u8,
    },
    /// The slices do not fit.
    #[error(
        "planning the disk: media of {media} is too small by {lacking}, {bytes} bytes: {needed} are needed\n\
         hint: make the slots, /cfg or /data smaller, or use a larger card", bytes = lacking.bytes()
    )]
    MediaTooSmall {
        /// The size of the media, as given.
        media: Sectors,
        /// The smallest size that would suffice.
        needed: Sectors,
        /// The difference between the two.
        lacking: Sectors,
    },
    /// A slice is too small for a file system.
    #[error("planning the disk: {size} are too few for {what}, which needs at least {least}")]
    SliceTooSmall {
        /// The use of the slice.
        what: &'static str,
        /// The size, as given.
        size: Sectors,
        /// The smallest size that works.
        least: Sectors,
    },
    /// Both the slots and `/data` are to take the remaining space.
    #[error(
        "planning the disk: the slots and /data both request all remaining space\nhint: give one of them a size"
    )]
    TwoRests,
}
