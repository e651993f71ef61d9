//! `/etc/fstab` and the mount points in it.
//!
//! It has no line for the root: the same image boots from slice 1 and from slice 2, and the loader passes the root to the
//! kernel (see the rule `root`). rc(8) does not need the line: `mount -a`, `umount -a` and `fsck -p` skip a root that is not
//! listed, and `root_rw_mount` is NO.

use anyhow::{Result, bail};
use firmware::paths::{CFG, DATA};
use rootfs::tree::{LayerId, Tree, TreePath};

use super::generated::path;
use super::settings::Settings;

const HEAD: &str = "\
# The root is not listed: this image boots from either slot, and the loader tells the kernel which one it is
# (/boot/lua/local.lua). The last fields are 0: nothing here may end a boot in single-user mode. /cfg is checked before
# it is read at boot and before it is written.
";

/// The mount points of the writable slices. Both are `noauto` and never checked by rc.d/fsck, unlike in NanoBSD: with `2 2`,
/// fsck(8) checks `/cfg` although it is `noauto` (`isok` in `sbin/fsck/fsck.c`), and damage beyond repair ends the boot at a
/// prompt. `failok` would prevent that, but reports errors at every good boot (`sbin/fsck/preen.c`). `/cfg` is checked by
/// `/conf/mount_cfg` and by the scripts that save to it, `/data` by `/etc/rc.d/sluice_data`, which mounts it.
const OPTIONS: &str = "rw,noauto,noatime";

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    let fstab = path("etc/fstab")?;
    let own = tree.get(&fstab).map(|_| tree.read_text(&fstab)).transpose()?.unwrap_or_default();
    check_own_lines(&own)?;

    let mut text = HEAD.to_owned();
    let data = settings.data_slice.map(|number| (settings.slice(number), DATA));
    for (device, point) in [(settings.cfg_device(), CFG)].into_iter().chain(data) {
        text.push_str(&format!("{device} {point} ufs {OPTIONS} 0 0\n"));
        mount_point(tree, layer, &path(point)?)?;
    }
    text.push_str(&own);
    tree.put_file(layer, &fstab, text.as_str(), 0o644)
}

/// Refuses lines of the product that contradict this rule.
fn check_own_lines(own: &str) -> Result<()> {
    for line in own.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.split_whitespace().nth(1) {
            Some("/") => bail!(
                "the /etc/fstab of a layer has a line for the root (`{line}`): the image could then start from one slot only"
            ),
            Some(point @ (CFG | DATA | "/etc" | "/var" | "/tmp")) => {
                bail!("the /etc/fstab of a layer mounts {point} (`{line}`), which the image mounts itself")
            }
            _ => {}
        }
    }
    Ok(())
}

/// Creates an empty directory as a mount point.
fn mount_point(tree: &mut Tree, layer: LayerId, point: &TreePath) -> Result<()> {
    tree.make_dirs(layer, point, 0o755)?;
    if let Some((below, _)) = tree.children(point).next() {
        bail!("the image has {below}, which the file system mounted on {point} would hide");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, settings, text, world};
    use super::*;

    fn lines(settings: &Settings, own: &str) -> Result<Vec<Vec<String>>> {
        let mut tree = world();
        let layer = tree.layer("test");
        if !own.is_empty() {
            tree.put_file(layer, &at("etc/fstab"), own, 0o644)?;
        }
        apply(&mut tree, layer, settings)?;
        assert!(tree.is_dir(&at("cfg")));
        Ok(text(&tree, "etc/fstab")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect())
    }

    #[test]
    fn cfg_is_listed_and_the_root_is_not() {
        let lines = lines(&settings(), "").unwrap();
        assert_eq!(lines, [["/dev/ada0s3a", "/cfg", "ufs", "rw,noauto,noatime", "0", "0"]]);
    }

    #[test]
    fn data_comes_next_and_the_products_lines_follow() {
        let settings = Settings { data_slice: Some(4), ..settings() };
        let lines = lines(&settings, "proc /proc procfs rw 0 0\n").unwrap();
        assert_eq!(lines[1], ["/dev/ada0s4", "/data", "ufs", "rw,noauto,noatime", "0", "0"]);
        assert_eq!(lines[2][1], "/proc");
    }

    #[test]
    fn a_root_in_the_products_fstab_is_refused() {
        let error = lines(&settings(), "/dev/ada0s1a / ufs ro 1 1\n").unwrap_err().to_string();
        assert!(error.contains("start from one slot only"), "{error}");
        lines(&settings(), "#/dev/ada0s1a / ufs ro 1 1\n").unwrap();
    }

    #[test]
    fn a_mount_point_hides_nothing() {
        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("cfg/rc.conf"), "", 0o644).unwrap();
        let error = apply(&mut tree, layer, &settings()).unwrap_err().to_string();
        assert!(error.contains("/cfg/rc.conf") && error.contains("hide"), "{error}");
    }
}
