//! One path of a build, and what layers come to.

use std::collections::BTreeMap;

use serde::Serialize;

/// The layer of paths that no record tells of.
pub const UNKNOWN_LAYER: &str = "?";

/// By path from the root of the slot, `/etc/motd`; the root is `/`.
pub type Paths = BTreeMap<String, Node>;

/// By name.
pub type Layers = BTreeMap<String, LayerTotal>;

/// What is at a path, in the keywords that a specification has: no times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The word of mtree(5) for what it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The owning user.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Permission bits, octal.
    pub mode: String,
    /// File flags by their names.
    pub flags: String,
    /// Bytes of a file, 0 of anything else.
    pub size: u64,
    /// The digest of a file's content, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u64>,
    /// How many names a file has; 1 of anything else.
    pub names: u64,
    /// The path that this one is a further name of: its bytes count there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<String>,
    /// The layer that brought it, where it is known.
    #[serde(skip)]
    pub layer: Option<String>,
}

impl Node {
    /// The bytes that this path adds to the build.
    pub const fn own_bytes(&self) -> u64 {
        if self.shares.is_some() { 0 } else { self.size }
    }

    /// The layer.
    pub fn layer(&self) -> &str {
        self.layer.as_deref().unwrap_or(UNKNOWN_LAYER)
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == "file"
    }
}

/// What one layer has in a build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LayerTotal {
    /// Names, directories included.
    pub paths: u64,
    /// Bytes of files, each counted once.
    pub bytes: u64,
}

/// What the layers of `paths` come to.
pub fn totals(paths: &Paths) -> Layers {
    let mut layers = Layers::new();
    for node in paths.values() {
        let total = layers.entry(node.layer().to_owned()).or_default();
        total.paths += 1;
        total.bytes = total.bytes.saturating_add(node.own_bytes());
    }
    layers
}

/// The order in which names of one file are asked which of them it counts for: `/etc/ttys` before
/// `/conf/base/etc/ttys`.
pub fn rank(path: &str) -> (usize, &str) {
    (path.matches('/').count(), path)
}

/// Lets each of `names`, which name `files` files with the same content and attributes, count for one of them.
pub fn share(paths: &mut Paths, mut names: Vec<String>, files: usize) {
    names.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let files = files.clamp(1, names.len().max(1));
    for (index, name) in names.iter().enumerate().skip(files) {
        if let Some(node) = paths.get_mut(name) {
            node.shares = Some(names[index % files].clone());
        }
    }
}
