//! Merging layers into a tree, in order: a later layer wins, and a surprise is an error that names both layers.

use std::collections::HashMap;

use anyhow::{Result, bail};

use crate::inode::{Inode, InodeId, Kind, LayerId};
use crate::layer::{Entry, EntryKind, Layer};
use crate::path::TreePath;
use crate::tree::Tree;

impl Tree {
    /// Merges `layers`, the lowest first.
    ///
    /// # Errors
    /// Two layers have the same path and the upper one does not say `replace`, a directory and something else have the same
    /// path, a parent is not a directory, or a hard link has no target. Each message names the path, both layers and the
    /// source of each entry.
    pub fn merge(layers: Vec<Layer>) -> Result<Self> {
        let mut tree = Self::empty();
        let mut origins = HashMap::new();
        for layer in layers {
            tree.merge_layer(layer, &mut origins)?;
        }
        Ok(tree)
    }

    fn merge_layer(&mut self, layer: Layer, origins: &mut HashMap<TreePath, String>) -> Result<()> {
        let id = self.layer(&layer.name);
        let (links, entries): (Vec<Entry>, Vec<Entry>) = last_of_each_path(layer.entries)
            .into_iter()
            .partition(|entry| matches!(entry.kind, EntryKind::HardLink(_)));
        for entry in entries {
            self.admit(id, &entry, origins)?;
            let kind = match entry.kind {
                EntryKind::Directory => Kind::Directory,
                EntryKind::File(content) => Kind::File(content),
                EntryKind::Symlink(target) => Kind::Symlink(target),
                EntryKind::CharDevice(device) => Kind::CharDevice(device),
                EntryKind::BlockDevice(device) => Kind::BlockDevice(device),
                EntryKind::Fifo => Kind::Fifo,
                EntryKind::HardLink(_) => continue,
            };
            if entry.implicit && matches!(kind, Kind::Directory) && self.is_dir(&entry.path) {
                continue;
            }
            self.put(id, &entry.path, kind, entry.attributes)?;
            origins.insert(entry.path, entry.origin);
        }
        for entry in links {
            self.admit(id, &entry, origins)?;
            let EntryKind::HardLink(target) = &entry.kind else { continue };
            let inode = self.link_target(id, &entry, target)?;
            self.make_parents(id, &entry.path)?;
            self.names.insert(entry.path.clone(), inode);
            origins.insert(entry.path, entry.origin);
        }
        Ok(())
    }

    fn link_target(&self, layer: LayerId, entry: &Entry, target: &TreePath) -> Result<InodeId> {
        match self.names.get(target) {
            Some(found) if matches!(self.inode(*found).kind, Kind::File(_)) => Ok(*found),
            _ => bail!(
                "merging layer `{}`: {} is a hard link to {target}, which is not a file of that layer ({})",
                self.layer_name(layer),
                entry.path,
                entry.origin
            ),
        }
    }

    /// Checks that `entry` may take its path, given what is there.
    fn admit(&self, layer: LayerId, entry: &Entry, origins: &HashMap<TreePath, String>) -> Result<()> {
        let mut above = entry.path.parent();
        while let Some(parent) = above {
            match self.get(&parent) {
                Some(Inode { kind: Kind::Directory, .. }) => break,
                Some(inode) => bail!(
                    "merging layer `{}`: {} cannot be below {parent}, which is a {} of layer `{}`{} ({})",
                    self.layer_name(layer),
                    entry.path,
                    inode.kind.word(),
                    self.layer_name(inode.layer),
                    origin_of(origins, &parent),
                    entry.origin
                ),
                None => above = parent.parent(),
            }
        }
        let Some(there) = self.get(&entry.path) else { return Ok(()) };
        let is_dir = matches!(entry.kind, EntryKind::Directory);
        let was_dir = matches!(there.kind, Kind::Directory);
        if is_dir && was_dir {
            return Ok(());
        }
        let lower = self.layer_name(there.layer);
        let upper = self.layer_name(layer);
        if is_dir != was_dir {
            bail!(
                "merging layer `{upper}`: {} is {} in it ({}) and a {} in layer `{lower}`{}; one cannot replace the other",
                entry.path,
                if is_dir { "a dir" } else { "not a directory" },
                entry.origin,
                there.kind.word(),
                origin_of(origins, &entry.path)
            );
        }
        if there.layer != layer && !entry.replace {
            bail!(
                "merging layer `{upper}`: {} ({}) is already in layer `{lower}`{}\nhint: to replace it, set \
                 `replace = true` for the path",
                entry.path,
                entry.origin,
                origin_of(origins, &entry.path)
            );
        }
        Ok(())
    }
}

