//! The directories of the miniature world and the few files in `/etc` that the rules and the owners' names need.
//!
//! Numbers of users and groups, modes of directories and names of terminals are FreeBSD's, so that what works here
//! works there; every text is this project's own.

use anyhow::{Context, Result, bail};
use rootfs::tree::{Attributes, EntryKind, Layer, Principal, TreePath};

/// One directory a line: path, mode, and owner and group when they are not root and wheel.
const DIRECTORIES: &str = include_str!("directories");

/// Files as they are, each with its mode.
const FILES: [(&str, &str, u16); 7] = [
    ("etc/defaults/rc.conf", include_str!("etc/rc.conf"), 0o644),
    ("etc/gettytab", include_str!("etc/gettytab"), 0o644),
    ("etc/group", include_str!("etc/group"), 0o644),
    ("etc/master.passwd", MASTER_PASSWD, 0o600),
    ("etc/motd.template", include_str!("etc/motd.template"), 0o644),
    ("etc/shells", include_str!("etc/shells"), 0o644),
    ("etc/ttys", include_str!("etc/ttys"), 0o644),
];

/// The accounts, in the form of master.passwd(5): ten fields.
const MASTER_PASSWD: &str = include_str!("etc/master.passwd");

/// The layer `world` of the miniature world.
///
/// # Errors
/// A mistake in the embedded data.
pub fn layer() -> Result<Layer> {
    let mut layer = Layer::new("world");
    for (index, line) in DIRECTORIES.lines().enumerate() {
        directory(&mut layer, line)
            .with_context(|| format!("miniature world, directories, line {}", index + 1))?;
    }
    for (path, text, mode) in FILES {
        layer.push(TreePath::parse(path)?, EntryKind::File(text.into()), mode);
    }
    let passwd = public_accounts(MASTER_PASSWD)?;
    layer.push(TreePath::parse("etc/passwd")?, EntryKind::File(passwd.as_str().into()), 0o644);
    Ok(layer)
}

fn directory(layer: &mut Layer, line: &str) -> Result<()> {
    let line = line.split('#').next().unwrap_or_default();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (path, mode, user, group) = match fields[..] {
        [] => return Ok(()),
        [path, mode] => (path, mode, "root", "wheel"),
        [path, mode, user, group] => (path, mode, user, group),
        _ => bail!("`{line}` is not `path mode [user group]`"),
    };
    let mode = u16::from_str_radix(mode, 8).with_context(|| format!("the mode `{mode}` is not octal"))?;
    layer.push(TreePath::parse(path)?, EntryKind::Directory, mode);
    if let Some(entry) = layer.entries.last_mut() {
        entry.attributes = Attributes {
            user: Principal::from(user),
            group: Principal::from(group),
            ..Attributes::root(mode)
        };
    }
    Ok(())
}

/// `passwd(5)` from `master.passwd(5)`, as pwd_mkdb(8) writes it: no password, class, change or expiry.
fn public_accounts(master: &str) -> Result<String> {
    let mut text = String::new();
    for line in master.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, _, _, gecos, home, shell] = fields[..] else {
            bail!("miniature world, master.passwd: `{line}` has {} fields, not 10", fields.len());
        };
        text.push_str(&format!("{name}:*:{uid}:{gid}:{gecos}:{home}:{shell}\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rootfs::tree::Tree;

    use super::*;
    use crate::nanobsd::{Release, Settings, apply_all};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn release() -> Release {
        let text = |text: &str| text.to_owned();
        Release {
            product: text("sluice"),
            version: text("0.1.0"),
            board: text("alix"),
            commit: text("0123abc"),
            world: text("miniature"),
            config_version: 1,
            trial_deadline: 900,
            key_epoch: 0,
            revoked_keys: Vec::new(),
            lowers_floors: Vec::new(),
        }
    }

    #[test]
    fn nanobsds_rules_work_on_it() {
        let mut tree = Tree::merge(vec![layer().unwrap()]).unwrap();
        apply_all(&mut tree, &Settings::alix(release())).unwrap();
        let ttys = tree.read_text(&path("conf/base/etc/ttys")).unwrap();
        assert!(ttys.contains("ttyu0\t\"/usr/libexec/getty 3wire.38400\""), "{ttys}");
    }

    #[test]
    fn every_owner_has_a_number() {
        let layer = layer().unwrap();
        let first = |text: &str| -> HashSet<String> {
            text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect()
        };
        let (users, groups) = (first(MASTER_PASSWD), first(include_str!("etc/group")));
        for entry in &layer.entries {
            for (principal, known) in [(&entry.attributes.user, &users), (&entry.attributes.group, &groups)] {
                if let Principal::Name(name) = principal {
                    assert!(known.contains(name), "{}: {name}", entry.path);
                }
            }
        }
        let gids: HashSet<&str> =
            include_str!("etc/group").lines().filter_map(|line| line.split(':').nth(2)).collect();
        for line in MASTER_PASSWD.lines().filter(|line| !line.starts_with('#')) {
            assert!(gids.contains(line.split(':').nth(3).unwrap()), "{line}");
        }
    }

    #[test]
    fn nobody_can_log_in_and_the_public_file_holds_no_secret() {
        let public = public_accounts(MASTER_PASSWD).unwrap();
        assert!(public.starts_with("root:*:0:0:"), "{public}");
        assert!(public.lines().all(|line| line.split(':').count() == 7));
        for line in MASTER_PASSWD.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line.split(':').nth(1), Some("*"), "{line}");
        }
    }

    #[test]
    fn a_bad_line_is_told() {
        let mut layer = Layer::new("test");
        assert!(directory(&mut layer, "/x 0855").unwrap_err().to_string().contains("not octal"));
        assert!(directory(&mut layer, "/x 0755 root").unwrap_err().to_string().contains("path mode"));
        directory(&mut layer, "# nothing").unwrap();
        assert!(layer.entries.is_empty());
    }
}
