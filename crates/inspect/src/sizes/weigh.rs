//! Measures a build.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use builder::layer::services;
use report::difference;
use serde::Serialize;

use crate::built::{Built, LayerTotal, Layers, Node, Paths, Usage};

/// The most bytes that a build may have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budgets {
    /// In use in the file system of a slot.
    pub slot: Option<u64>,
    /// Of each service.
    pub service: Option<u64>,
}

/// Limits of what is shown.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The depth of the tree: 0 is the root alone.
    pub depth: usize,
    /// The number of files.
    pub top: usize,
}

/// What fills a slot.
#[derive(Debug, Serialize)]
pub struct Sizes {
    /// The build.
    pub build: String,
    /// The earlier build that growth is relative to.
    pub since: Option<String>,
    /// Why there is no earlier build, or why it is not the last release.
    pub note: Option<String>,
    /// How full the file system of the slot is, if the build says.
    #[serde(rename = "room")]
    pub usage: Option<Usage>,
    /// Growth of what is used of it, in bytes.
    #[serde(rename = "room_growth")]
    pub usage_growth: Option<i64>,
    /// The most bytes that may be used of it.
    pub slot_budget: Option<u64>,
    /// All files.
    pub content: Sum,
    /// The layers, the largest first.
    pub layers: Vec<Layer>,
    /// The services: files of their layer.
    pub services: Vec<File>,
    /// The most bytes that a service may have.
    pub service_budget: Option<u64>,
    /// Whether the build lists paths; otherwise the following lists are empty.
    pub has_paths: bool,
    /// Directories, each before those in it, the largest first. Those that are and were empty are omitted.
    pub tree: Vec<Directory>,
    /// The largest files, the largest first.
    pub largest: Vec<File>,
    /// The files that grew most, including new ones.
    pub grown: Vec<File>,
}

/// Bytes and their growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Bytes.
    pub bytes: u64,
    /// Growth since the earlier build, if there is one, in bytes.
    pub growth: Option<i64>,
}

/// A layer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Names, directories included.
    pub paths: u64,
    /// Bytes of its files.
    #[serde(flatten)]
    pub sum: Sum,
}

/// A directory.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Directory {
    /// Its path.
    pub path: String,
    /// Its depth; 0 is the root.
    pub depth: usize,
    /// Bytes of all files below it.
    #[serde(flatten)]
    pub sum: Sum,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its layer.
    pub layer: String,
    /// Its bytes.
    #[serde(flatten)]
    pub sum: Sum,
}

/// Measures `build`, relative to `since` if that is given; `note` is shown with it.
///
/// # Errors
/// One of them lists no layers.
pub fn weigh(
    build: &Built,
    since: Option<&Built>,
    note: Option<String>,
    budgets: Budgets,
    limits: Limits,
) -> Result<Sizes> {
    let (layers, layers_before) = (layers_of(build)?, since.map(layers_of).transpose()?);
    let none = Paths::new();
    let paths = build.paths.as_ref().unwrap_or(&none);
    let before = since.and_then(|since| since.paths.as_ref());
    let files = files(paths, before);
    let mut largest: Vec<File> = files.clone();
    largest.sort_by(|a, b| b.sum.bytes.cmp(&a.sum.bytes).then_with(|| a.path.cmp(&b.path)));
    largest.truncate(limits.top);
    let services = files.iter().filter(|file| file.layer == services::NAME).cloned().collect();
    let mut grown: Vec<File> =
        files.into_iter().filter(|file| file.sum.growth.is_some_and(|growth| growth > 0)).collect();
    grown.sort_by(|a, b| b.sum.growth.cmp(&a.sum.growth).then_with(|| a.path.cmp(&b.path)));
    grown.truncate(limits.top);
    let usage_before = since.and_then(|since| since.usage);
    Ok(Sizes {
        build: build.name.clone(),
        since: since.map(|since| since.name.clone()),
        note,
        usage: build.usage,
        usage_growth: build.usage.zip(usage_before).map(|(now, then)| difference(then.used, now.used)),
        slot_budget: budgets.slot,
        content: sum(Some(content(layers)), layers_before.map(|before| Some(content(before)))),
        layers: weigh_layers(layers, layers_before),
        services,
        service_budget: budgets.service,
        has_paths: build.paths.is_some(),
        tree: tree(paths, before, limits.depth),
        largest,
        grown,
    })
}

fn layers_of(built: &Built) -> Result<&Layers> {
    built
        .layers
        .as_ref()
        .with_context(|| format!("measuring {}: it lists neither paths nor layers", built.source))
}

fn content(layers: &Layers) -> u64 {
    layers.values().fold(0, |sum, layer| sum.saturating_add(layer.bytes))
}

/// `then` is `None` without an earlier build, and `Some(None)` if that does not have it.
fn sum(now: Option<u64>, then: Option<Option<u64>>) -> Sum {
    let bytes = now.unwrap_or_default();
    Sum { bytes, growth: then.map(|then| difference(then.unwrap_or_default(), bytes)) }
}

/// All files, each under its first name.
fn files(paths: &Paths, before: Option<&Paths>) -> Vec<File> {
    let own = |paths: &Paths, path: &str| paths.get(path).map(Node::own_bytes);
    paths
        .iter()
        .filter(|(_, node)| node.is_file() && node.shares.is_none())
        .map(|(path, node)| File {
            path: path.clone(),
            layer: node.layer().to_owned(),
            sum: sum(Some(node.size), before.map(|before| own(before, path))),
        })
        .collect()
}

