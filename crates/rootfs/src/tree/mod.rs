//! The image's content in memory: layers merge into one [`Tree`], the rules of NanoBSD transform it, and the file
//! system is written from it.
//!
//! Invariants: every path but the root has a parent that is a directory; a hard link is two paths with one inode.
//! The tree knows nothing of file systems, slots or the device.

mod inode;
mod layer;
mod merge;
mod owners;
mod path;

use std::collections::BTreeMap;
use std::ops::Bound;

use anyhow::{Context, Result, bail};

pub use inode::{Attributes, Content, Inode, Kind, Principal};
pub use layer::{Entry, EntryKind, Layer};
pub use path::TreePath;

/// Which layer something came from: an index into the layers of its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(usize);

/// An inode of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(usize);

/// The whole content of a slot.
#[derive(Clone, Debug)]
pub struct Tree {
    names: BTreeMap<TreePath, InodeId>,
    inodes: Vec<Inode>,
    layers: Vec<String>,
}

impl Tree {
    /// A tree with nothing but its root directory, and no layer.
    fn empty() -> Self {
        let root = Inode { kind: Kind::Directory, attributes: Attributes::root(0o755), layer: LayerId(0) };
        Self {
            names: BTreeMap::from([(TreePath::root(), InodeId(0))]),
            inodes: vec![root],
            layers: Vec::new(),
        }
    }

    /// Registers a layer for what is put into the tree from now on; a name that is there already is used again.
    pub fn layer(&mut self, name: &str) -> LayerId {
        if let Some(at) = self.layers.iter().position(|known| known == name) {
            return LayerId(at);
        }
        self.layers.push(name.to_owned());
        LayerId(self.layers.len() - 1)
    }

    /// The name of a layer.
    pub fn layer_name(&self, layer: LayerId) -> &str {
        self.layers.get(layer.0).map_or("?", String::as_str)
    }

    /// The inode at `path`. Symbolic links are not followed.
    pub fn get(&self, path: &TreePath) -> Option<&Inode> {
        self.names.get(path).map(|id| &self.inodes[id.0])
    }

    /// The same, to change its attributes in place (for every name that it has).
    pub fn get_mut(&mut self, path: &TreePath) -> Option<&mut Inode> {
        self.names.get(path).map(|id| &mut self.inodes[id.0])
    }

    /// What `path` names; two names of one file have the same.
    pub fn id(&self, path: &TreePath) -> Option<InodeId> {
        self.names.get(path).copied()
    }

