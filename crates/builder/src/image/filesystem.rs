//! Trees and parameters in the form that the UFS writer takes.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use bsd_disk::units::Sectors;
use rootfs::tree::{Attributes, Content, Inode, InodeId, Kind, Principal, Tree, TreePath};

use crate::product::FileSystem;

/// newfs(8) parameters for a file system of `size`. All its times are `time`, in seconds since 1970.
pub fn params(filesystem: &FileSystem, size: Sectors, time: i64) -> ufs::Params {
    filesystem.params(size, time)
}

/// Converts `tree`, whose owners must be numbers.
///
/// # Errors
/// UFS cannot hold a name or an attribute.
pub fn convert(tree: &Tree) -> Result<ufs::Tree> {
    let root = tree.get(&TreePath::root()).context("the tree has no root")?;
    let mut out = ufs::Tree::new(meta(&root.attributes)?);
    let mut directories = HashMap::from([(TreePath::root(), out.root())]);
    let mut nodes: HashMap<InodeId, ufs::NodeId> = HashMap::new();
    for (path, id) in tree.names() {
        let Some(parent) = path.parent() else { continue };
        let parent = *directories.get(&parent).with_context(|| format!("{path} has no parent directory"))?;
        if let Some(node) = nodes.get(&id) {
            out.link(parent, path.name().as_bytes(), *node)?;
            continue;
        }
        let inode = tree.inode(id);
        let node = out.add(parent, path.name().as_bytes(), meta(&inode.attributes)?, kind(inode))?;
        if matches!(inode.kind, Kind::Directory) {
            directories.insert(path.clone(), node);
        } else {
            nodes.insert(id, node);
        }
    }
    Ok(out)
}

fn meta(attributes: &Attributes) -> Result<ufs::Meta> {
    let number = |principal: &Principal| match principal {
        Principal::Id(id) => Ok(*id),
        Principal::Name(name) => bail!("the owner `{name}` has no number"),
    };
    Ok(ufs::Meta {
        mode: attributes.mode,
        uid: number(&attributes.user)?,
        gid: number(&attributes.group)?,
        flags: attributes.flags,
        mtime: None,
    })
}

fn kind(inode: &Inode) -> ufs::Kind {
    match &inode.kind {
        Kind::Directory => ufs::Kind::Directory,
        Kind::File(file) => ufs::Kind::File(content(file)),
        Kind::Symlink(target) => ufs::Kind::Symlink(target.clone().into_bytes()),
        Kind::CharDevice(device) => ufs::Kind::CharDevice(*device),
        Kind::BlockDevice(device) => ufs::Kind::BlockDevice(*device),
        Kind::Fifo => ufs::Kind::Fifo,
    }
}

/// Converts the content of a file.
pub(super) fn content(content: &Content) -> ufs::Content {
    match content {
        Content::Bytes(bytes) => ufs::Content::Bytes(bytes.clone()),
        Content::Host { path, size } => ufs::Content::Host { path: path.clone(), size: *size },
    }
}
