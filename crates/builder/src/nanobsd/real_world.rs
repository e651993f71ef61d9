//! The rules applied to a real FreeBSD. Set `SLUICE_TEST_WORLD` to a directory that [`crate::world::installed`] can open;
//! otherwise the tests are skipped with a message.

use std::env;
use std::io::Write as _;
use std::path::Path;

use rootfs::tree::Tree;

use super::etc;
use super::fixture::{at, link, settings, text};
use super::rules::apply_all;
use crate::layer::overlay;
use crate::product::Product;
use crate::workspace;
use crate::world::installed;

/// The tree of an image of the world, if there is one.
fn image() -> Option<Tree> {
    let Some(dir) = env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return None;
    };
    let root = workspace::root();
    let product = Product::load(&root, &[]).unwrap();
    let mut layers = installed::open(Path::new(&dir)).unwrap().layers;
    layers.extend(overlay::layers(&root, &product, &mut Vec::new()).unwrap());
    let mut tree = Tree::merge(layers).unwrap();
    apply_all(&mut tree, &settings()).unwrap();
    Some(tree)
}

#[test]
fn the_rules_fit_a_real_world() {
    let Some(tree) = image() else { return };

    let ttys = text(&tree, "conf/base/etc/ttys");
    let on: Vec<&str> =
        ttys.lines().filter(|line| line.contains("\ton ") && !line.starts_with('#')).collect();
    assert_eq!(on, ["ttyu0\t\"/usr/libexec/getty 3wire.38400\"\tvt100\ton secure"]);
    assert!(!ttys.contains("offif"));
    assert_eq!(text(&tree, "etc/gettytab").matches("3wire.38400").count(), 1, "FreeBSD has this class");

    let lua = text(&tree, "boot/lua/local.lua");
    assert!(lua.contains("ufs:/dev/ada0s"));
    assert_eq!(link(&tree, "tmp"), "var/tmp");
    assert_eq!(link(&tree, "usr/local/etc"), "../../etc/local");
    assert_eq!(tree.get(&at("conf/base/var/tmp")).unwrap().attributes.mode, 0o1777);
    assert!(
        text(&tree, "etc/defaults/rc.conf").contains("/etc/defaults/vendor.conf"),
        "vendor.conf is not read"
    );
    assert!(tree.is_dir(&at("conf/base/var/db/entropy")));
}

/// A default that FreeBSD does not know has no effect.
#[test]
fn every_setting_is_one_that_rc_knows() {
    let Some(tree) = image() else { return };
    let scripts: String = tree
        .children(&at("etc/rc.d"))
        .filter(|(_, id)| matches!(tree.inode(*id).kind, rootfs::tree::Kind::File(_)))
        .map(|(path, _)| tree.read_text(path).unwrap())
        .chain(["etc/network.subr", "etc/rc.subr", "etc/rc"].map(|path| text(&tree, path)))
        .collect();
    let defaults = text(&tree, "etc/defaults/rc.conf");
    for path in ["etc/rc.conf", "etc/defaults/vendor.conf"] {
        for name in names(&text(&tree, path)) {
            let known = defaults.contains(&format!("\n{name}=")) || scripts.contains(&name);
            assert!(known || name.starts_with("ifconfig_"), "{path}: {name}");
        }
    }
    for name in names(etc::READ_ONLY_RC_CONF) {
        let known = defaults.matches(&format!("\n{name}=")).count() > 1 || scripts.contains(&name);
        assert!(known, "{name}");
    }
}

/// The variables that `text`, in rc.conf(5) format, sets.
fn names(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split('=').next())
        .map(str::to_owned)
        .collect()
}
