//! Files that only the rules may write.

use anyhow::{Result, bail};
use rootfs::tree::{Tree, TreePath};

/// Parses a path of the image that is a constant of a rule.
pub(super) fn path(text: &str) -> Result<TreePath> {
    TreePath::parse(text)
}

/// Refuses a file of a layer that a rule generates. `advice` is the hint of the error.
pub(super) fn only_generated(tree: &Tree, path: &TreePath, advice: &str) -> Result<()> {
    match tree.get(path) {
        None => Ok(()),
        Some(inode) => {
            bail!("layer `{}` has {path}, which is generated\nhint: {advice}", tree.layer_name(inode.layer))
        }
    }
}
