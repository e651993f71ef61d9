//! The difference of two builds.

use clap::ValueEnum;
use serde::Serialize;

use crate::built::Node;

/// How paths are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// By layer, then by path
    Path,
    /// Largest growth first
    Size,
}

/// The difference of two builds.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// Whether there is no difference.
    pub same: bool,
    /// The first build.
    pub a: Side,
    /// The second build.
    pub b: Side,
    /// What both builds have and was compared: `manifest`, `card`, `slot`, `update`, `paths`, `layers`.
    pub compared: Vec<&'static str>,
    /// The properties that differ.
    #[serde(rename = "facts")]
    pub properties: Vec<PropertyChange>,
    /// The paths that differ; `None` if one of the builds does not list its paths.
    pub paths: Option<Vec<Change>>,
    /// All layers, by name; empty if one of the builds does not list them.
    pub layers: Vec<LayerChange>,
    /// The sum of all layers.
    pub total: LayerChange,
}

/// One of the builds.
#[derive(Debug, Serialize)]
pub struct Side {
    /// Its version, or the file.
    pub name: String,
    /// Where it was read.
    pub source: String,
}

/// A property that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// What has it: `manifest`, `card`, `slot` or `update`.
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// Its value in the first build; `None` if that does not have it.
    pub a: Option<String>,
    /// Its value in the second build.
    pub b: Option<String>,
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Only the second build has it.
    Added,
    /// Only the first build has it.
    Removed,
    /// Both have it, with a difference.
    Changed,
}

/// A path that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The path.
    pub path: String,
    /// Its layer, in the second build if that has the path.
    pub layer: String,
    /// What happened.
    pub change: ChangeKind,
    /// Growth in bytes.
    pub delta: i64,
    /// What differs: `type`, `content`, `mode`, `owner`, `flags`, `link`, `device`, `names` (the number of names).
    pub differs: Vec<&'static str>,
    /// What the first build has there.
    pub a: Option<Node>,
    /// What the second build has there.
    pub b: Option<Node>,
}

/// What happened in a layer.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct LayerChange {
    /// Its name.
    pub name: String,
    /// Paths that were added.
    pub added: u64,
    /// Paths that were removed.
    pub removed: u64,
    /// Paths that were changed.
    pub changed: u64,
    /// Paths in the first build.
    pub paths_a: u64,
    /// Paths in the second build.
    pub paths_b: u64,
    /// Bytes in the first build.
    pub bytes_a: u64,
    /// Bytes in the second build.
    pub bytes_b: u64,
    /// Growth in bytes.
    pub delta: i64,
}

impl LayerChange {
    /// Whether nothing changed in it.
    pub const fn is_same(&self) -> bool {
        self.added + self.removed + self.changed == 0
            && self.paths_a == self.paths_b
            && self.bytes_a == self.bytes_b
    }
}
