//! The layer of the public keys whose signatures on updates a unit accepts.

use anyhow::{Result, ensure};
use firmware::paths::{self, in_image};
use rootfs::tree::{EntryKind, Layer, Tree, TreePath};

use crate::keys::{SUFFIX, TrustedKey};

/// The directory of the keys in the image.
const DIRECTORY: &str = in_image(paths::KEYS);
/// The name of the layer.
const NAME: &str = "trusted keys";

/// The layer with `keys`.
///
/// # Errors
/// The name of a key cannot be a file name.
pub fn layer(keys: &[TrustedKey]) -> Result<Layer> {
    let mut layer = Layer::new(NAME);
    let directory = TreePath::parse(DIRECTORY)?;
    layer.push(directory.clone(), EntryKind::Directory, 0o755);
    for key in keys {
        let path = directory.join(&format!("{}{SUFFIX}", key.name))?;
        layer.push(path, EntryKind::File(key.text.as_str().into()), 0o444);
    }
    Ok(layer)
}

/// Refuses keys in other layers: every unit would trust a key in the overlay, but no list of keys would have it.
///
/// # Errors
/// Another layer has a key. The message names the layer.
pub fn check(tree: &Tree) -> Result<()> {
    for (path, id) in tree.walk(&TreePath::parse(DIRECTORY)?) {
        let layer = tree.layer_name(tree.inode(id).layer);
        ensure!(
            layer == NAME,
            "layer `{layer}` has {path}, in the directory of the keys that units trust\n\
             hint: the product's keys belong into {}",
            crate::keys::DIRECTORY
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Pair, Trusted};

    #[test]
    fn only_the_builder_says_which_keys_a_unit_trusts() {
        let mut trusted = Trusted::default();
        trusted.add("product", Pair::generate(None).unwrap().public_text()).unwrap();
        let keys = layer(trusted.keys()).unwrap();
        let tree = Tree::merge(vec![keys.clone()]).unwrap();
        let path = TreePath::parse("usr/share/sluice/keys/product.pub").unwrap();
        assert_eq!(tree.read_text(&path).unwrap(), trusted.keys()[0].text);
        check(&tree).unwrap();

        let mut overlay = Layer::new("overlay");
        let path = TreePath::parse("usr/share/sluice/keys/mine.pub").unwrap();
        overlay.push(path, EntryKind::File("x".into()), 0o644);
        let error = check(&Tree::merge(vec![overlay, keys]).unwrap()).unwrap_err().to_string();
        assert!(error.contains("`overlay`") && error.contains("mine.pub"), "{error}");
    }
}
