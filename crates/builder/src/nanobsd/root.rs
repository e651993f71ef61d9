//! The root of a slot that does not know its number: the loader sets `vfs.root.mountfrom` to the slice that it was loaded
//! from.
//!
//! In FreeBSD 13 and 14, `stand/lua/loader.lua` reads the configuration, then runs `try_include("local")`, then loads the
//! kernel. `getrootmount` in `stand/common/boot.c` reads the slot's fstab only if `vfs.root.mountfrom` is not set. A loader
//! in another language would silently boot the wrong slot or none.

use anyhow::{Result, bail, ensure};
use rootfs::tree::{LayerId, Tree};

use super::generated::{only_generated, path};
use super::settings::Settings;

const LOCAL_LUA: &str = include_str!("files/local.lua");

/// Stands for the name of the drive in it.
const DRIVE: &str = "@DRIVE@";
/// Stands for the pattern of the disks in it. The kernel's name is only known for the first disk of the BIOS; with labels,
/// any disk will do.
const DISK: &str = "@DISK@";

pub(super) fn apply(tree: &mut Tree, layer: LayerId, settings: &Settings) -> Result<()> {
    if tree.get(&path("boot/loader")?).is_some() {
        let loader = path("boot/lua/loader.lua")?;
        if tree.get(&loader).is_none() {
            bail!(
                "the world has /boot/loader, but no {loader}: a slot that boots from either slice needs the Lua loader\n\
                 hint: build the world with LOADER_LUA"
            );
        }
        ensure!(
            tree.read_text(&loader)?.contains("try_include(\"local\")"),
            "{loader} of the world does not run /boot/lua/local.lua, which sets the root of the slot"
        );
    }
    let local = path("boot/lua/local.lua")?;
    only_generated(tree, &local, "use /boot/loader.conf.d; this file passes the root to the kernel")?;
    let disk = if settings.label().is_some() { "%d+" } else { "0" };
    let text = LOCAL_LUA.replace(DRIVE, &settings.drive).replace(DISK, disk);
    tree.put_file(layer, &local, text.as_str(), 0o444)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, settings, text, world};
    use super::*;

    fn refusal(tree: &mut Tree) -> String {
        let layer = tree.layer("test");
        apply(tree, layer, &settings()).unwrap_err().to_string()
    }

    #[test]
    fn the_drive_comes_from_the_product() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &Settings { drive: "da1".into(), ..settings() }).unwrap();
        let lua = text(&tree, "boot/lua/local.lua");
        assert!(lua.contains("\"ufs:/dev/da1s\"") && !lua.contains(DRIVE), "{lua}");
        assert!(lua.contains("\"^disk0s([12])a:?$\""), "{lua}");
    }

    #[test]
    fn with_a_label_the_root_is_found_on_any_disk() {
        let mut tree = world();
        let layer = tree.layer("test");
        apply(&mut tree, layer, &Settings { drive: "label/gw".into(), ..settings() }).unwrap();
        let lua = text(&tree, "boot/lua/local.lua");
        assert!(lua.contains("\"ufs:/dev/label/gws\" .. slice .. \"a .onfail\""), "{lua}");
        assert!(lua.contains("\"^disk%d+s([12])a:?$\"") && !lua.contains(DISK), "{lua}");
    }

    #[test]
    fn a_loader_that_would_not_run_it_is_refused() {
        let mut tree = world();
        tree.remove(&at("boot/lua"));
        assert!(refusal(&mut tree).contains("LOADER_LUA"));

        let mut tree = world();
        let layer = tree.layer("test");
        tree.put_file(layer, &at("boot/lua/loader.lua"), "config.load()\n", 0o444).unwrap();
        assert!(refusal(&mut tree).contains("does not run /boot/lua/local.lua"));

        let mut tree = world();
        tree.put_file(layer, &at("boot/lua/local.lua"), "", 0o444).unwrap();
        assert!(refusal(&mut tree).contains("which is generated"));
    }

    #[test]
    fn a_world_without_a_loader_needs_none() {
        let mut tree = world();
        tree.remove(&at("boot/loader"));
        tree.remove(&at("boot/lua"));
        let layer = tree.layer("test");
        apply(&mut tree, layer, &settings()).unwrap();
    }
}
