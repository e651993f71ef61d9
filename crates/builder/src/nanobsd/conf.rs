//! `/conf`: what `rc.initdiskless` fills the memory disks on `/etc` and `/var` with. `conf/base` repeats both as hard
//! links, which costs directory entries only; `conf/default/etc` is where `/cfg` is mounted to be copied on top.

use anyhow::{Context, Result, ensure};
use rootfs::tree::{Inode, Kind};

use super::{LayerId, Settings, Tree, TreePath, only_generated, path};

/// The command that mounts `/cfg` for the copy. `rc.initdiskless` splits it into words and adds the mount point.
const MOUNT_CFG: &str = include_str!("files/mount_cfg");
const MOUNT_CFG_PATH: &str = "conf/mount_cfg";

/// Memory that a file takes beyond its bytes comes in pages (tmpfs(5)) or blocks (md(4) with UFS) of this many bytes.
const PAGE: u64 = 4096;
const SECTOR: u64 = 512;

/// Of a memory disk's size, what the image may fill: the rest is for what is saved on `/cfg`, for logs and for leases.
const FILL_PER_CENT: u64 = 80;

/// The folders, so that customization finds them: a `md_size` in `/conf/default` counts for more than the one in
/// `/conf/base` (`rc.initdiskless`).
pub(super) fn prepare(tree: &mut Tree, layer: LayerId, _: &Settings) -> Result<()> {
    only_generated(tree, &path("conf")?, "put files into /etc or /var")?;
    for name in ["etc", "var"] {
        tree.make_dirs(layer, &path(&format!("conf/base/{name}"))?, 0o755)?;
        tree.make_dirs(layer, &path(&format!("conf/default/{name}"))?, 0o755)?;
    }
    Ok(())
}

pub(super) fn fill(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    for (name, sectors) in [("etc", settings.ram_etc), ("var", settings.ram_tmpvar)] {
        let source = path(name)?;
        tree.make_dirs(layer, &source, 0o755)?;
        check_fit(tree, &source, own_size(tree, name)?.unwrap_or(sectors))?;
        let base = path(&format!("conf/base/{name}"))?;
        tree.link_tree(layer, &source, &base)?;
        tree.put_file(layer, &base.join("md_size")?, format!("{sectors}\n").as_str(), 0o644)?;
    }

    tree.put_file(layer, &path(MOUNT_CFG_PATH)?, MOUNT_CFG, 0o755)?;
    let default = path("conf/default/etc")?;
    let command = format!("/{MOUNT_CFG_PATH} {}\n", settings.slice(settings.cfg_slice));
    tree.put_file(layer, &default.join("remount")?, command.as_str(), 0o644)?;
    tree.put_file(layer, &default.join("remount_optional")?, "", 0o644)
}

/// The size that customization gave a memory disk, which then counts.
fn own_size(tree: &Tree, name: &str) -> Result<Option<u32>> {
    let path = path(&format!("conf/default/{name}/md_size"))?;
    if tree.get(&path).is_none() {
        return Ok(None);
    }
    let text = tree.read_text(&path)?;
    let sectors = text.trim().parse().with_context(|| {
        format!("{path} holds `{}`; it is the size of the memory disk in sectors", text.trim())
    })?;
    Ok(Some(sectors))
}

/// Refuses an `/etc` or `/var` that fills its memory disk: the copy would stop in the middle, on the device.
fn check_fit(tree: &Tree, source: &TreePath, sectors: u32) -> Result<()> {
    let needed: u64 = tree
        .walk(source)
        .map(|(_, id)| match tree.inode(id) {
            Inode { kind: Kind::File(content), .. } => content.size().div_ceil(PAGE) * PAGE,
            Inode { kind: Kind::Directory, .. } => PAGE,
            _ => 0,
        })
        .sum();
    let holds = u64::from(sectors) * SECTOR * FILL_PER_CENT / 100;
    ensure!(
        needed <= holds,
        "{source} takes {} KiB of memory and its memory disk of {sectors} sectors may be filled with {} KiB \
         ({FILL_PER_CENT} %); give it {} sectors or more",
        needed / 1024,
        holds / 1024,
        needed * 100 / FILL_PER_CENT / SECTOR + 1
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, mode, settings, text, world};
    use super::*;

    fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
        prepare(tree, layer, settings)?;
        fill(tree, layer, settings)
    }

    fn applied() -> Tree {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &settings()).unwrap();
        tree
    }

    fn id(tree: &Tree, path: &str) -> rootfs::tree::InodeId {
        tree.names().find(|(name, _)| **name == at(path)).unwrap().1
    }

    #[test]
    fn the_copies_cost_no_second_file() {
        let tree = applied();
        assert_eq!(id(&tree, "etc/rc.conf"), id(&tree, "conf/base/etc/rc.conf"));
        assert_eq!(id(&tree, "var/log/messages"), id(&tree, "conf/base/var/log/messages"));
        assert_eq!(mode(&tree, "conf/base/var/tmp"), 0o1777);
        assert_eq!(mode(&tree, "conf/base/var/empty"), 0o555);
    }

    #[test]
    fn the_sizes_are_in_sectors_and_only_in_the_copies() {
        let tree = applied();
        assert_eq!(text(&tree, "conf/base/etc/md_size"), "10240\n");
        assert_eq!(text(&tree, "conf/base/var/md_size"), "40960\n");
        assert!(tree.get(&at("var/md_size")).is_none());
    }

    #[test]
    fn cfg_is_mounted_by_a_command_of_words() {
        let tree = applied();
        assert_eq!(text(&tree, "conf/default/etc/remount"), "/conf/mount_cfg /dev/ada0s3\n");
        assert_eq!(mode(&tree, "conf/mount_cfg"), 0o755);
        assert!(tree.get(&at("conf/default/etc/remount_optional")).is_some());
        assert!(tree.is_dir(&at("conf/default/var")));
    }

    #[test]
    fn a_memory_disk_that_is_too_small_is_told_with_the_size_it_needs() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("etc/big"), vec![0; 5 << 20], 0o644).unwrap();
        let error = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        let asked: u32 = error.split("give it ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(error.starts_with("/etc takes 5") && asked > 12_800, "{error}");

        let mut tree = world();
        tree.put_file(layer, &at("etc/big"), vec![0; 5 << 20], 0o644).unwrap();
        apply(&mut tree, layer, &Settings { ram_etc: asked, ..settings() }).unwrap();
    }
}
