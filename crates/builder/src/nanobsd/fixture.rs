//! A small world and settings, for the tests of the rules.

use firmware::release::Release;
use rootfs::tree::{EntryKind, Kind, Layer, Tree, TreePath};

use super::settings::Settings;

pub(super) fn at(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

/// A world with only the files that the rules need.
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
        trial_deadline: 900,
        key_epoch: 2,
        revoked_keys: vec!["E7620F1842B4E81F".parse().unwrap()],
        lowers_floors: vec!["99.0.0".into()],
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
