//! What changes the tree beyond layers and NanoBSD's rules, at NanoBSD's three stages: declarative steps of the product
//! definition, and hooks, programs that get the tree as a directory. docs/customize.md describes both.
//!
//! Steps change the tree itself. For hooks, the tree is written to a directory without owners, devices and flags, and their
//! changes are read back. So root is not needed, and paths without changes stay as they were.

mod directory;
mod hook;
mod rc;
mod shims;
mod step;
#[cfg(test)]
mod tests;
pub mod variables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use report::Reporter;
use rootfs::metalog;
use rootfs::tree::Tree;

use crate::inputs;
use crate::product::{Action, Customize, Product, Stage, Text};
use hook::HookEnvironment;
pub use hook::paths as hook_paths;
pub use variables::{is_hook_variable, of_product as hook_variables};

/// Applies the product's customization.
pub struct Customizer<'a> {
    root: &'a Path,
    product: &'a Product,
    reporter: Reporter,
    logs: PathBuf,
}

impl<'a> Customizer<'a> {
    /// A customizer for the repository at `root`. Logs and temporary directories go below `target`.
    pub fn new(root: &'a Path, target: &Path, product: &'a Product, reporter: Reporter) -> Self {
        Self { root, product, reporter, logs: target.join("customize") }
    }

    /// Applies the customization of `stage`: first the steps in their order, then the hooks sorted by name.
    ///
    /// # Errors
    /// A step would change nothing or cannot be applied, or a hook fails or leaves something that an image cannot hold.
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
        let environment = HookEnvironment { root: self.root, product: self.product, logs: &self.logs, stage };
        hook::run_all(&hooks, &environment, tree, &self.reporter)
    }
}

/// A digest of all files that the customization reads.
///
/// # Errors
/// A file cannot be read.
pub fn digest(root: &Path, customize: &Customize) -> Result<String> {
    let from = customize.steps.iter().filter_map(|step| match &step.action {
        Action::Put { text: Text::From(file), .. } => file.to_str(),
        _ => None,
    });
    let directories = customize.install_files.iter().flat_map(|overlay| overlay.folders.iter());
    let paths = customize.hooks.iter().chain(directories).map(String::as_str).chain(from);
    let paths: Vec<&str> =
        paths.chain(customize.files_mtree.iter().filter_map(|file| file.to_str())).collect();
    inputs::of_files(root, &paths)
}
