//! `/conf`, from which `rc.initdiskless` fills the memory disks on `/etc` and `/var`. `conf/base` has hard links to the files
//! of both, which cost only directory entries. `/cfg` is mounted on `conf/default/etc` and copied last.

use anyhow::{Context, Result, ensure};
use rootfs::tree::{Inode, Kind, LayerId, Tree, TreePath};

use super::generated::{only_generated, path};
use super::settings::Settings;

/// The command that mounts `/cfg` for the copy. `rc.initdiskless` splits it into words and appends the mount point.
const MOUNT_CFG: &str = include_str!("files/mount_cfg");
const MOUNT_CFG_PATH: &str = "conf/mount_cfg";

/// The program that checks and completes the copy. `rc.initdiskless` runs it after all copies, by this name.
const FINISH_CFG: &str = include_str!("files/finish_cfg");
const FINISH_CFG_PATH: &str = "conf/default/var/extract";

/// Files are stored in pages (tmpfs(5)) or blocks (md(4) with UFS) of this many bytes.
const PAGE: u64 = 4096;
const SECTOR: u64 = 512;

/// The part of a memory disk that the image may fill, in percent. The rest is for files from `/cfg`, logs and leases.
const FILL_PERCENT: u64 = 80;

/// Creates the directories for customization: `rc.initdiskless` prefers an `md_size` in `/conf/default` to the one in
/// `/conf/base`.
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
    tree.put_file(layer, &path(FINISH_CFG_PATH)?, FINISH_CFG, 0o755)?;
    let default = path("conf/default/etc")?;
    let command = format!("/{MOUNT_CFG_PATH} {}\n", settings.cfg_device());
    tree.put_file(layer, &default.join("remount")?, command.as_str(), 0o644)?;
    tree.put_file(layer, &default.join("remount_optional")?, "", 0o644)
}

/// The size of a memory disk that customization has set, if any.
fn own_size(tree: &Tree, name: &str) -> Result<Option<u32>> {
    let path = path(&format!("conf/default/{name}/md_size"))?;
    if tree.get(&path).is_none() {
        return Ok(None);
    }
    let text = tree.read_text(&path)?;
    let sectors = text.trim().parse().with_context(|| {
        format!("{path} has `{}` in place of the size of the memory disk in sectors", text.trim())
    })?;
    Ok(Some(sectors))
}

/// Refuses an `/etc` or `/var` that does not fit into its memory disk: on the device, the copy would stop halfway.
fn check_fit(tree: &Tree, source: &TreePath, sectors: u32) -> Result<()> {
    let needed: u64 = tree
        .walk(source)
        .map(|(_, id)| match tree.inode(id) {
            Inode { kind: Kind::File(content), .. } => content.size().div_ceil(PAGE) * PAGE,
            Inode { kind: Kind::Directory, .. } => PAGE,
            _ => 0,
        })
        .sum();
    let holds = u64::from(sectors) * SECTOR * FILL_PERCENT / 100;
    ensure!(
        needed <= holds,
        "{source} takes {} KiB of memory, but may fill only {} KiB ({FILL_PERCENT} %) of its memory disk of {sectors} sectors\n\
         hint: give it {} sectors or more",
        needed / 1024,
        holds / 1024,
        needed * 100 / FILL_PERCENT / SECTOR + 1
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, mode, settings, text, world};
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
    fn the_copies_are_hard_links() {
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
    fn cfg_is_mounted_by_a_plain_command() {
        let tree = applied();
        assert_eq!(text(&tree, "conf/default/etc/remount"), "/conf/mount_cfg /dev/ada0s3a\n");
        assert_eq!(mode(&tree, "conf/mount_cfg"), 0o755);
        assert!(tree.get(&at("conf/default/etc/remount_optional")).is_some());
        assert!(tree.is_dir(&at("conf/default/var")));
        assert_eq!(mode(&tree, "conf/default/var/extract"), 0o755);
    }

    #[test]
    fn a_memory_disk_that_is_too_small_is_refused_with_the_size_it_needs() {
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
