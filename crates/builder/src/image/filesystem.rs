//! The tree as the UFS writer takes it, and file systems with no content of their own (`/cfg`, `/data`).

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use bsd_disk::units::Sectors;
use rootfs::tree::{Attributes, Content, Inode, InodeId, Kind, Principal, Tree, TreePath};

use crate::product::FileSystem;

/// newfs(8) parameters for a file system of `size`, all times being `time`.
pub fn params(filesystem: &FileSystem, size: Sectors, time: i64) -> ufs::Params {
    filesystem.params(size, time)
}

/// Turns `tree`, whose owners are numbers by now, into what the writer takes.
///
/// # Errors
/// A name or an attribute that UFS cannot hold.
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
        Principal::Name(name) => bail!("the owner `{name}` has no number yet"),
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
        Kind::File(Content::Bytes(bytes)) => ufs::Kind::File(ufs::Content::Bytes(bytes.clone())),
        Kind::File(Content::Host { path, size }) => {
            ufs::Kind::File(ufs::Content::Host { path: path.clone(), size: *size })
        }
        Kind::Symlink(target) => ufs::Kind::Symlink(target.clone().into_bytes()),
        Kind::CharDevice(device) => ufs::Kind::CharDevice(*device),
        Kind::BlockDevice(device) => ufs::Kind::BlockDevice(*device),
        Kind::Fifo => ufs::Kind::Fifo,
    }
}

/// Plans the file system of a slot.
///
/// # Errors
/// It does not fit: says by how much, which layers are largest, and what can be changed.
pub fn plan<'a>(tree: &Tree, content: &'a ufs::Tree, params: &'a ufs::Params) -> Result<ufs::Plan> {
    ufs::Plan::new(content, params).map_err(|error| {
        let Ok(needed) = ufs::minimum_size(content, params) else {
            return anyhow::Error::new(error).context("laying the slot's file system out");
        };
        let layers: Vec<String> = layer_sizes(tree)
            .into_iter()
            .take(4)
            .map(|layer| format!("{} {}", layer.name, report::size(layer.bytes)))
            .collect();
        anyhow::Error::new(error).context(format!(
            "laying the slot's file system out: a slot has {}, and its content needs at least {} ({} more); the largest \
             layers are {}; enlarge [media] size or [slices] code, or leave more of the world out with [world] options",
            report::size(params.size),
            report::size(needed),
            report::size(needed.saturating_sub(params.size)),
            layers.join(", ")
        ))
    })
}

/// What one layer puts into a slot.
#[derive(Clone, Debug)]
pub struct LayerSize {
    /// The layer.
    pub name: String,
    /// How many names, directories included.
    pub entries: u64,
    /// Bytes of its files, each inode counted once.
    pub bytes: u64,
}

/// The layers of `tree`, the largest first.
pub fn layer_sizes(tree: &Tree) -> Vec<LayerSize> {
    let mut sizes: HashMap<&str, LayerSize> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for (_, id) in tree.names() {
        let inode = tree.inode(id);
        let name = tree.layer_name(inode.layer);
        let size =
            sizes.entry(name).or_insert_with(|| LayerSize { name: name.to_owned(), entries: 0, bytes: 0 });
        size.entries += 1;
        if let (Kind::File(content), true) = (&inode.kind, seen.insert(id)) {
            size.bytes += content.size();
        }
    }
    let mut sizes: Vec<LayerSize> = sizes.into_values().collect();
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    sizes
}
