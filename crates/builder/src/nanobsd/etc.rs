//! Prepares `/etc` for a read-only root, as NanoBSD's `setup_nanobsd_etc` does, except for `fstab`.

use anyhow::Result;
use rootfs::tree::{LayerId, Tree};

use super::generated::{only_generated, path};
use super::settings::Settings;

/// Settings that a read-only root needs. They are defaults, because a customer's `/cfg/rc.conf` replaces the whole
/// `/etc/rc.conf`.
pub(super) const READ_ONLY_RC_CONF: &str = include_str!("files/read-only.rc.conf");

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    // rc(8) runs rc.initdiskless when this file exists.
    tree.put_file(layer, &path("etc/diskless")?, "", 0o644)?;

    tree.append(layer, &path("etc/defaults/rc.conf")?, READ_ONLY_RC_CONF)?;

    let nanobsd = path("etc/nanobsd.conf")?;
    only_generated(tree, &nanobsd, "remove it; scripts find the drive in it")?;
    tree.put_file(layer, &nanobsd, format!("NANO_DRIVE={}\n", settings.drive).as_str(), 0o644)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{mode, settings, text, world};
    use super::*;

    #[test]
    fn the_defaults_for_a_read_only_root_come_after_freebsds() {
        let mut tree = world();
        let layer = tree.layer("test");
        let before = text(&tree, "etc/defaults/rc.conf");
        apply(&mut tree, layer, &settings()).unwrap();
        let after = text(&tree, "etc/defaults/rc.conf");
        let added = after.strip_prefix(&before).unwrap();
        for line in
            ["root_rw_mount=\"NO\"", "entropy_file=\"NO\"", "entropy_boot_file=\"NO\"", "tmpmfs=\"NO\""]
        {
            assert!(added.lines().any(|added| added.starts_with(line)), "{line} is not in {added}");
        }
        assert_eq!(mode(&tree, "etc/defaults/rc.conf"), 0o644);
        assert_eq!(text(&tree, "etc/diskless"), "");
        assert_eq!(text(&tree, "etc/nanobsd.conf"), "NANO_DRIVE=ada0\n");
    }

    #[test]
    fn every_default_is_a_plain_assignment() {
        for line in READ_ONLY_RC_CONF.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.split_once('=').unwrap();
            assert!(name.chars().all(|c| c.is_ascii_alphabetic() || c == '_'), "{line}");
            assert!(value.starts_with('"') && value.matches('"').count() == 2, "{line}");
        }
    }
}
