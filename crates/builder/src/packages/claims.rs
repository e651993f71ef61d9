//! The layer that each path belongs to, so that no package overwrites a file of another layer.

use std::collections::HashMap;

use anyhow::{Result, bail};
use rootfs::tree::{EntryKind, Layer, TreePath};

/// The owner of a path.
struct Owner {
    layer: String,
    is_directory: bool,
}

/// Paths and their owners. `/usr/local/etc` counts as `/etc/local`, where it is in the image.
pub struct Claims(HashMap<TreePath, Owner>);

impl Claims {
    /// The paths of `layers`.
    pub fn of(layers: &[Layer]) -> Self {
        let mut claims = Self(HashMap::new());
        layers.iter().for_each(|layer| claims.add(layer));
        claims
    }

    /// Adds the paths of `layer`.
    pub fn add(&mut self, layer: &Layer) {
        for entry in &layer.entries {
            let is_directory = matches!(entry.kind, EntryKind::Directory);
            self.0.insert(canonical(&entry.path), Owner { layer: layer.name.clone(), is_directory });
        }
    }

    /// Whether a layer has `path`.
    pub fn contain(&self, path: &TreePath) -> bool {
        self.0.contains_key(&canonical(path))
    }

    /// Claims `path` for the package `name`.
    ///
    /// # Errors
    /// Another layer has it, unless it is a directory in both.
    pub fn claim(&mut self, name: &str, path: &TreePath, is_directory: bool) -> Result<()> {
        match self.0.get(&canonical(path)) {
            Some(owner) if owner.is_directory && is_directory => {}
            Some(Owner { layer, .. }) if layer.starts_with("package ") => bail!(
                "package `{name}` contains {path}, and so does {layer}\nhint: remove one of them from pkglist; `cargo xtask \
                 pkg why` shows what needs them"
            ),
            Some(Owner { layer, .. }) => bail!(
                "package `{name}` contains {path}, which is already in layer `{layer}`\nhint: remove the package from pkglist, \
                 or the path from the image"
            ),
            None => {
                self.0.insert(canonical(path), Owner { layer: format!("package `{name}`"), is_directory });
            }
        }
        Ok(())
    }
}

fn canonical(path: &TreePath) -> TreePath {
    let parse = |text| TreePath::parse(text).unwrap_or_else(|_| TreePath::root());
    path.rebase(&parse("usr/local/etc"), &parse("etc/local")).unwrap_or_else(|| path.clone())
}
