//! One path of a build, and the sizes of layers.

use std::collections::BTreeMap;

use serde::Serialize;

/// The layer of paths whose layer is unknown.
pub const UNKNOWN_LAYER: &str = "?";

/// Nodes by their path from the root of the slot, as `/etc/motd`; the root is `/`.
pub type Paths = BTreeMap<String, Node>;

/// Layers by name.
pub type Layers = BTreeMap<String, LayerTotal>;

/// What is at a path, in the keywords of a specification, without times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its type, in the words of mtree(5).
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
    /// Bytes of a file; 0 for anything else.
    pub size: u64,
    /// The SHA-256 of a file's content, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u64>,
    /// The number of names of a file; 1 for anything else.
    pub names: u64,
    /// The other name of the same file, for which its bytes count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<String>,
    /// The layer that it comes from, if it is known.
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

/// The size of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LayerTotal {
    /// Names, directories included.
    pub paths: u64,
    /// Bytes of files, each counted once.
    pub bytes: u64,
}

/// The size of each layer in `paths`.
pub fn totals(paths: &Paths) -> Layers {
    let mut layers = Layers::new();
    for node in paths.values() {
        let total = layers.entry(node.layer().to_owned()).or_default();
        total.paths += 1;
        total.bytes = total.bytes.saturating_add(node.own_bytes());
    }
    layers
}

/// The order of the names of a file, which counts for the first of them: `/etc/ttys` before `/conf/base/etc/ttys`.
pub fn rank(path: &str) -> (usize, &str) {
    (path.matches('/').count(), path)
}

/// Marks all but `files` of `names` as further names: they belong to that many files with equal content and attributes.
pub fn share(paths: &mut Paths, mut names: Vec<String>, files: usize) {
    names.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let files = files.clamp(1, names.len().max(1));
    for (index, name) in names.iter().enumerate().skip(files) {
        if let Some(node) = paths.get_mut(name) {
            node.shares = Some(names[index % files].clone());
        }
    }
}
