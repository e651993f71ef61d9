//! What a conversion is asked to do, and what it returns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::defaults::fixed;

/// The product that a configuration is converted for.
pub trait Product {
    /// The product definition that the converted one overrides, as a path from the root of the repository.
    fn definition(&self) -> &str;

    /// Whether the build sets the variable `name` for hooks.
    fn sets_for_hooks(&self, name: &str) -> bool;

    /// Checks the converted product definition in `file`.
    ///
    /// # Errors
    /// A build would refuse the definition.
    fn check(&self, file: &Path) -> Result<Checked>;
}

/// What a build makes of a product definition that it accepts.
#[derive(Debug, Default)]
pub struct Checked {
    /// What the build would warn of.
    pub warnings: Vec<String>,
    /// The variables that the build sets for hooks, as far as their values follow from the definition.
    pub hook_variables: BTreeMap<String, String>,
}

/// Whether the variable `name` can have another value in a hook than in the file.
pub fn differs_in_hooks(product: &dyn Product, name: &str) -> bool {
    // Hooks see the name of the file: the product's name may be another.
    name != "NANO_NAME" && (fixed(name).is_some() || product.sets_for_hooks(name))
}

/// A conversion to do.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The configuration.
    pub file: &'a Path,
    /// The directory to create.
    pub output: &'a Path,
    /// The root of the repository.
    pub root: &'a Path,
    /// The product.
    pub product: &'a dyn Product,
}

/// The result of a conversion.
#[derive(Debug)]
pub struct Converted {
    /// The notes that need a look: headings with their lines.
    pub notes: Vec<(&'static str, Vec<String>)>,
    /// The product definition.
    pub product: PathBuf,
    /// The hooks, as paths from the output directory.
    pub hooks: Vec<String>,
}