fn origin_of(origins: &HashMap<TreePath, String>, path: &TreePath) -> String {
    origins.get(path).map_or_else(String::new, |origin| format!(" ({origin})"))
}

/// The last entry of each path, sorted by path, so that parents come before their children.
fn last_of_each_path(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.reverse();
    entries.sort_by(|a, b| a.path.cmp(&b.path)); // stable: of several entries of a path, the last is now the first
    entries.dedup_by(|later, first| later.path == first.path);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inode::{Attributes, Content};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn layer(name: &str, entries: &[(&str, EntryKind, bool)]) -> Layer {
        let mut layer = Layer::new(name);
        for (at, kind, replace) in entries {
            layer.push(path(at), kind.clone(), 0o644);
            layer.entries.last_mut().unwrap().replace = *replace;
        }
        layer
    }

    fn file(text: &str) -> EntryKind {
        EntryKind::File(Content::from(text))
    }

    fn refusal(layers: Vec<Layer>) -> String {
        format!("{:#}", Tree::merge(layers).unwrap_err())
    }

    #[test]
    fn the_upper_layer_wins_if_it_says_replace() {
        let below = layer("world", &[("etc/motd", file("old"), false)]);
        let tree =
            Tree::merge(vec![below.clone(), layer("overlay", &[("etc/motd", file("new"), true)])]).unwrap();
        assert_eq!(tree.read(&path("etc/motd")).unwrap(), b"new");

        let error = refusal(vec![below, layer("overlay", &[("etc/motd", file("new"), false)])]);
        assert!(
            error.contains("`overlay`") && error.contains("`world`") && error.contains("replace = true"),
            "{error}"
        );
    }

    #[test]
    fn a_file_never_replaces_a_directory() {
        let below = layer("world", &[("etc/ssh/moduli", file("m"), false)]);
        let error = refusal(vec![below, layer("overlay", &[("etc/ssh", file("oops"), true)])]);
        assert!(error.contains("one cannot replace the other"), "{error}");
    }

    #[test]
    fn nothing_can_be_below_a_symbolic_link() {
        let below = layer("world", &[("tmp", EntryKind::Symlink("var/tmp".into()), false)]);
        let error = refusal(vec![below, layer("overlay", &[("tmp/x", file("x"), false)])]);
        assert!(error.contains("/tmp, which is a link of layer `world`"), "{error}");
    }

    #[test]
    fn the_last_entry_of_a_layer_wins_and_parents_may_come_later() {
        let world = layer(
            "world",
            &[
                ("a/b/c", file("first"), false),
                ("a/b/c", file("last"), false),
                ("a/b", EntryKind::Directory, false),
            ],
        );
        let tree = Tree::merge(vec![world]).unwrap();
        assert_eq!(tree.read(&path("a/b/c")).unwrap(), b"last");
        assert!(tree.is_dir(&path("a/b")));
    }

    #[test]
    fn an_implicit_directory_keeps_the_lower_layers_attributes() {
        let mut world = Layer::new("world");
        world.push(path("root"), EntryKind::Directory, 0o750);
        let mut overlay = layer("overlay", &[("root", EntryKind::Directory, false)]);
        overlay.entries[0].implicit = true;
        let tree = Tree::merge(vec![world, overlay]).unwrap();
        assert_eq!(tree.get(&path("root")).unwrap().attributes, Attributes::root(0o750));
    }

    #[test]
    fn a_hard_link_needs_its_target() {
        let link = EntryKind::HardLink(path("bin/["));
        let good = layer("world", &[("bin/[", file("elf"), false), ("bin/test", link.clone(), false)]);
        let tree = Tree::merge(vec![good]).unwrap();
        let ids: Vec<_> = tree.walk(&path("bin")).skip(1).map(|(_, id)| id).collect();
        assert_eq!(ids[0], ids[1]);
        let error = refusal(vec![layer("world", &[("bin/test", link, false)])]);
        assert!(error.contains("hard link to /bin/["), "{error}");
    }
}
