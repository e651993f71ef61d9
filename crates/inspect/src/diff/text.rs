//! Prints a difference.

use report::{Lines, growth, plain, size};

use super::difference::{By, Change, ChangeKind, Diff, LayerChange, PropertyChange};
use crate::built::Node;

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// The lines of `diff A B`, whose paths are sorted `by`.
pub fn text(diff: &Diff, by: By) -> String {
    let mut out = Lines::default();
    for (letter, side) in [('A', &diff.a), ('B', &diff.b)] {
        out.line(format!("{letter}  {}  ({})", plain(&side.name), plain(&side.source)));
    }
    out.line(format!("compared: {}", diff.compared.join(", ")));
    let mut of = "";
    for property in &diff.properties {
        if property.of != of {
            of = property.of;
            out.line(format!("\n{of}"));
        }
        out.line(format!("  {}", property_change(property)));
    }
    paths(&mut out, diff, by);
    if diff.same {
        let what = match diff.total.paths_b {
            0 => String::new(),
            paths => format!(": {paths} paths, {}", size(diff.total.bytes_b)),
        };
        out.line(format!("\nno difference{what}"));
    } else {
        layers(&mut out, diff);
    }
    out.into_text()
}

fn property_change(change: &PropertyChange) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(absent)".to_owned(), short);
    format!("{}: {} -> {}", plain(&change.name), value(&change.a), value(&change.b))
}

/// `text` with digests cut to their first digits.
fn short(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split(' ').map(|word| if is_digest(word) { &word[..DIGEST_DIGITS] } else { word });
    plain(&words.collect::<Vec<_>>().join(" ")).into_owned()
}

fn paths(out: &mut Lines, diff: &Diff, by: By) {
    let Some(changes) = diff.paths.as_deref().filter(|changes| !changes.is_empty()) else { return };
    let mut layer = None;
    if by == By::Size {
        out.line("");
    }
    for change in changes {
        if by == By::Path && layer != Some(&change.layer) {
            layer = Some(&change.layer);
            out.line(format!("\nlayer {}", plain(&change.layer)));
        }
        let sign = match change.change {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
        };
        let delta = if change.delta == 0 { String::new() } else { growth(change.delta) };
        let layer = if by == By::Size { format!("{:<12} ", plain(&change.layer)) } else { String::new() };
        out.line(format!("  {sign} {delta:>11}  {layer}{}{}", plain(&change.path), words(change)));
    }
}

/// What differs, after the path.
fn words(change: &Change) -> String {
    let mut words = Vec::new();
    match (&change.a, &change.b) {
        (Some(a), Some(b)) => {
            words.extend(change.differs.iter().map(|what| difference(what, a, b)));
        }
        (Some(node), None) | (None, Some(node)) => words.extend(kind(node)),
        (None, None) => {}
    }
    if let Some(first) = change.b.as_ref().or(change.a.as_ref()).and_then(|node| node.shares.as_deref()) {
        words.push(format!("same file as {}", plain(first)));
    }
    if words.is_empty() { String::new() } else { format!("  {}", words.join(", ")) }
}

/// The type of a path that is not a file.
fn kind(node: &Node) -> Option<String> {
    match (node.kind.as_str(), &node.link) {
        ("file", _) => None,
        (_, Some(target)) => Some(format!("link to {}", plain(target))),
        (kind, None) => Some(kind.to_owned()),
    }
}

fn difference(what: &str, a: &Node, b: &Node) -> String {
    let owner = |node: &Node| format!("{}:{}", node.uid, node.gid);
    let link = |node: &Node| plain(node.link.as_deref().unwrap_or_default()).into_owned();
    let device = |node: &Node| format!("{:#x}", node.device.unwrap_or_default());
    let (before, after) = match what {
        "type" => (a.kind.clone(), b.kind.clone()),
        "mode" => (a.mode.clone(), b.mode.clone()),
        "owner" => (owner(a), owner(b)),
        "flags" => (a.flags.clone(), b.flags.clone()),
        "link" => (link(a), link(b)),
        "device" => (device(a), device(b)),
        "names" => (a.names.to_string(), b.names.to_string()),
        _ => return what.to_owned(),
    };
    format!("{what} {before} -> {after}")
}

/// The table of the layers that changed, if there are any.
fn layers(out: &mut Lines, diff: &Diff) {
    let differ: Vec<&LayerChange> = diff.layers.iter().filter(|layer| !layer.is_same()).collect();
    if differ.is_empty() {
        return;
    }
    let head = ["added", "removed", "changed", "delta", "A", "B"];
    let [added, removed, changed, delta, a, b] = head;
    out.line(format!("\n{:<20} {added:>7} {removed:>7} {changed:>7} {delta:>11} {a:>11} {b:>11}", "layer"));
    for layer in differ.into_iter().chain([&diff.total]) {
        let counts = [layer.added, layer.removed, layer.changed];
        let counts =
            counts.map(|count| if diff.paths.is_some() { count.to_string() } else { "-".to_owned() });
        let [added, removed, changed] = counts;
        let (delta, a, b) = (growth(layer.delta), size(layer.bytes_a), size(layer.bytes_b));
        out.line(format!(
            "{:<20} {added:>7} {removed:>7} {changed:>7} {delta:>11} {a:>11} {b:>11}",
            plain(&layer.name)
        ));
    }
}
