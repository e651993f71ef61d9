//! The rules against FreeBSD itself: run with `SLUICE_TEST_WORLD=<root>`, a root that `installworld` filled with
//! `-DNO_ROOT`, with its METALOG beside it (`<root>/../METALOG`). Without the variable the test says that it was
//! skipped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::tests::{at, link, settings, text};
use super::*;
use crate::tree::{Attributes, Content, Entry, EntryKind, Layer, Principal};

/// `SF_IMMUTABLE`, sys/sys/stat.h.
const SCHG: u32 = 0x0002_0000;

/// Reads just what this test needs of METALOG.
fn world(root: &Path) -> Layer {
    let metalog = root.parent().unwrap().join("METALOG");
    let mut layer = Layer::new("world");
    for line in fs::read_to_string(&metalog).unwrap().lines().filter(|line| line.starts_with("./")) {
        let (path, words) = line.split_once(' ').unwrap();
        let word = |name: &str| {
            words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let host = root.join(path);
        let kind = match word("type") {
            "dir" => EntryKind::Directory,
            "link" => EntryKind::Symlink(word("link").to_owned()),
            "file" => {
                let Ok(metadata) = fs::metadata(&host) else { continue };
                EntryKind::File(Content::Host { path: host, size: metadata.len() })
            }
            other => panic!("{line}: {other}"),
        };
        layer.entries.push(Entry {
            path: at(path),
            kind,
            attributes: Attributes {
                user: Principal::from(Some(word("uname")).filter(|name| !name.is_empty()).unwrap_or("root")),
                group: Principal::from(
                    Some(word("gname")).filter(|name| !name.is_empty()).unwrap_or("wheel"),
                ),
                mode: u16::from_str_radix(word("mode"), 8).unwrap(),
                flags: if word("flags").contains("schg") { SCHG } else { 0 },
            },
            implicit: false,
            replace: false,
            origin: line.to_owned(),
        });
    }
    // The host has them; METALOG of `distribution` does not (FACTS: files that are not listed).
    for name in ["etc/master.passwd", "etc/passwd", "etc/pwd.db", "etc/spwd.db", "etc/group"] {
        let host = root.join(name);
        if let Ok(metadata) = fs::metadata(&host) {
            let mode = if name.contains("master") || name.contains("spwd") { 0o600 } else { 0o644 };
            layer.push(at(name), EntryKind::File(Content::Host { path: host, size: metadata.len() }), mode);
        }
    }
    layer
}

/// The repository's overlay, with every mode by the run bit.
fn overlay() -> Layer {
    fn add(layer: &mut Layer, root: &Path, dir: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let mut found: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        for host in found {
            let path = at(host.strip_prefix(root).unwrap().to_str().unwrap());
            let metadata = fs::metadata(&host).unwrap();
            if metadata.is_dir() {
                layer.push(path, EntryKind::Directory, 0o755);
                layer.entries.last_mut().unwrap().implicit = true;
                add(layer, root, &host);
            } else {
                let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
                layer.push(path, EntryKind::File(Content::Host { path: host, size: metadata.len() }), mode);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../overlay");
    let mut layer = Layer::new("overlay");
    add(&mut layer, &root, &root);
    layer
}

/// The tree of an image of the world, if one is given.
fn image() -> Option<Tree> {
    let Some(root) = env::var_os("SLUICE_TEST_WORLD") else {
        eprintln!("skipped: SLUICE_TEST_WORLD does not name the root of a world");
        return None;
    };
    let mut tree = Tree::merge(vec![world(Path::new(&root)), overlay()]).unwrap();
    apply(&mut tree, &settings()).unwrap();
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

/// A default that FreeBSD does not know is a default that does nothing.
#[test]
fn every_setting_is_one_that_rc_knows() {
    let Some(tree) = image() else { return };
    let scripts: String = tree
        .children(&at("etc/rc.d"))
        .filter(|(_, id)| matches!(tree.inode(*id).kind, crate::tree::Kind::File(_)))
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

/// The variables that rc.conf(5) text sets.
fn names(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split('=').next())
        .map(str::to_owned)
        .collect()
}
