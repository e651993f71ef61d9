//! Finds the difference of two builds.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use report::difference;

use super::difference::{By, Change, ChangeKind, Diff, LayerChange, PropertyChange, Side};
use crate::built::{Built, Layers, Node, Paths, Properties, UNKNOWN_LAYER, totals};

/// Compares two builds and sorts the paths `by`. Files in images are read if their size is the same in both builds.
///
/// # Errors
/// A file of an image cannot be read, or the builds have no data in common.
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
    let (mut compared, properties) = compare_properties(a, b);
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
        "comparing {} with {}: the inputs have no data in common\nhint: pass version directories",
        a.source,
        b.source
    );
    // If paths are known, they decide: a path that moved to another layer is not a difference of the slot.
    let layers_differ = paths.is_none() && !layers.iter().all(LayerChange::is_same);
    Ok(Diff {
        same: properties.is_empty() && paths.as_ref().is_none_or(Vec::is_empty) && !layers_differ,
        a: Side { name: a.name.clone(), source: a.source.clone() },
        b: Side { name: b.name.clone(), source: b.source.clone() },
        compared,
        properties,
        paths,
        total: total(&layers),
        layers,
    })
}

/// Hashes the files whose content must be compared.
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

/// Gives each path of unknown layer the layer that it has in the other build.
fn adopt_layers(paths: &mut Paths, from: &Paths) {
    for (path, node) in paths.iter_mut().filter(|(_, node)| node.layer.is_none()) {
        node.layer = from.get(path).and_then(|other| other.layer.clone());
    }
}

/// The kinds of properties that both builds have, and the properties that differ.
fn compare_properties(a: &Built, b: &Built) -> (Vec<&'static str>, Vec<PropertyChange>) {
    let groups = [
        ("manifest", &a.manifest, &b.manifest),
        ("card", &a.card, &b.card),
        ("slot", &a.slot, &b.slot),
        ("update", &a.update, &b.update),
    ];
    let (mut compared, mut changes) = (Vec::new(), Vec::new());
    for (of, one, other) in groups {
        // The properties of a card exclude the examined slot.
        let (Some(one), Some(other)) = (one, other) else { continue };
        if of != "card" || a.number == b.number {
            compared.push(of);
            changes.extend(property_changes(of, one, other));
        }
    }
    (compared, changes)
}

/// The properties of one kind that differ, in the order of `a`, then those that only `b` has.
fn property_changes(of: &'static str, a: &Properties, b: &Properties) -> Vec<PropertyChange> {
    let find = |properties: &Properties, wanted: &str| {
        properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let only_b = b.iter().filter(|(name, _)| find(a, name).is_none());
    let names = a.iter().chain(only_b).map(|(name, _)| name.clone());
    names
        .map(|name| PropertyChange { of, a: find(a, &name), b: find(b, &name), name })
        .filter(|change| change.a != change.b)
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
        (Some(a), Some(b)) => (ChangeKind::Changed, differs(a, b)),
        (None, _) => (ChangeKind::Added, Vec::new()),
        (_, None) => (ChangeKind::Removed, Vec::new()),
    };
    if kind == ChangeKind::Changed && differs.is_empty() {
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
            added: count(ChangeKind::Added),
            removed: count(ChangeKind::Removed),
            changed: count(ChangeKind::Changed),
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
    use super::super::text;
    use super::*;

    const ROOT: &str = "#mtree 2.0\n. type=dir mode=0755\n";

    fn built(lines: &str) -> Built {
        Built::specified("x", &format!("{ROOT}{lines}")).unwrap()
    }

    fn diff(a: &str, b: &str) -> Diff {
        compare(&mut built(a), &mut built(b), By::Path).unwrap()
    }

    #[test]
    fn everything_that_a_specification_lists_is_compared() {
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
    fn an_unknown_layer_is_taken_from_the_other_build() {
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
    fn names_of_one_file_count_once_and_a_new_name_is_shown() {
        let one = "./a type=file mode=0644 nlink=1 size=9 sha256=aa\n";
        let two = "./a type=file mode=0644 nlink=2 size=9 sha256=aa\n./d/a type=file mode=0644 nlink=2 size=9 sha256=aa\n";
        let diff = diff(one, two);
        assert_eq!(diff.total.delta, 0);
        let text = text::text(&diff, By::Path);
        assert!(text.contains("  ~              /a  names 1 -> 2\n"), "{text}");
        assert!(text.contains("  +              /d/a  same file as /a\n"), "{text}");
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
