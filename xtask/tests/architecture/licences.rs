//! Licences: every crate that the workspace resolves to has one that the product accepts, and every crate on the device
//! one that asks for no more than a notice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};
use spdx::{Expression, ParseMode};

use crate::workspace;

/// Licences of crates on the device: they ask for no more than a notice.
const ON_DEVICE: [&str; 8] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Licences that only tools on the host have: libbzip2's, which resembles BSD's.
const ON_HOST: [&str; 1] = ["bzip2-1.0.6"];

/// FreeBSD/i386, as rustc names it. The product's own target differs only in the processor.
const DEVICE: &str = "i686-unknown-freebsd";

/// A crate: its name with the version, and its licence.
type Crate<'a> = (String, Option<&'a str>);

/// The crates whose licence is not among `accepted`, a line each.
fn refused<'a>(crates: impl IntoIterator<Item = Crate<'a>>, accepted: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, licence) in crates {
        let Some(licence) = licence else {
            found.push(format!("{name}: no licence"));
            continue;
        };
        // Old crates separate alternatives with a slash.
        match Expression::parse_mode(licence, ParseMode::LAX) {
            Ok(expression) if expression.evaluate(|part| accepted.contains(&part.to_string().as_str())) => {}
            Ok(_) => found.push(format!("{name}: {licence}")),
            Err(error) => found.push(format!("{name}: {licence}: {}", error.reason)),
        }
    }
    found
}

/// What the lock file resolves to on the platform `target`. cargo downloads the crates that it does not have yet.
fn resolve(target: &str) -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(workspace::root().join("Cargo.toml")).features(CargoOpt::AllFeatures);
    let options = ["--locked", "--filter-platform", target].map(str::to_owned);
    command.other_options(options).exec().unwrap()
}

/// The platform of this machine, as rustc names it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn crates(metadata: &Metadata) -> impl Iterator<Item = (&PackageId, Crate<'_>)> {
    metadata.packages.iter().map(|package| {
        (&package.id, (format!("{} {}", package.name, package.version), package.license.as_deref()))
    })
}

/// The crates that the package `root` is made of, without what only its tests and build scripts use.
fn made_of<'a>(metadata: &'a Metadata, root: &str) -> BTreeSet<&'a PackageId> {
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let root = metadata.packages.iter().find(|package| package.name.as_str() == root).unwrap();
    let mut found = BTreeSet::new();
    let mut next = vec![&root.id];
    while let Some(id) = next.pop() {
        if found.insert(id) {
            let is_part = |kinds: &[cargo_metadata::DepKindInfo]| {
                kinds.iter().any(|info| info.kind == DependencyKind::Normal)
            };
            next.extend(nodes[id].deps.iter().filter(|dep| is_part(&dep.dep_kinds)).map(|dep| &dep.pkg));
        }
    }
    found
}

#[test]
fn every_crate_has_a_licence_that_the_product_accepts() {
    let metadata = resolve(&host());
    assert!(metadata.packages.len() > 100, "{}", metadata.packages.len());
    let accepted = [&ON_DEVICE[..], &ON_HOST].concat();
    let found = refused(crates(&metadata).map(|(_, of)| of), &accepted);
    assert!(found.is_empty(), "these crates have other licences:\n{}", found.join("\n"));
}

#[test]
fn crates_on_the_device_ask_for_no_more_than_a_notice() {
    let metadata = resolve(DEVICE);
    let parts = made_of(&metadata, "appliance");
    let on_device: Vec<Crate<'_>> =
        crates(&metadata).filter(|(id, _)| parts.contains(id)).map(|(_, of)| of).collect();
    assert!(on_device.iter().any(|(name, _)| name.starts_with("libc ")), "{on_device:?}");
    let found = refused(on_device.iter().cloned(), &ON_DEVICE);
    assert!(found.is_empty(), "these crates have other licences:\n{}", found.join("\n"));

    // ring has C and assembly for processors that have SSE2.
    let names: Vec<&str> = on_device.iter().filter_map(|(name, _)| name.split(' ').next()).collect();
    assert!(!names.contains(&"ring"), "{names:?}");
    let twice: Vec<&&str> =
        names.iter().filter(|name| names.iter().filter(|other| other == name).count() > 1).collect();
    assert!(twice.is_empty(), "the services contain two versions of {twice:?}");
}

#[test]
fn a_planted_licence_is_refused() {
    let refused = |licence| !refused([("planted 1.0.0".to_owned(), licence)], &ON_DEVICE).is_empty();
    for licence in ["MIT", "MIT OR GPL-3.0-only", "GPL-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "ISC"]
    {
        assert!(!refused(Some(licence)), "{licence}");
    }
    for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "MPL-2.0", "bzip2-1.0.6", "MIT AND", "whatever"] {
        assert!(refused(Some(licence)), "{licence}");
    }
    assert!(refused(None));
}
