//! Moves `/usr/local/etc` to `/etc/local`, where the configuration of packages is writable and can be saved to `/cfg`. The
//! old path becomes a link, even without any package.

use anyhow::{Result, ensure};
use rootfs::tree::{Inode, Kind, LayerId, Tree, TreePath};

use super::generated::path;
use super::settings::Settings;

/// The target of the link at `/usr/local/etc`, as NanoBSD has it.
const TARGET: &str = "../../etc/local";

pub(super) fn apply(tree: &mut Tree, layer: LayerId, _: &Settings) -> Result<()> {
    let old = path("usr/local/etc")?;
    let new = path("etc/local")?;
    if let Some(Inode { kind: Kind::Symlink(target), .. }) = tree.get(&old) {
        ensure!(target == TARGET, "{old} is a link to {target}, not to {TARGET}");
    } else {
        merge_into(tree, layer, &old, &new)?;
        tree.put_symlink(layer, &old, TARGET)?;
    }
    tree.make_dirs(layer, &new, 0o755)
}

/// Moves `from` to `to`. Merges directories; files of the same name are an error.
fn merge_into(tree: &mut Tree, layer: LayerId, from: &TreePath, to: &TreePath) -> Result<()> {
    if !(tree.is_dir(from) && tree.is_dir(to)) {
        return tree.rename(layer, from, to);
    }
    let names: Vec<String> = tree.children(from).map(|(child, _)| child.name().to_owned()).collect();
    for name in names {
        merge_into(tree, layer, &from.join(&name)?, &to.join(&name)?)?;
    }
    tree.remove(from);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, link, settings, text, world};
    use super::*;

    fn moved(files: &[&str]) -> Result<Tree> {
        let mut tree = world();
        let layer = tree.layer("test");
        for file in files {
            tree.put_file(layer, &at(file), *file, 0o644)?;
        }
        apply(&mut tree, layer, &settings())?;
        assert_eq!(link(&tree, "usr/local/etc"), TARGET);
        Ok(tree)
    }

    #[test]
    fn files_of_packages_and_overlay_are_merged_in_etc_local() {
        let tree = moved(&["usr/local/etc/rc.d/mpd5", "etc/local/rc.d/own", "etc/local/mpd.conf"]).unwrap();
        assert_eq!(text(&tree, "etc/local/rc.d/mpd5"), "usr/local/etc/rc.d/mpd5");
        assert_eq!(text(&tree, "etc/local/rc.d/own"), "etc/local/rc.d/own");
        assert_eq!(tree.walk(&at("usr/local")).count(), 2);
    }

    #[test]
    fn two_files_of_one_name_are_an_error() {
        let error = moved(&["usr/local/etc/mpd.conf", "etc/local/mpd.conf"]).unwrap_err().to_string();
        assert!(error.contains("/etc/local/mpd.conf") && error.contains("layer `test`"), "{error}");
    }

    #[test]
    fn etc_local_exists_without_packages_too() {
        let mut tree = world();
        tree.remove(&at("usr/local"));
        let layer = tree.layer("test");
        apply(&mut tree, layer, &settings()).unwrap();
        assert!(tree.is_dir(&at("etc/local")));
        apply(&mut tree, layer, &settings()).unwrap();
    }
}
