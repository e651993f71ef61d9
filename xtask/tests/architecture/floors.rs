//! The floors of the workspace: a crate depends only on crates of lower floors.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The floors, the lowest first. A new crate is added here.
const FLOORS: [&[&str]; 6] = [
    &["bsd-disk", "isa", "report", "sources", "ufs"],
    &["firmware", "rootfs"],
    &["appliance", "freebsd-pkg", "nanobsd-conf"],
    &["builder"],
    &["burn", "inspect", "lab"],
    &["xtask"],
];

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

/// The dependencies that do not go down, as `upper -> lower`.
fn upward<'a>(dependencies: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let is_upward = |&(from, to): &(&str, &str)| floor(from) <= floor(to);
    let found = dependencies.into_iter().filter(is_upward);
    found.map(|(from, to)| format!("{from} -> {to}")).collect()
}

fn packages() -> Vec<Package> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    metadata.packages
}

#[test]
fn crates_depend_only_on_lower_floors() {
    let packages = packages();
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let homeless: Vec<&&str> = names.iter().filter(|name| floor(name).is_none()).collect();
    assert!(homeless.is_empty(), "add these crates to FLOORS: {homeless:?}");
    let mut ours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &packages {
        let normal =
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        let local = normal.map(|dependency| dependency.name.as_str()).filter(|name| names.contains(name));
        ours.insert(&package.name, local.collect());
    }
    let all = ours.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to)));
    assert_eq!(upward(all), [""; 0]);
    // The two sides meet in the contract alone.
    assert_eq!(ours["appliance"], ["bsd-disk", "firmware"]);
    assert_eq!(ours["firmware"], ["bsd-disk"]);
}

#[test]
fn a_planted_upward_dependency_is_found() {
    let found =
        upward([("xtask", "builder"), ("rootfs", "builder"), ("burn", "inspect"), ("firmware", "appliance")]);
    assert_eq!(found, ["rootfs -> builder", "burn -> inspect", "firmware -> appliance"]);
}
