//! The initial content of `/cfg` and `/data` in the full image. Updates never touch it.

use std::path::Path;

use anyhow::{Context, Result};
use rootfs::tree::Tree;

use super::filesystem;
use crate::layer::overlay;
use crate::product::{Overlay, Product};

/// The initial content of the slices that a unit writes to.
#[derive(Debug)]
pub struct Writable {
    /// The content of `/cfg`.
    pub cfg: ufs::Tree,
    /// The content of `/data`, if the product has it.
    pub data: ufs::Tree,
}

impl Writable {
    /// Reads the directories that `product` names, as paths from `root`, by the rules of an overlay: all files belong to
    /// root, with mode 0755 if they are executable and 0644 otherwise.
    ///
    /// # Errors
    /// A directory does not exist, or has something that an image cannot hold.
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
