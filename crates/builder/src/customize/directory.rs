//! A tree as a directory that programs may change, and what they changed.
//!
//! The directory has names, types, content and permission bits. Owners, flags, devices and set-id bits stay with the tree.
//! The user may read and write everything in it, so that root is not needed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rootfs::tree::{Attributes, Content, Inode, InodeId, Kind, LayerId, Tree, TreePath};
use walkdir::WalkDir;

/// The permission bits that files get on the host. Programs of the image are not set-id there.
const HOST_BITS: u16 = 0o1777;

/// A tree that was written to a directory.
pub struct TreeDirectory {
    root: PathBuf,
    /// The mode of each path on the host when it was last read.
    modes: HashMap<TreePath, u32>,
    /// Devices and pipes, which stay with the tree.
    kept: HashSet<TreePath>,
}

impl TreeDirectory {
    /// Writes `tree` into the empty directory `root`.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn write(tree: &Tree, root: &Path) -> Result<Self> {
        let mut directory = Self { root: root.to_owned(), modes: HashMap::new(), kept: HashSet::new() };
        let mut files: HashMap<InodeId, PathBuf> = HashMap::new();
        for (path, id) in tree.names().filter(|(path, _)| !path.is_root()) {
            let host_path = root.join(path.as_str());
            let inode = tree.inode(id);
            let attempt = || format!("writing {path} of the image to {}", host_path.display());
            match &inode.kind {
                Kind::Directory => fs::create_dir(&host_path).with_context(attempt)?,
                Kind::File(content) => match files.get(&id) {
                    Some(first) => {
                        fs::hard_link(first, &host_path).with_context(attempt)?;
                        directory.look(path)?;
                        continue;
                    }
                    None => {
                        match content {
                            Content::Bytes(bytes) => fs::write(&host_path, bytes),
                            Content::Host { path, .. } => fs::copy(path, &host_path).map(|_| ()),
                        }
                        .with_context(attempt)?;
                        files.insert(id, host_path.clone());
                    }
                },
                Kind::Symlink(target) => {
                    symlink(target, &host_path).with_context(attempt)?;
                    continue;
                }
                Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo => {
                    directory.kept.insert(path.clone());
                    continue;
                }
            }
            let own = if matches!(inode.kind, Kind::Directory) { 0o700 } else { 0o600 };
            let mode = u32::from(inode.attributes.mode & HOST_BITS | own);
            fs::set_permissions(&host_path, Permissions::from_mode(mode)).with_context(attempt)?;
            directory.look(path)?;
        }
        Ok(directory)
    }

    /// Records the mode of a path on the host.
    fn look(&mut self, path: &TreePath) -> Result<()> {
        let host_path = self.root.join(path.as_str());
        let metadata =
            fs::symlink_metadata(&host_path).with_context(|| format!("reading {}", host_path.display()))?;
        self.modes.insert(path.clone(), metadata.mode() & 0o7777);
        Ok(())
    }

    /// Takes all changes since the directory was last read or written into `tree`, as parts of `layer`. New files belong to
    /// root. Files with other content keep their owners and flags, and new modes are taken over.
    ///
    /// # Errors
    /// The directory has something that an image cannot hold: a device, a pipe, or a name that is not UTF-8.
    pub fn read_back(&mut self, tree: &mut Tree, layer: LayerId) -> Result<()> {
        let mut found = HashSet::new();
        let mut files: HashMap<(u64, u64), TreePath> = HashMap::new();
        for entry in WalkDir::new(&self.root).min_depth(1).sort_by_file_name() {
            let entry = entry.with_context(|| format!("reading {}", self.root.display()))?;
            let metadata = entry.metadata().with_context(|| format!("reading {}", entry.path().display()))?;
            let Some(name) = entry.path().strip_prefix(&self.root)?.to_str() else {
                bail!("the name of {} is not UTF-8", entry.path().display());
            };
            let path = TreePath::parse(name)?;
            let mode = metadata.mode() & 0o7777;
            let mode_changed = self.modes.get(&path).is_none_or(|previous| *previous != mode);
            let bits = u16::try_from(mode)?;
            if metadata.is_symlink() {
                let target = fs::read_link(entry.path())?;
                let target =
                    target.to_str().with_context(|| format!("the target of the link {path} is not UTF-8"))?;
                if !matches!(tree.get(&path), Some(Inode { kind: Kind::Symlink(previous), .. }) if previous == target)
                {
                    tree.put_symlink(layer, &path, target)?;
                }
            } else if metadata.is_dir() {
                if !tree.is_dir(&path) {
                    tree.put(layer, &path, Kind::Directory, Attributes::root(bits))?;
                } else if mode_changed {
                    set_mode(tree, &path, bits);
                }
                self.modes.insert(path.clone(), mode);
            } else if metadata.is_file() {
                let identity = (metadata.dev(), metadata.ino());
                match files.get(&identity) {
                    Some(first) if tree.id(first) == tree.id(&path) => {}
                    Some(first) => tree.link(layer, &first.clone(), &path)?,
                    None => {
                        file(tree, layer, &path, entry.path(), metadata.len(), bits)?;
                        if mode_changed {
                            set_mode(tree, &path, bits);
                        }
                    }
                }
                files.entry(identity).or_insert_with(|| path.clone());
                self.modes.insert(path.clone(), mode);
            } else {
                bail!(
                    "{path} is not a file, directory or symbolic link: hooks cannot create devices or pipes"
                );
            }
            found.insert(path);
        }
        let gone: Vec<TreePath> = tree
            .names()
            .map(|(path, _)| path)
            .filter(|path| !path.is_root() && !found.contains(*path) && !self.kept.contains(*path))
            .cloned()
            .collect();
        for path in gone {
            tree.remove(&path);
            self.modes.remove(&path);
        }
        Ok(())
    }
}

/// Takes over the content of a file if it has changed.
fn file(tree: &mut Tree, layer: LayerId, path: &TreePath, host: &Path, size: u64, bits: u16) -> Result<()> {
    let read = || fs::read(host).with_context(|| format!("reading {}", host.display()));
    let attributes = match tree.get(path) {
        Some(Inode { kind: Kind::File(content), attributes, .. }) => {
            if content.size() == size && content.read()? == read()? {
                return Ok(());
            }
            attributes.clone()
        }
        _ => Attributes::root(bits),
    };
    tree.put(layer, path, Kind::File(read()?.into()), attributes)
}

fn set_mode(tree: &mut Tree, path: &TreePath, mode: u16) {
    if let Some(inode) = tree.get_mut(path) {
        inode.attributes.mode = mode;
    }
}
