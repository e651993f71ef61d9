//! A build as a list of its paths and properties, read from an image or a card, a specification, a manifest, or the
//! directory of a version.
//!
//! From an image, the files are listed that are really in it, and hashed only when a comparison needs that; the
//! specification in it is used only to find the layer of each path. From the directory of a version, manifest and
//! specification are used first, and an image for the rest. Times, and where in a file system bytes lie, are not listed.

mod build;
mod builds;
mod contents;
mod image;
mod manifest;
mod node;
mod release;
mod spec;

pub use build::{Built, Properties, Usage};
pub use builds::Builds;
pub use node::{LayerTotal, Layers, Node, Paths, UNKNOWN_LAYER, totals};
pub use release::Releases;
