//! How much each layer takes of a slot.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use bsd_disk::units::Sectors;
use rootfs::tree::{Kind, Tree};

use super::filesystem;
use crate::product::FileSystem;

/// What one layer adds to a slot.
#[derive(Clone, Debug)]
pub struct LayerSize {
    /// The layer.
    pub name: String,
    /// The number of names, including those of directories.
    pub entries: u64,
    /// The size of its files in bytes without their holes, each inode counted once.
    pub bytes: u64,
}

/// The sizes of the layers of `tree` in `filesystem`, the largest first.
///
/// # Errors
/// A file that may have holes cannot be read.
pub fn layer_sizes(tree: &Tree, filesystem: &FileSystem) -> Result<Vec<LayerSize>> {
    // The size of the file system does not matter for holes.
    let params = filesystem::params(filesystem, Sectors::ZERO, 0);
    let mut sizes: HashMap<&str, LayerSize> = HashMap::new();
    let mut seen = HashSet::new();
    for (path, id) in tree.names() {
        let inode = tree.inode(id);
        let name = tree.layer_name(inode.layer);
        let size =
            sizes.entry(name).or_insert_with(|| LayerSize { name: name.to_owned(), entries: 0, bytes: 0 });
        size.entries += 1;
        if let (Kind::File(content), true) = (&inode.kind, seen.insert(id)) {
            let stored = ufs::stored_size(&filesystem::content(content), &params);
            size.bytes += stored.with_context(|| format!("looking for holes in {path}"))?;
        }
    }
    let mut sizes: Vec<LayerSize> = sizes.into_values().collect();
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(sizes)
}

/// The largest `count` layers, for messages.
pub(super) fn largest(layers: &[LayerSize], count: usize) -> String {
    let layers = layers.iter().take(count);
    layers.map(|layer| format!("{} {}", layer.name, report::size(layer.bytes))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rootfs::tree::{Content, EntryKind, Layer, TreePath};

    use super::*;

    #[test]
    fn a_layer_counts_what_its_files_take_in_the_slot_and_no_holes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hole");
        File::create(&path).unwrap().set_len(300_000_000).unwrap();
        let mut overlay = Layer::new("overlay");
        let hole = EntryKind::File(Content::Host { path, size: 300_000_000 });
        overlay.push(TreePath::parse("hole").unwrap(), hole, 0o644);
        overlay.push(TreePath::parse("text").unwrap(), EntryKind::File("text".into()), 0o644);
        let tree = Tree::merge(vec![overlay]).unwrap();
        let filesystem = FileSystem { block: 4096, fragment: 512, bytes_per_inode: 8192, soft_updates: true };
        let sizes = layer_sizes(&tree, &filesystem).unwrap();
        let overlay = sizes.iter().find(|size| size.name == "overlay").unwrap();
        // Of the hole, UFS stores the last block: 300,000,000 is 73,242 blocks and 768 bytes.
        assert_eq!((overlay.entries, overlay.bytes), (3, 768 + 4), "the root is a name too");
    }
}
