//! Replaces `/tmp` with a link to `/var/tmp`, on the memory disk of `/var` (NanoBSD's `tgt_dir2symlink tmp var/tmp`).

use anyhow::{Result, bail};
use rootfs::tree::{LayerId, Tree};

use super::generated::path;
use super::settings::Settings;

/// Everyone may create files, and only the owner may remove them.
const MODE: u16 = 0o1777;

pub(super) fn apply(tree: &mut Tree, layer: LayerId, _: &Settings) -> Result<()> {
    let tmp = path("tmp")?;
    if let Some((below, _)) = tree.children(&tmp).next() {
        bail!("the image has {below}, which would be lost: /tmp is a link into the memory disk of /var");
    }
    tree.put_symlink(layer, &tmp, "var/tmp")?;

    let target = path("var/tmp")?;
    tree.make_dirs(layer, &target, MODE)?;
    if let Some(inode) = tree.get_mut(&target) {
        inode.attributes.mode = MODE;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, link, mode, settings, world};
    use super::*;

    #[test]
    fn tmp_is_on_the_memory_disk_and_open_to_all() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.get_mut(&at("var/tmp")).unwrap().attributes.mode = 0o755;
        apply(&mut tree, layer, &settings()).unwrap();
        assert_eq!(link(&tree, "tmp"), "var/tmp");
        assert_eq!(mode(&tree, "var/tmp"), 0o1777);
        apply(&mut tree, layer, &settings()).unwrap();
    }

    #[test]
    fn nothing_is_lost_in_tmp() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("tmp/keep"), "", 0o644).unwrap();
        let error = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        assert!(error.contains("/tmp/keep"), "{error}");
    }
}