fn weigh_layers(now: &Layers, then: Option<&Layers>) -> Vec<Layer> {
    let names: BTreeSet<&String> = now.keys().chain(then.into_iter().flat_map(BTreeMap::keys)).collect();
    let mut layers: Vec<Layer> = names
        .into_iter()
        .map(|name| {
            let before = then.map(|then| then.get(name).map(|total| total.bytes));
            let LayerTotal { paths, bytes } = now.get(name).copied().unwrap_or_default();
            Layer { name: name.clone(), paths, sum: sum(Some(bytes), before) }
        })
        .collect();
    layers.sort_by(|a, b| b.sum.bytes.cmp(&a.sum.bytes).then_with(|| a.name.cmp(&b.name)));
    layers
}

/// The bytes of all files below each directory, down to `depth`.
fn directories(paths: &Paths, depth: usize) -> BTreeMap<String, u64> {
    let mut directories = BTreeMap::new();
    for (path, node) in paths.iter().filter(|(_, node)| node.own_bytes() > 0) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        for length in 0..parts.len().min(depth + 1) {
            let sum: &mut u64 = directories.entry(format!("/{}", parts[..length].join("/"))).or_default();
            *sum = sum.saturating_add(node.own_bytes());
        }
    }
    directories
}

fn tree(paths: &Paths, before: Option<&Paths>, depth: usize) -> Vec<Directory> {
    let now = directories(paths, depth);
    let then = before.map(|before| directories(before, depth));
    let names: BTreeSet<&String> = now.keys().chain(then.iter().flat_map(BTreeMap::keys)).collect();
    let mut below: BTreeMap<String, Vec<Directory>> = BTreeMap::new();
    for path in names {
        let parent = match path.rfind('/') {
            _ if path == "/" => String::new(),
            Some(0) => "/".to_owned(),
            Some(at) => path[..at].to_owned(),
            None => continue,
        };
        let depth = if path == "/" { 0 } else { path.matches('/').count() };
        let before = then.as_ref().map(|then| then.get(path).copied());
        let directory = Directory { path: path.clone(), depth, sum: sum(now.get(path).copied(), before) };
        below.entry(parent).or_default().push(directory);
    }
    let mut tree = Vec::new();
    descend(&mut below, "", &mut tree);
    tree
}

fn descend(below: &mut BTreeMap<String, Vec<Directory>>, parent: &str, tree: &mut Vec<Directory>) {
    let mut directories = below.remove(parent).unwrap_or_default();
    directories.sort_by(|a, b| b.sum.bytes.cmp(&a.sum.bytes).then_with(|| a.path.cmp(&b.path)));
    for directory in directories {
        let path = directory.path.clone();
        tree.push(directory);
        descend(below, &path, tree);
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn weighed(now: &str, then: Option<&str>, depth: usize) -> Sizes {
        let built = |lines: &str| {
            Built::specified("x", &format!("#mtree 2.0\n. type=dir mode=0755\n{lines}")).unwrap()
        };
        let then = then.map(built);
        let limits = Limits { depth, top: 2 };
        weigh(&built(now), then.as_ref(), None, Budgets::default(), limits).unwrap()
    }

    fn file(path: &str, size: u64) -> String {
        format!("{path} type=file mode=0644 size={size}\n")
    }

    #[test]
    fn directories_come_before_what_is_in_them_the_largest_first_and_removed_ones_are_shown() {
        let now = [file("./a/b/x", 1), file("./a/c/x", 5), file("./z/x", 100), file("./top", 7)].concat();
        let then = [file("./a/b/x", 3), file("./gone/x", 9)].concat();
        let tree = |sizes: Sizes| -> Vec<(String, u64, Option<i64>)> {
            sizes.tree.into_iter().map(|dir| (dir.path, dir.sum.bytes, dir.sum.growth)).collect()
        };
        let row = |path: &str, bytes, growth| (path.to_owned(), bytes, Some(growth));
        assert_eq!(
            tree(weighed(&now, Some(&then), 2)),
            [
                row("/", 113, 101),
                row("/z", 100, 100),
                row("/a", 6, 3),
                row("/a/c", 5, 5),
                row("/a/b", 1, -2),
                row("/gone", 0, -9)
            ]
        );
        assert_eq!(tree(weighed(&now, None, 0)), [("/".to_owned(), 113, None)]);
    }

    #[test]
    fn files_are_the_largest_and_those_that_grew_most() {
        let now = [file("./a", 10), file("./b", 20), file("./c", 30), file("./new", 5)].concat();
        let then = [file("./a", 1), file("./b", 25), file("./c", 30)].concat();
        let sizes = weighed(&now, Some(&then), 0);
        let names = |files: &[File]| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&sizes.largest), ["/c", "/b"]);
        assert_eq!(names(&sizes.grown), ["/a", "/new"]);
        assert_eq!((sizes.content.bytes, sizes.content.growth), (65, Some(9)));
        assert_eq!(weighed(&now, None, 0).grown, []);
    }

    #[test]
    fn what_an_image_claims_does_not_overflow() {
        let sizes = weighed(&[file("./a", u64::MAX), file("./b", u64::MAX)].concat(), Some(""), 1);
        assert_eq!((sizes.content.bytes, sizes.content.growth), (u64::MAX, Some(i64::MAX)));
        assert!(text::text(&sizes).contains("100 %"));
    }
}