    /// The inode of an id.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0]
    }

    /// All inodes that a name stands for, to change; each is visited once.
    pub fn inodes_mut(&mut self) -> impl Iterator<Item = &mut Inode> {
        self.inodes.iter_mut()
    }

    /// Whether there is a directory at `path`.
    pub fn is_dir(&self, path: &TreePath) -> bool {
        matches!(self.get(path), Some(Inode { kind: Kind::Directory, .. }))
    }

    /// Every path with its inode, parents before children; paths with one id are hard links to each other.
    pub fn names(&self) -> impl Iterator<Item = (&TreePath, InodeId)> {
        self.names.iter().map(|(path, id)| (path, *id))
    }

    /// `path` and all that lies below it, parents first.
    pub fn walk<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        let own = self.names.get_key_value(path).map(|(path, id)| (path, *id));
        own.into_iter().chain(self.below(path))
    }

    /// What lies directly in the directory `path`.
    pub fn children<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        let skip = if path.is_root() { 0 } else { path.as_str().len() + 1 };
        self.below(path).filter(move |(child, _)| !child.as_str()[skip..].contains('/'))
    }

    /// All that lies below `path`, without it.
    fn below<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        // `/` sorts after some characters that names begin with, so the names below `path` are those that start
        // with `path/`, which lie side by side, and not those that simply follow it.
        let prefix = if path.is_root() { String::new() } else { format!("{}/", path.as_str()) };
        let first = TreePath::parse(&prefix).unwrap_or_else(|_| TreePath::root());
        self.names
            .range((Bound::Excluded(first), Bound::Unbounded))
            .skip_while({
                let prefix = prefix.clone();
                move |(name, _)| name.as_str() < prefix.as_str()
            })
            .take_while(move |(name, _)| name.as_str().starts_with(&prefix))
            .map(|(name, id)| (name, *id))
    }

    /// The bytes of the regular file at `path`.
    ///
    /// # Errors
    /// Nothing there, not a regular file, or the host file behind it cannot be read.
    pub fn read(&self, path: &TreePath) -> Result<Vec<u8>> {
        match self.get(path) {
            Some(Inode { kind: Kind::File(content), .. }) => content.read(),
            Some(inode) => bail!("reading {path} of the image: it is a {}, not a file", inode.kind.word()),
            None => bail!("reading {path} of the image: there is no such file"),
        }
    }

    /// The text of the regular file at `path`.
    ///
    /// # Errors
    /// As [`Tree::read`], or it is not UTF-8.
    pub fn read_text(&self, path: &TreePath) -> Result<String> {
        String::from_utf8(self.read(path)?).with_context(|| format!("reading {path} of the image as text"))
    }

    /// Puts an inode at `path`, in place of whatever name was there (a directory's content goes with it); parents
    /// that lack are made as by [`Tree::make_dirs`].
    ///
    /// # Errors
    /// A parent of `path` is something else than a directory.
    pub fn put(&mut self, layer: LayerId, path: &TreePath, kind: Kind, attributes: Attributes) -> Result<()> {
        self.make_parents(layer, path)?;
        let stays = matches!(kind, Kind::Directory) && self.is_dir(path);
        if !stays && !path.is_root() {
            self.remove(path);
        }
        let id = InodeId(self.inodes.len());
        self.inodes.push(Inode { kind, attributes, layer });
        self.names.insert(path.clone(), id);
        Ok(())
    }

    /// Puts a regular file that is owned by root.
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_file(
        &mut self,
        layer: LayerId,
        path: &TreePath,
        content: impl Into<Content>,
        mode: u16,
    ) -> Result<()> {
        self.put(layer, path, Kind::File(content.into()), Attributes::root(mode))
    }

    /// Puts a symbolic link that is owned by root.
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_symlink(&mut self, layer: LayerId, path: &TreePath, target: &str) -> Result<()> {
        self.put(layer, path, Kind::Symlink(target.to_owned()), Attributes::root(0o755))
    }

    /// Adds text at the end of the regular file at `path`, which is made (0644) when it is not there; mode and owner
    /// of a file that is there stay.
    ///
    /// # Errors
    /// As [`Tree::read_text`] and [`Tree::put`].
    pub fn append(&mut self, layer: LayerId, path: &TreePath, text: &str) -> Result<()> {
        let (mut bytes, attributes) = match self.get(path) {
            Some(inode) => (self.read(path)?, inode.attributes.clone()),
            None => (Vec::new(), Attributes::root(0o644)),
        };
        bytes.extend_from_slice(text.as_bytes());
        self.put(layer, path, Kind::File(bytes.into()), attributes)
    }

    /// Makes the directory `path` and its parents where they lack: `root:wheel`, `mode` for the last, 0755 above.
    ///
    /// # Errors
    /// `path` or a parent of it is something else than a directory.
    pub fn make_dirs(&mut self, layer: LayerId, path: &TreePath, mode: u16) -> Result<()> {
        match self.get(path) {
            Some(Inode { kind: Kind::Directory, .. }) => Ok(()),
            Some(inode) => bail!(
                "making the directory {path}: layer `{}` has a {} there",
                self.layer_name(inode.layer),
                inode.kind.word()
            ),
            None => self.put(layer, path, Kind::Directory, Attributes::root(mode)),
        }
    }

    fn make_parents(&mut self, layer: LayerId, path: &TreePath) -> Result<()> {
        match path.parent() {
            Some(parent) => self
                .make_dirs(layer, &parent, 0o755)
                .with_context(|| format!("putting {path} into the image")),
            None => Ok(()),
        }
    }

    /// Makes `path` one more name of the file at `of`, in place of what was there.
    ///
    /// # Errors
    /// There is no file at `of`, or a parent of `path` is something else than a directory.
    pub fn link(&mut self, layer: LayerId, of: &TreePath, path: &TreePath) -> Result<()> {
        let id = self.id(of).filter(|id| matches!(self.inode(*id).kind, Kind::File(_)));
        let id = id.with_context(|| format!("linking {path} to {of}: there is no such file"))?;
        self.make_parents(layer, path)?;
        self.remove(path);
        self.names.insert(path.clone(), id);
        Ok(())
    }

    /// Removes `path` and all below it; says whether there was anything.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let gone: Vec<TreePath> = self.walk(path).map(|(path, _)| path.clone()).collect();
        for path in gone.iter().filter(|path| !path.is_root()) {
            self.names.remove(path);
        }
        !gone.is_empty()
    }

    /// Moves `from` with all below it to `to`, where nothing may be yet; nothing happens when `from` is not there.
    ///
    /// # Errors
    /// There is something at `to` already, or a parent of it is not a directory.
    pub fn rename(&mut self, layer: LayerId, from: &TreePath, to: &TreePath) -> Result<()> {
        if let Some(inode) = self.get(to) {
            bail!(
                "moving {from} to {to}: layer `{}` has a {} there",
                self.layer_name(inode.layer),
                inode.kind.word()
            );
        }
        self.make_parents(layer, to)?;
        let moved: Vec<(TreePath, InodeId)> = self.walk(from).map(|(path, id)| (path.clone(), id)).collect();
        for (path, id) in moved {
            self.names.remove(&path);
            let path = path.rebase(from, to).context("moving within the tree")?;
            self.names.insert(path, id);
        }
        Ok(())
    }

    /// Repeats the tree below `from` at `to` as `cpio -dumpl` does: directories anew with the same attributes, all
    /// else as hard links, so that it costs directory entries only. What is at `to` already is replaced.
    ///
    /// # Errors
    /// `to` lies within `from`, or a parent of it is not a directory.
    pub fn link_tree(&mut self, layer: LayerId, from: &TreePath, to: &TreePath) -> Result<()> {
        if to.is_within(from) {
            bail!("linking {from} to {to}: the target lies within the source");
        }
        let source: Vec<(TreePath, InodeId)> = self.walk(from).map(|(path, id)| (path.clone(), id)).collect();
        for (path, id) in source {
            let path = path.rebase(from, to).context("linking within the tree")?;
            let inode = self.inode(id).clone();
            if matches!(inode.kind, Kind::Directory) {
                self.put(layer, &path, Kind::Directory, inode.attributes)?;
            } else {
                self.make_parents(layer, &path)?;
                self.remove(&path);
                self.names.insert(path, id);
            }
        }
        Ok(())
    }

    /// Removes every directory below `path` that holds nothing, deepest first; `path` itself stays.
    pub fn prune_empty_dirs(&mut self, path: &TreePath) {
        let dirs: Vec<TreePath> = self
            .walk(path)
            .filter(|(found, id)| *found != path && matches!(self.inode(*id).kind, Kind::Directory))
            .map(|(found, _)| found.clone())
            .collect();
        for dir in dirs.iter().rev() {
            if self.children(dir).next().is_none() {
                self.names.remove(dir);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn list(tree: &Tree, under: &str) -> Vec<String> {
        tree.walk(&path(under)).map(|(path, _)| path.to_string()).collect()
    }

    fn sample() -> (Tree, LayerId) {
        let mut tree = Tree::empty();
        let layer = tree.layer("test");
        for file in ["etc/rc.conf", "etc/local/x", "etc-old/y", "etc.d/z", "usr/local/etc/app.conf"] {
            tree.put_file(layer, &path(file), file, 0o644).unwrap();
        }
        (tree, layer)
    }

    #[test]
    fn walking_a_directory_leaves_out_its_namesakes() {
        let (tree, _) = sample();
        assert_eq!(list(&tree, "etc"), ["/etc", "/etc/local", "/etc/local/x", "/etc/rc.conf"]);
        let root = TreePath::root();
        let top: Vec<_> = tree.children(&root).map(|(path, _)| path.to_string()).collect();
        assert_eq!(top, ["/etc", "/etc-old", "/etc.d", "/usr"]);
        assert_eq!(tree.walk(&root).count(), tree.names().count());
    }

    #[test]
    fn a_linked_tree_shares_files_and_owns_directories() {
        let (mut tree, layer) = sample();
        tree.link_tree(layer, &path("etc"), &path("conf/base/etc")).unwrap();
        assert_eq!(tree.names[&path("etc/rc.conf")], tree.names[&path("conf/base/etc/rc.conf")]);
        assert_ne!(tree.names[&path("etc/local")], tree.names[&path("conf/base/etc/local")]);
        assert!(tree.link_tree(layer, &path("etc"), &path("etc/local/again")).is_err());
    }

    #[test]
    fn a_move_takes_all_below_and_never_overwrites() {
        let (mut tree, layer) = sample();
        tree.rename(layer, &path("usr/local/etc"), &path("etc/app")).unwrap();
        assert_eq!(list(&tree, "etc/app"), ["/etc/app", "/etc/app/app.conf"]);
        assert!(tree.get(&path("usr/local/etc")).is_none());
        let error = tree.rename(layer, &path("etc.d"), &path("etc")).unwrap_err().to_string();
        assert!(error.contains("layer `test` has a dir there"), "{error}");
    }

    #[test]
    fn pruning_goes_up_to_the_directory_it_was_asked_for() {
        let (mut tree, layer) = sample();
        tree.make_dirs(layer, &path("usr/share/doc/none"), 0o755).unwrap();
        tree.remove(&path("usr/local/etc/app.conf"));
        tree.prune_empty_dirs(&path("usr"));
        assert_eq!(list(&tree, "usr"), ["/usr"]);
    }

    #[test]
    fn a_file_is_no_parent() {
        let (mut tree, layer) = sample();
        let error = tree.put_file(layer, &path("etc/rc.conf/x"), "", 0o644).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("putting /etc/rc.conf/x") && text.contains("has a file there"), "{text}");
    }
}
