//! What changed from one build to another: by path, by layer, and in what is no file.
//!
//! Invariant: two builds without a difference hold the same paths in what a specification tells of them, and tell the
//! same facts. Only what both tell is compared: a specification has no boot code, an image no manifest. What that is, the
//! difference tells.

pub mod text;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use report::difference;
use serde::Serialize;

use crate::built::{Built, Facts, Layers, Node, Paths, UNKNOWN_LAYER, totals};

/// How paths are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// By layer, in each by path
    Path,
    /// What grew most first
    Size,
}

/// The difference of two builds.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// Whether there is none.
    pub same: bool,
    /// The one.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// What both tell and was compared: `manifest`, `card`, `slot`, `update`, `paths`, `layers`.
    pub compared: Vec<&'static str>,
    /// What is no file and differs.
    pub facts: Vec<Fact>,
    /// The paths that differ; `None` when one of the builds does not tell its paths.
    pub paths: Option<Vec<Change>>,
    /// All layers, by name; empty when one of the builds does not tell them.
    pub layers: Vec<LayerChange>,
    /// Of all layers.
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

/// A fact that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Of what: `manifest`, `card`, `slot` or `update`.
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// What it is in the one, `None` if it is not told there.
    pub a: Option<String>,
    /// What it is in the other.
    pub b: Option<String>,
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only the other build has it.
    Added,
    /// Only the one has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// A path that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The path.
    pub path: String,
    /// Its layer, in the other build where it has it.
    pub layer: String,
    /// What happened.
    pub change: Kind,
    /// Bytes that the build grew by here.
    pub delta: i64,
    /// What differs: `type`, `content`, `mode`, `owner`, `flags`, `link`, `device`,
    /// `names`: how many the file has.
    pub differs: Vec<&'static str>,
    /// What is there in the one.
    pub a: Option<Node>,
    /// What is there in the other.
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
    /// Paths in the one.
    pub paths_a: u64,
    /// Paths in the other.
    pub paths_b: u64,
    /// Bytes in the one.
    pub bytes_a: u64,
    /// Bytes in the other.
    pub bytes_b: u64,
    /// Bytes that it grew by.
    pub delta: i64,
}

impl LayerChange {
    /// Whether nothing happened in it.
    pub const fn is_same(&self) -> bool {
        self.added + self.removed + self.changed == 0
            && self.paths_a == self.paths_b
            && self.bytes_a == self.bytes_b
    }
}

/// Compares two builds, `by` telling how paths are sorted. Of images the files are read that have the same size on both
/// sides.
///
/// # Errors
/// A file of an image cannot be read, or the builds tell nothing that both of them have.
pub fn compare(a: &mut Built, b: &mut Built, by: By) -> Result<Diff> {
    if a.writable.is_some() && b.writable.is_some() {
        a.join_writable();
        b.join_writable();
    }
    if a.other_slot.is_some() && b.other_slot.is_some() && a.number == b.number {
        a.digest_other_slot();
        b.digest_other_slot();
    }
    read_content(a, b)?;
    let (mut compared, facts) = all_facts(a, b);
    let paths = match (&mut a.paths, &mut b.paths) {
        (Some(one), Some(other)) => {
            adopt_layers(one, other);
            adopt_layers(other, one);
            for (paths, layers) in [(&*one, &mut a.layers), (&*other, &mut b.layers)] {
                if layers.as_ref().is_none_or(|layers| layers.contains_key(UNKNOWN_LAYER)) {
                    *layers = Some(totals(paths));
                }
            }
            Some(changes(one, other, by))
        }
        _ => None,
    };
    let layers = match (&a.layers, &b.layers) {
        (Some(one), Some(other)) => layer_changes(one, other, paths.as_deref().unwrap_or_default()),
        _ => Vec::new(),
    };
    compared.extend(paths.is_some().then_some("paths"));
    compared.extend((!layers.is_empty()).then_some("layers"));
    ensure!(
        !compared.is_empty(),
        "comparing {} with {}: there is nothing that both tell of; a folder of a version tells most",
        a.source,
        b.source
    );
    // Where paths are known they have the last word: that one is of another layer now is no difference of the slot.
    let layers_differ = paths.is_none() && !layers.iter().all(LayerChange::is_same);
    Ok(Diff {
        same: facts.is_empty() && paths.as_ref().is_none_or(Vec::is_empty) && !layers_differ,
        a: Side { name: a.name.clone(), source: a.source.clone() },
        b: Side { name: b.name.clone(), source: b.source.clone() },
        compared,
        facts,
        paths,
        total: total(&layers),
        layers,
    })
}

