//! What changes the tree beyond layers and NanoBSD's rules, at NanoBSD's three stages: declarative [`Step`]s of the product
//! definition, and hooks, programs that get the tree as a folder. docs/customize.md is for who writes them.
//!
//! Steps work on the tree and need no folder. For hooks the tree is written out without owners, devices and flags, and
//! what they changed is read back: so nobody needs root, and what they did not touch stays as it was.

mod folder;
mod hook;
mod rc;
mod shims;
mod step;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use report::Reporter;
use rootfs::metalog;
use rootfs::tree::Tree;

use crate::inputs;
use crate::product::{Customize, Product};
use hook::Surroundings;
pub use hook::{is_told, names as hook_names, variables as hook_variables};
pub use rc::Assignment;
pub use step::{Action, Owner, Step, Text};

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// After the layers are merged, before NanoBSD's rules.
    Early,
    /// After `/etc` is set up for a read-only root, before it is copied to `/conf`.
    Customize,
    /// After everything else.
    Late,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Early, Self::Customize, Self::Late];

    /// Its name, in messages and as the folder of its hooks with `.d` behind it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Customize => "customize",
            Self::Late => "late",
        }
    }
}

/// Carries the product's customization out.
pub struct Customizer<'a> {
    root: &'a Path,
    product: &'a Product,
    reporter: Reporter,
    logs: PathBuf,
}

impl<'a> Customizer<'a> {
    /// For the repository at `root`; logs and scratch folders go below `target`.
    pub fn new(root: &'a Path, target: &Path, product: &'a Product, reporter: Reporter) -> Self {
        Self { root, product, reporter, logs: target.join("customize") }
    }

    /// Does what is to be done at `stage`: first the steps, in order, then the hooks, by name.
    ///
    /// # Errors
    /// A step that would do nothing or cannot be done, or a hook that fails or leaves what no image can hold.
    pub fn run(&self, stage: Stage, tree: &mut Tree) -> Result<()> {
        let customize = &self.product.customize;
        for step in customize.steps.iter().filter(|step| step.stage == stage) {
            let layer = tree.layer("customize");
            step.apply(tree, layer, self.root).with_context(|| step.name.clone())?;
        }
        if let Some(file) = customize.files_mtree.as_ref().filter(|_| stage == Stage::Customize) {
            let path = self.root.join(file);
            let attempt = || format!("customize.files_mtree: reading {}", path.display());
            let text = std::fs::read_to_string(&path).with_context(attempt)?;
            let changes = metalog::parse_changes(&path.display().to_string(), &text)?;
            hook::apply_changes(tree, &changes, &path.display().to_string())?;
        }
        let hooks = hook::find(self.root, &customize.hooks, stage)?;
        if hooks.is_empty() {
            return Ok(());
        }
        let around = Surroundings { root: self.root, product: self.product, logs: &self.logs, stage };
        hook::run_all(&hooks, &around, tree, &self.reporter)
    }
}

/// A digest of all that customization takes from files.
///
/// # Errors
/// Something cannot be read.
pub fn digest(root: &Path, customize: &Customize) -> Result<String> {
    let from = customize.steps.iter().filter_map(|step| match &step.action {
        Action::Put { text: Text::From(file), .. } => file.to_str(),
        _ => None,
    });
    let folders = customize.install_files.iter().flat_map(|overlay| overlay.folders.iter());
    let paths = customize.hooks.iter().chain(folders).map(String::as_str).chain(from);
    let paths: Vec<&str> =
        paths.chain(customize.files_mtree.iter().filter_map(|file| file.to_str())).collect();
    inputs::of_files(root, &paths)
}
