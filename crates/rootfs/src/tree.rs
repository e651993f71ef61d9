//! The content of a root file system in memory: [`Layer`]s merge into one [`Tree`], which is then transformed, and from which
//! a file system is written.
//!
//! Invariants: every path but the root has a parent that is a directory; a hard link is two paths with one inode.
//! The tree knows nothing of file systems, slots or the device.

use std::collections::BTreeMap;
use std::ops::Bound;

use anyhow::{Context, Result, bail};

pub use crate::inode::{Attributes, Content, Inode, InodeId, Kind, LayerId, Principal};
pub use crate::layer::{Entry, EntryKind, Layer};
pub use crate::path::TreePath;

/// The whole content of a root file system.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) names: BTreeMap<TreePath, InodeId>,
    inodes: Vec<Inode>,
    layers: Vec<String>,
}

impl Tree {
    /// A tree that contains only its root directory, and has no layer.
    pub(crate) fn empty() -> Self {
        let root = Inode { kind: Kind::Directory, attributes: Attributes::root(0o755), layer: LayerId(0) };
        Self {
            names: BTreeMap::from([(TreePath::root(), InodeId(0))]),
            inodes: vec![root],
            layers: Vec::new(),
        }
    }

    /// The layer called `name`, which is registered if it is new.
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

    /// The inode at `path`, to change it in place for all of its names.
    pub fn get_mut(&mut self, path: &TreePath) -> Option<&mut Inode> {
        self.names.get(path).map(|id| &mut self.inodes[id.0])
    }

    /// The id of the inode at `path`; hard links to one file have the same id.
    pub fn id(&self, path: &TreePath) -> Option<InodeId> {
        self.names.get(path).copied()
    }