/// Reads the files whose content has to be compared.
fn read_content(a: &mut Built, b: &mut Built) -> Result<()> {
    let (Some(one), Some(other)) = (&a.paths, &b.paths) else { return Ok(()) };
    let wanted: Vec<String> = one
        .iter()
        .filter(|(path, node)| {
            node.is_file() && other.get(*path).is_some_and(|other| other.is_file() && other.size == node.size)
        })
        .map(|(path, _)| path.clone())
        .collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    a.hash(&wanted)?;
    b.hash(&wanted)
}

/// A path whose layer one build does not tell has, as far as anyone knows, the layer that it has in the other.
fn adopt_layers(paths: &mut Paths, from: &Paths) {
    for (path, node) in paths.iter_mut().filter(|(_, node)| node.layer.is_none()) {
        node.layer = from.get(path).and_then(|other| other.layer.clone());
    }
}

/// What both builds have facts of, and which of these differ.
fn all_facts(a: &Built, b: &Built) -> (Vec<&'static str>, Vec<Fact>) {
    let groups = [
        ("manifest", &a.manifest, &b.manifest),
        ("card", &a.card, &b.card),
        ("slot", &a.slot, &b.slot),
        ("update", &a.update, &b.update),
    ];
    let (mut compared, mut facts) = (Vec::new(), Vec::new());
    for (of, one, other) in groups {
        // What the facts of a card leave out depends on the slot.
        let (Some(one), Some(other)) = (one, other) else { continue };
        if of != "card" || a.number == b.number {
            compared.push(of);
            facts.extend(fact_changes(of, one, other));
        }
    }
    (compared, facts)
}

/// The facts of one kind that differ, in the order of `a`, then what only `b` has.
fn fact_changes(of: &'static str, a: &Facts, b: &Facts) -> Vec<Fact> {
    let find = |facts: &Facts, wanted: &str| {
        facts.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let only_b = b.iter().filter(|(name, _)| find(a, name).is_none());
    let names = a.iter().chain(only_b).map(|(name, _)| name.clone());
    names
        .map(|name| Fact { of, a: find(a, &name), b: find(b, &name), name })
        .filter(|fact| fact.a != fact.b)
        .collect()
}

fn changes(a: &Paths, b: &Paths, by: By) -> Vec<Change> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut changes: Vec<Change> =
        names.into_iter().filter_map(|path| change(path, a.get(path), b.get(path))).collect();
    match by {
        By::Path => changes.sort_by(|a, b| (&a.layer, &a.path).cmp(&(&b.layer, &b.path))),
        By::Size => changes.sort_by(|a, b| b.delta.cmp(&a.delta).then_with(|| a.path.cmp(&b.path))),
    }
    changes
}

fn change(path: &str, a: Option<&Node>, b: Option<&Node>) -> Option<Change> {
    let (kind, differs) = match (a, b) {
        (Some(a), Some(b)) => (Kind::Changed, differs(a, b)),
        (None, _) => (Kind::Added, Vec::new()),
        (_, None) => (Kind::Removed, Vec::new()),
    };
    if kind == Kind::Changed && differs.is_empty() {
        return None;
    }
    let bytes = |node: Option<&Node>| node.map_or(0, Node::own_bytes);
    Some(Change {
        path: path.to_owned(),
        layer: b.or(a).map_or(UNKNOWN_LAYER, Node::layer).to_owned(),
        change: kind,
        delta: difference(bytes(a), bytes(b)),
        differs,
        a: a.cloned(),
        b: b.cloned(),
    })
}

fn differs(a: &Node, b: &Node) -> Vec<&'static str> {
    let same_kind = a.kind == b.kind;
    let content = a.size != b.size || a.sha256 != b.sha256;
    [
        ("type", !same_kind),
        ("content", same_kind && a.is_file() && content),
        ("mode", a.mode != b.mode),
        ("owner", (a.uid, a.gid) != (b.uid, b.gid)),
        ("flags", a.flags != b.flags),
        ("link", same_kind && a.link != b.link),
        ("device", same_kind && a.device != b.device),
        ("names", same_kind && a.names != b.names),
    ]
    .into_iter()
    .filter_map(|(what, is_so)| is_so.then_some(what))
    .collect()
}

fn layer_changes(a: &Layers, b: &Layers, changes: &[Change]) -> Vec<LayerChange> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let change = |name: &String| {
        let (one, other) =
            (a.get(name).copied().unwrap_or_default(), b.get(name).copied().unwrap_or_default());
        let count = |kind| {
            changes.iter().filter(|change| change.layer == *name && change.change == kind).count() as u64
        };
        LayerChange {
            name: name.clone(),
            added: count(Kind::Added),
            removed: count(Kind::Removed),
            changed: count(Kind::Changed),
            paths_a: one.paths,
            paths_b: other.paths,
            bytes_a: one.bytes,
            bytes_b: other.bytes,
            delta: difference(one.bytes, other.bytes),
        }
    };
    names.into_iter().map(change).collect()
}

