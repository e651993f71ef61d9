//! What `/cfg` and `/data` of the full image hold from the start. Updates never touch it.

use std::path::Path;

use anyhow::{Context, Result};
use rootfs::tree::Tree;

use super::filesystem;
use crate::layer::overlay;
use crate::product::{Overlay, Product};

/// The content of the slices that a unit writes to.
#[derive(Debug)]
pub struct Writable {
    /// Of `/cfg`.
    pub cfg: ufs::Tree,
    /// Of `/data`, if the product has it.
    pub data: ufs::Tree,
}

impl Writable {
    /// Reads the folders that `product` names, below `root`: owners are `root:wheel`, modes 0755 with the run bit and 0644
    /// without, as of an overlay.
    ///
    /// # Errors
    /// A folder is not there, or has what no image holds.
    pub fn read(root: &Path, product: &Product) -> Result<Self> {
        let cfg = content(root, product.cfg_folder.as_deref()).context("slices.cfg_folder")?;
        let data = content(root, product.data_folder.as_deref()).context("slices.data_folder")?;
        Ok(Self { cfg, data })
    }
}

fn content(root: &Path, folder: Option<&str>) -> Result<ufs::Tree> {
    let Some(folder) = folder else { return Ok(ufs::Tree::new(ufs::Meta::new(0o755))) };
    let folders = Overlay { folders: vec![folder.to_owned()], rules: Vec::new() };
    filesystem::convert(&Tree::merge(overlay::layers(root, &folders)?)?)
}