    /// The inode with an id.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0]
    }

    /// All inodes, to change them; each is visited once.
    pub fn inodes_mut(&mut self) -> impl Iterator<Item = &mut Inode> {
        self.inodes.iter_mut()
    }

    /// Whether `path` is a directory.
    pub fn is_dir(&self, path: &TreePath) -> bool {
        matches!(self.get(path), Some(Inode { kind: Kind::Directory, .. }))
    }

    /// Every path with the id of its inode, parents before children. Paths with the same id are hard links to each other.
    pub fn names(&self) -> impl Iterator<Item = (&TreePath, InodeId)> {
        self.names.iter().map(|(path, id)| (path, *id))
    }

    /// `path` and everything below it, parents first.
    pub fn walk<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        let own = self.names.get_key_value(path).map(|(path, id)| (path, *id));
        own.into_iter().chain(self.below(path))
    }

    /// The entries of the directory `path`.
    pub fn children<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        let skip = if path.is_root() { 0 } else { path.as_str().len() + 1 };
        self.below(path).filter(move |(child, _)| !child.as_str()[skip..].contains('/'))
    }

    /// Everything below `path`, without `path` itself.
    fn below<'a>(&'a self, path: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, InodeId)> + 'a {
        // `/` sorts after some characters that names may contain, so what directly follows `path` need not be below it.
        // The paths that start with `path/` are adjacent, however.
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
    /// `path` is missing or not a regular file, or the host file with its bytes cannot be read.
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
    /// As [`Tree::read`], or the bytes are not UTF-8.
    pub fn read_text(&self, path: &TreePath) -> Result<String> {
        String::from_utf8(self.read(path)?).with_context(|| format!("reading {path} of the image as text"))
    }

    /// Puts an inode at `path`, in place of what is there (with everything below it). Missing parents are created as by
    /// [`Tree::make_dirs`].
    ///
    /// # Errors
    /// A parent of `path` is not a directory.
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

    /// Puts a regular file that is owned by `root:wheel`.
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

    /// Puts a symbolic link that is owned by `root:wheel`.
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_symlink(&mut self, layer: LayerId, path: &TreePath, target: &str) -> Result<()> {
        self.put(layer, path, Kind::Symlink(target.to_owned()), Attributes::root(0o755))
    }

    /// Appends text to the regular file at `path`, which keeps its mode and owner; a missing file is created with mode 0644.
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

    /// Creates the directory `path` and its parents if they are missing, owned by `root:wheel`. `path` gets `mode`, its parents
    /// get 0755.
    ///
    /// # Errors
    /// `path` or a parent of it is not a directory.
    pub fn make_dirs(&mut self, layer: LayerId, path: &TreePath, mode: u16) -> Result<()> {
        match self.get(path) {
            Some(Inode { kind: Kind::Directory, .. }) => Ok(()),
            Some(inode) => bail!(
                "creating the directory {path}: layer `{}` has a {} there",
                self.layer_name(inode.layer),
                inode.kind.word()
            ),
            None => self.put(layer, path, Kind::Directory, Attributes::root(mode)),
        }
    }

    pub(crate) fn make_parents(&mut self, layer: LayerId, path: &TreePath) -> Result<()> {
        match path.parent() {
            Some(parent) => self
                .make_dirs(layer, &parent, 0o755)
                .with_context(|| format!("putting {path} into the image")),
            None => Ok(()),
        }
    }

    /// Makes `path` a hard link to the regular file at `of`, in place of what is there.
    ///
    /// # Errors
    /// There is no regular file at `of`, or a parent of `path` is not a directory.
    pub fn link(&mut self, layer: LayerId, of: &TreePath, path: &TreePath) -> Result<()> {
        let id = self.id(of).filter(|id| matches!(self.inode(*id).kind, Kind::File(_)));
        let id = id.with_context(|| format!("linking {path} to {of}: there is no such file"))?;
        self.make_parents(layer, path)?;
        self.remove(path);
        self.names.insert(path.clone(), id);
        Ok(())
    }

    /// Removes `path` and everything below it; returns whether it existed.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let removed: Vec<TreePath> = self.walk(path).map(|(path, _)| path.clone()).collect();
        for path in removed.iter().filter(|path| !path.is_root()) {
            self.names.remove(path);
        }
        !removed.is_empty()
    }

    /// Moves `from` and everything below it to `to`, which must not exist. If `from` is missing, nothing happens.
    ///
    /// # Errors
    /// `to` exists, or a parent of it is not a directory.
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

    /// Copies `from` and everything below it to `to` as `cpio -dumpl` does: directories are new, with the same attributes, and
    /// everything else is a hard link, so the copy costs directory entries only. Existing files at `to` are replaced.
    ///
    /// # Errors
    /// `to` is within `from`, or a parent of it is not a directory.
    pub fn link_tree(&mut self, layer: LayerId, from: &TreePath, to: &TreePath) -> Result<()> {
        if to.is_within(from) {
            bail!("linking {from} to {to}: the target is within the source");
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

    /// Removes every empty directory below `path`, deepest first; `path` itself stays.
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

    fn path(text: &str) -> TreePath {
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
    fn walking_a_directory_skips_names_that_only_begin_alike() {
        let (tree, _) = sample();
        assert_eq!(list(&tree, "etc"), ["/etc", "/etc/local", "/etc/local/x", "/etc/rc.conf"]);
        let root = TreePath::root();
        let top: Vec<_> = tree.children(&root).map(|(path, _)| path.to_string()).collect();
        assert_eq!(top, ["/etc", "/etc-old", "/etc.d", "/usr"]);
        assert_eq!(tree.walk(&root).count(), tree.names().count());
    }

    #[test]
    fn a_linked_tree_shares_files_and_has_its_own_directories() {
        let (mut tree, layer) = sample();
        tree.link_tree(layer, &path("etc"), &path("conf/base/etc")).unwrap();
        assert_eq!(tree.names[&path("etc/rc.conf")], tree.names[&path("conf/base/etc/rc.conf")]);
        assert_ne!(tree.names[&path("etc/local")], tree.names[&path("conf/base/etc/local")]);
        assert!(tree.link_tree(layer, &path("etc"), &path("etc/local/again")).is_err());
    }

    #[test]
    fn a_move_includes_everything_below_and_never_overwrites() {
        let (mut tree, layer) = sample();
        tree.rename(layer, &path("usr/local/etc"), &path("etc/app")).unwrap();
        assert_eq!(list(&tree, "etc/app"), ["/etc/app", "/etc/app/app.conf"]);
        assert!(tree.get(&path("usr/local/etc")).is_none());
        let error = tree.rename(layer, &path("etc.d"), &path("etc")).unwrap_err().to_string();
        assert!(error.contains("layer `test` has a dir there"), "{error}");
    }

    #[test]
    fn pruning_keeps_the_directory_that_it_was_called_for() {
        let (mut tree, layer) = sample();
        tree.make_dirs(layer, &path("usr/share/doc/none"), 0o755).unwrap();
        tree.remove(&path("usr/local/etc/app.conf"));
        tree.prune_empty_dirs(&path("usr"));
        assert_eq!(list(&tree, "usr"), ["/usr"]);
    }

    #[test]
    fn a_file_cannot_be_a_parent() {
        let (mut tree, layer) = sample();
        let error = tree.put_file(layer, &path("etc/rc.conf/x"), "", 0o644).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("putting /etc/rc.conf/x") && text.contains("has a file there"), "{text}");
    }
}
