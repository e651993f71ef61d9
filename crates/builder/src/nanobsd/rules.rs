//! The rules, in the order in which they are applied.

use anyhow::{Context, Result};
use rootfs::tree::{LayerId, Tree};

use super::generated::path;
use super::settings::Settings;
use super::{conf, console, etc, fstab, local, release, root, tmp, ttys};

/// The name of the layer with the files that the rules generate.
const LAYER: &str = "nanobsd";

/// Applies the rules that change `/etc` and `/boot`, as NanoBSD's `setup_nanobsd_etc` does before `NANO_CUSTOMIZE`.
///
/// # Errors
/// A setting that cannot work on the device, a world without a file that a rule needs (`/etc/ttys`, `/etc/gettytab`, a
/// Lua loader), or a layer with a file that only the rules may write.
pub fn prepare(tree: &mut Tree, settings: &Settings) -> Result<()> {
    settings.check()?;
    apply(
        tree,
        settings,
        &[
            ("preparing /etc for a read-only root", etc::apply),
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
/// The target of a move exists already, or `/etc` or `/var` does not fit into its memory disk.
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

/// What a rule does, for error messages, and the rule.
type Rule = (&'static str, fn(&mut Tree, LayerId, &Settings) -> Result<()>);

/// Applies all rules, without customization between them.
#[cfg(test)]
pub fn apply_all(tree: &mut Tree, settings: &Settings) -> Result<()> {
    prepare(tree, settings)?;
    finish(tree, settings)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, link, settings, text, world};
    use super::*;

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
