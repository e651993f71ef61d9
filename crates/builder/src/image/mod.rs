//! From layers to images: merge the layers, apply NanoBSD's rules, lay out the file systems, write the images.
//!
//! Everything here is a function of its arguments: no clock, no user and no path of the host gets into an image.

pub mod disk;
pub mod filesystem;
mod layer_size;
pub mod manifest;
pub mod output;
mod outside;
mod plan;
mod slot;
mod writable;

pub use layer_size::{LayerSize, layer_sizes};
pub use plan::{Plan, plan, write};
pub use slot::{SPEC_PATH, SlotContent, compose};
pub use writable::Writable;