fn total(layers: &[LayerChange]) -> LayerChange {
    let sum = |of: fn(&LayerChange) -> u64| layers.iter().map(of).fold(0, u64::saturating_add);
    LayerChange {
        name: "total".to_owned(),
        added: sum(|layer| layer.added),
        removed: sum(|layer| layer.removed),
        changed: sum(|layer| layer.changed),
        paths_a: sum(|layer| layer.paths_a),
        paths_b: sum(|layer| layer.paths_b),
        bytes_a: sum(|layer| layer.bytes_a),
        bytes_b: sum(|layer| layer.bytes_b),
        delta: layers.iter().map(|layer| layer.delta).fold(0, i64::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::built::Built;

    const ROOT: &str = "#mtree 2.0\n. type=dir mode=0755\n";

    fn built(lines: &str) -> Built {
        Built::specified("x", &format!("{ROOT}{lines}")).unwrap()
    }

    fn diff(a: &str, b: &str) -> Diff {
        compare(&mut built(a), &mut built(b), By::Path).unwrap()
    }

    #[test]
    fn whatever_a_specification_tells_of_a_path_is_compared() {
        let file = "./a type=file uid=0 gid=0 mode=0644 flags=none nlink=1 size=1 sha256=aa\n";
        for (from, to, differs) in [
            ("uid=0", "uid=1", vec!["owner"]),
            ("gid=0", "gid=5", vec!["owner"]),
            ("0644", "4755", vec!["mode"]),
            ("flags=none", "flags=schg", vec!["flags"]),
            ("nlink=1", "nlink=2", vec!["names"]),
            ("size=1", "size=2", vec!["content"]),
            ("=aa", "=bb", vec!["content"]),
            ("type=file", "type=fifo", vec!["type"]),
            ("mode=0644 flags=none", "mode=0600 flags=uchg", vec!["mode", "flags"]),
        ] {
            let changed = diff(file, &file.replace(from, to)).paths.unwrap();
            assert_eq!((changed.len(), &changed[0].differs), (1, &differs), "{from} {to}");
        }
        let device = "./null type=char mode=0666 device=0xd06\n";
        let changed = diff(device, &device.replace("d06", "d07")).paths.unwrap();
        assert_eq!(changed[0].differs, ["device"]);
        let text = text::text(&diff(device, &device.replace("d06", "d07")), By::Path);
        assert!(text.contains("/null  device 0xd06 -> 0xd07\n"), "{text}");
        assert!(diff(file, file).same);
    }

    #[test]
    fn a_layer_that_one_build_does_not_tell_is_that_of_the_other() {
        let tagged = "./a type=file mode=0644 size=1 tags=layer=world\n./b type=file mode=0644 size=2 tags=layer=site\n";
        let diff = diff("./a type=file mode=0644 size=4\n./c type=file mode=0644 size=8\n", tagged);
        let paths = diff.paths.unwrap();
        let layers: Vec<(&str, &str)> = paths.iter().map(|change| (&*change.path, &*change.layer)).collect();
        assert_eq!(layers, [("/c", "?"), ("/b", "site"), ("/a", "world")]);
        let bytes: Vec<_> =
            diff.layers.iter().map(|layer| (&*layer.name, layer.bytes_a, layer.bytes_b)).collect();
        assert_eq!(bytes, [("?", 8, 0), ("site", 0, 2), ("world", 4, 1)]);
        assert_eq!(diff.total.delta, -9);
    }

    #[test]
    fn names_of_one_file_count_once_and_a_new_name_is_told() {
        let one = "./a type=file mode=0644 nlink=1 size=9 sha256=aa\n";
        let two = "./a type=file mode=0644 nlink=2 size=9 sha256=aa\n./d/a type=file mode=0644 nlink=2 size=9 sha256=aa\n";
        let diff = diff(one, two);
        assert_eq!(diff.total.delta, 0);
        let text = text::text(&diff, By::Path);
        assert!(text.contains("  ~              /a  names 1 -> 2\n"), "{text}");
        assert!(text.contains("  +              /d/a  one file with /a\n"), "{text}");
    }

    #[test]
    fn what_an_image_claims_neither_overflows_nor_reaches_the_terminal() {
        let huge =
            format!("./a type=file mode=0644 size={0}\n./\\033[2J type=file mode=0644 size={0}\n", u64::MAX);
        let diff = diff("", &huge);
        assert_eq!((diff.total.bytes_b, diff.total.delta), (u64::MAX, i64::MAX));
        let text = text::text(&diff, By::Size);
        assert!(text.contains("\\u{1b}[2J") && !text.contains('\x1b'), "{text}");
    }
}
