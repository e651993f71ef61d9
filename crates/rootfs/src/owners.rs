//! Turns names of users and groups into numbers, by the image's own databases and never by the host's.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

use crate::inode::Principal;
use crate::path::TreePath;
use crate::tree::Tree;

/// The users of the image (`master.passwd(5)`): name, password, uid, ...
const USERS: &str = "etc/master.passwd";
/// The groups of the image (`group(5)`): name, password, gid, members.
const GROUPS: &str = "etc/group";

/// The index of the number's field in both files.
const NUMBER_FIELD: usize = 2;

impl Tree {
    /// Replaces every owner that a layer gives by name with its number.
    ///
    /// # Errors
    /// A name is in neither the image's `master.passwd` nor its `group`; the message names the path and the layer.
    pub fn resolve_owners(&mut self) -> Result<()> {
        let users = self.database(USERS)?;
        let groups = self.database(GROUPS)?;
        let unknown = self.names().find_map(|(path, id)| {
            let inode = self.inode(id);
            let user =
                number(&users, &inode.attributes.user).is_none().then_some((&inode.attributes.user, "user"));
            let group = number(&groups, &inode.attributes.group)
                .is_none()
                .then_some((&inode.attributes.group, "group"));
            user.or(group).map(|(name, what)| (path, inode.layer, name, what))
        });
        if let Some((path, layer, Principal::Name(name), what)) = unknown {
            let file = if what == "user" { USERS } else { GROUPS };
            bail!(
                "setting the owner of {path} (layer `{}`): the image's /{file} has no {what} `{name}`\nhint: add the {what} to \
                 /{file}, or correct the name",
                self.layer_name(layer)
            );
        }
        for inode in self.inodes_mut() {
            let attributes = &mut inode.attributes;
            for (principal, numbers) in [(&mut attributes.user, &users), (&mut attributes.group, &groups)] {
                if let Some(number) = number(numbers, principal) {
                    *principal = Principal::Id(number);
                }
            }
        }
        Ok(())
    }

    fn database(&self, path: &str) -> Result<HashMap<String, u32>> {
        let path = TreePath::parse(path)?;
        let text = self.read_text(&path).context("looking up owners")?;
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
            .map(|(index, line)| {
                let fields: Vec<&str> = line.split(':').collect();
                let number = fields.get(NUMBER_FIELD).and_then(|field| field.parse().ok());
                let number = number.with_context(|| {
                    format!("reading {path} of the image, line {}: it has no number", index + 1)
                })?;
                Ok((fields[0].to_owned(), number))
            })
            .collect()
    }
}

fn number(numbers: &HashMap<String, u32>, principal: &Principal) -> Option<u32> {
    match principal {
        Principal::Id(id) => Some(*id),
        Principal::Name(name) => numbers.get(name).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inode::Attributes;
    use crate::layer::{EntryKind, Layer};

    fn tree(user: &str, group: &str) -> Tree {
        let mut layer = Layer::new("overlay");
        let at = |path: &str| TreePath::parse(path).unwrap();
        let users = "# $FreeBSD$\nroot:*:0:0::0:0:Charlie &:/root:/bin/csh\nuucp:*:66:66::0:0::/:/x\n";
        layer.push(at(USERS), EntryKind::File(users.into()), 0o600);
        layer.push(at(GROUPS), EntryKind::File("wheel:*:0:root\ndialer:*:68:\n".into()), 0o644);
        layer.push(at("var/spool/lock"), EntryKind::Directory, 0o775);
        layer.entries[2].attributes =
            Attributes { user: user.into(), group: group.into(), mode: 0o775, flags: 0 };
        Tree::merge(vec![layer]).unwrap()
    }

    #[test]
    fn names_are_looked_up_in_the_image() {
        let mut tree = tree("uucp", "dialer");
        tree.resolve_owners().unwrap();
        let attributes = &tree.get(&TreePath::parse("var/spool/lock").unwrap()).unwrap().attributes;
        assert_eq!((&attributes.user, &attributes.group), (&Principal::Id(66), &Principal::Id(68)));
    }

    #[test]
    fn an_unknown_owner_is_reported_with_path_layer_and_file() {
        let error = tree("nosuch", "wheel").resolve_owners().unwrap_err().to_string();
        for part in ["/var/spool/lock", "layer `overlay`", "/etc/master.passwd", "`nosuch`"] {
            assert!(error.contains(part), "{error}");
        }
        let error = tree("root", "nogroup").resolve_owners().unwrap_err().to_string();
        assert!(error.contains("/etc/group has no group `nogroup`"), "{error}");
    }
}
