//! The rules of NanoBSD: what turns the merged content of world, kernel, packages, services and overlay into a system
//! that lives on a read-only root. They are `setup_nanobsd_etc`, `setup_nanobsd`, `prune_usr` and `cust_comconsole` of
//! FreeBSD's `tools/tools/nanobsd/defaults.sh`, as transformations of the [`Tree`].
//!
//! Invariants: nothing here depends on which slot the image will be written to, and nothing reads the host. Rules that
//! would do nothing, or something else than what the engineer meant, are errors: the boot they would spoil happens
//! hundreds of kilometres away. What the product itself chooses (host name, services) is in the overlay, not here.

mod conf;
mod console;
mod etc;
mod fstab;
mod local;
#[cfg(test)]
mod real_world;
mod release;
mod root;
mod settings;
mod tmp;
mod ttys;

use anyhow::{Context, Result, bail};
use rootfs::tree::{LayerId, Tree, TreePath};

pub use firmware::release::Release;
pub use settings::Settings;

/// The name of the layer that holds what the rules generate.
const LAYER: &str = "nanobsd";

/// Applies the rules that change `/etc` and `/boot`, as NanoBSD's `setup_nanobsd_etc` does before `NANO_CUSTOMIZE`.
///
/// # Errors
/// A setting that cannot work on the device, a world that lacks what a rule builds on (`/etc/ttys`, `/etc/gettytab`, a
/// Lua loader), or a layer that claims a file which only the rules may write.
pub fn prepare(tree: &mut Tree, settings: &Settings) -> Result<()> {
    settings.check()?;
    apply(
        tree,
        settings,
        &[
            ("marking /etc as that of a read-only root", etc::apply),
            ("writing /etc/fstab", fstab::apply),
            ("making the root independent of the slot", root::apply),
            ("setting up the serial console", console::apply),
            ("starting a getty on the serial console", ttys::apply),
            ("writing the release facts", release::apply),
            ("making /conf for the memory disks", conf::prepare),
        ],
    )
}

/// Applies the rules that move and copy, as NanoBSD's `setup_nanobsd` and `prune_usr` do after `NANO_CUSTOMIZE`.
///
/// # Errors
/// What is to be moved has no place to go, or an `/etc` or `/var` does not fit into its memory disk.
pub fn finish(tree: &mut Tree, settings: &Settings) -> Result<()> {
    apply(
        tree,
        settings,
        &[
            ("moving /usr/local/etc to /etc/local", local::apply),
            ("moving /tmp to /var/tmp", tmp::apply),
            ("filling /conf for the memory disks", conf::fill),
        ],
    )?;
    tree.prune_empty_dirs(&path("usr")?);
    Ok(())
}

fn apply(tree: &mut Tree, settings: &Settings, rules: &[Rule]) -> Result<()> {
    let layer = tree.layer(LAYER);
    for (what, rule) in rules {
        rule(tree, layer, settings).context(*what)?;
    }
    Ok(())
}

/// What a rule does, for messages, and the rule.
type Rule = (&'static str, fn(&mut Tree, LayerId, &Settings) -> Result<()>);

/// A path of the image that is written in this program.
fn path(text: &str) -> Result<TreePath> {
    TreePath::parse(text)
}

/// Refuses a file that a layer brought although a rule writes it.
fn only_generated(tree: &Tree, path: &TreePath, instead: &str) -> Result<()> {
    match tree.get(path) {
        None => Ok(()),
        Some(inode) => {
            bail!("layer `{}` has {path}, which is generated: {instead}", tree.layer_name(inode.layer))
        }
    }
}

/// All rules, with nothing between them.
#[cfg(test)]
pub fn apply_all(tree: &mut Tree, settings: &Settings) -> Result<()> {
    prepare(tree, settings)?;
    finish(tree, settings)
}

#[cfg(test)]
mod tests {
    use rootfs::tree::{EntryKind, Kind, Layer};

    use super::*;

    pub(super) fn at(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    /// A world with just what the rules build on.
    pub(super) fn world() -> Tree {
        let mut layer = Layer::new("world");
        for (path, mode) in [
            ("boot/lua", 0o755),
            ("tmp", 0o1777),
            ("usr/local/etc/rc.d", 0o755),
            ("usr/obj", 0o755),
            ("usr/share", 0o755),
            ("var/empty", 0o555),
            ("var/tmp", 0o1777),
        ] {
            layer.push(at(path), EntryKind::Directory, mode);
        }
        for (path, text) in [
            ("boot/loader", "a boot program"),
            ("boot/lua/loader.lua", "config.load()\ntry_include(\"local\")\npassword.check()\n"),
            ("etc/defaults/rc.conf", "root_rw_mount=\"YES\"\n"),
            ("etc/gettytab", "3wire.38400|38400-3wire:\\\n\t:np:nc:sp#38400:\n"),
            (
                "etc/ttys",
                "console\tnone\t\tunknown\toff secure\nttyu0\t\"/usr/libexec/getty 3wire\"\tvt100\tonifconsole secure\n",
            ),
            ("etc/rc.conf", "hostname=\"sluice\"\n"),
            ("var/log/messages", ""),
        ] {
            layer.push(at(path), EntryKind::File(text.into()), 0o644);
        }
        Tree::merge(vec![layer]).unwrap()
    }

    pub(super) fn settings() -> Settings {
        Settings::alix(Release {
            product: "sluice".into(),
            version: "1.4.0".into(),
            board: "alix".into(),
            commit: "0123abc".into(),
            world: "FreeBSD 13.2-RELEASE".into(),
            config_version: 1,
        })
    }

    pub(super) fn mode(tree: &Tree, path: &str) -> u16 {
        tree.get(&at(path)).unwrap().attributes.mode
    }

    pub(super) fn text(tree: &Tree, path: &str) -> String {
        tree.read_text(&at(path)).unwrap()
    }

    pub(super) fn link(tree: &Tree, path: &str) -> String {
        match &tree.get(&at(path)).unwrap().kind {
            Kind::Symlink(target) => target.clone(),
            other => panic!("{path} is a {}", other.word()),
        }
    }

    #[test]
    fn the_copy_of_etc_holds_what_every_rule_wrote() {
        let mut tree = world();
        apply_all(&mut tree, &settings()).unwrap();
        for name in ["diskless", "nanobsd.conf", "fstab", "ttys", "rc.conf", "defaults/rc.conf"] {
            assert_eq!(text(&tree, &format!("etc/{name}")), text(&tree, &format!("conf/base/etc/{name}")));
        }
        assert!(tree.is_dir(&at("conf/base/etc/local/rc.d")));
        assert!(text(&tree, "conf/base/etc/ttys").contains("3wire.38400"));
        assert!(tree.get(&at("etc/md_size")).is_none(), "md_size belongs to the copy");
    }

    #[test]
    fn empty_directories_are_pruned_in_usr_only() {
        let mut tree = world();
        apply_all(&mut tree, &settings()).unwrap();
        assert!(tree.get(&at("usr/obj")).is_none());
        assert_eq!(link(&tree, "usr/local/etc"), "../../etc/local");
        assert!(tree.is_dir(&at("var/empty")) && tree.is_dir(&at("cfg")));
    }

    #[test]
    fn an_error_names_the_rule_that_met_it() {
        let mut tree = world();
        tree.remove(&at("etc/ttys"));
        let error = format!("{:#}", apply_all(&mut tree, &settings()).unwrap_err());
        assert!(error.starts_with("starting a getty on the serial console: "), "{error}");
    }
}
