//! Turns unpacked packages into layers: one for each, `package NAME`, and one called `packages` above all others with what they
//! have in common: accounts, login shells, pkg's local database, scripts to run at every start.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use freebsd_pkg::actions::{Actions, Language};
use freebsd_pkg::local_database::{self, Registration};
use freebsd_pkg::lock::Lock;
use freebsd_pkg::package::{self, Package};
use freebsd_pkg::scripts;
use rootfs::tree::{Attributes, Entry, EntryKind, Layer, Principal, TreePath};

use super::claims::Claims;
use super::context::InstallContext;
use super::startup::{self, UnhandledPackage};
use super::{accounts, gate};
use crate::product::Packages;

/// The layers that packages become.
#[derive(Debug)]
pub struct Installation {
    /// One layer for each package, above the world and the services.
    pub layers: Vec<Layer>,
    /// The layer above all others.
    pub top: Layer,
    /// Messages that need attention.
    pub warnings: Vec<String>,
    /// Messages for the log.
    pub notes: Vec<String>,
}

/// Turns `packages`, which are those of `lock` in the same order, into layers.
///
/// # Errors
/// A package is not the one that was locked, is for another system, contains a path of another layer or instructions that the
/// device does not have, or needs an account that cannot be created.
pub fn install(
    product: &Packages,
    lock: &Lock,
    packages: &[Package],
    context: &InstallContext<'_>,
) -> Result<Installation> {
    require_world(product, context.world)?;
    let mut warnings = Vec::new();
    let mut notes = Vec::new();
    let mut claims = Claims::of(context.below);
    let mut layers = Vec::new();
    let mut actions = Vec::new();
    for (locked, package) in lock.packages.iter().zip(packages) {
        package::require(package, &locked.name, &locked.version, &product.abi)?;
        let read = scripts::read(&package.manifest).with_context(|| format!("package `{}`", locked.name))?;
        layers.push(layer(package, &mut claims)?);
        warnings.extend(newer_release(package, context.world));
        actions.push(read);
    }
    notes.extend(gate::check(packages, &product.exceptions, &product.board.processor)?);
    for layer in context.above {
        claims.add(layer);
    }
    for ((layer, package), actions) in layers.iter_mut().zip(packages).zip(&actions) {
        notes.extend(apply(actions, layer, package, &mut claims)?);
    }
    warnings.extend(scripts_not_run(product, packages, &actions));

    let mut top = Layer::new("packages");
    accounts::add_accounts(&mut top, packages, &actions, context)?;
    accounts::add_shells(&mut top, &actions, context)?;
    let unhandled: Vec<UnhandledPackage<'_>> = packages
        .iter()
        .zip(&actions)
        .map(|(package, actions)| UnhandledPackage {
            name: &package.manifest.name,
            version: &package.manifest.version,
            prefix: &package.manifest.prefix,
            scripts: &actions.unhandled,
        })
        .collect();
    startup::add(&mut top, &product.run_scripts, &unhandled)?;
    let registrations: Vec<Registration<'_>> = lock
        .packages
        .iter()
        .zip(packages)
        .map(|(locked, package)| Registration {
            manifest: &package.manifest,
            automatic: !locked.is_requested(),
        })
        .collect();
    let database = local_database::database(&registrations, context.time)?;
    top.push(TreePath::parse(local_database::PATH)?, EntryKind::File(database.into()), 0o644);
    Ok(Installation { layers, top, warnings, notes })
}

/// Checks that packages and world are of the same major release of FreeBSD.
fn require_world(product: &Packages, world: &str) -> Result<()> {
    let Some(major) = release(world).map(|(major, _)| major) else { return Ok(()) };
    let packages = product.abi.split(':').nth(1).unwrap_or_default();
    ensure!(
        packages == major.to_string(),
        "packages.abi is {}, but the world is FreeBSD {world}: packages of another major release do not run on it",
        product.abi
    );
    Ok(())
}

/// Major and minor number of a FreeBSD version; `None` for the miniature world.
fn release(world: &str) -> Option<(u32, u32)> {
    let (major, minor) = world.split('-').next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A warning if a package was built on a later release of FreeBSD than the world's.
fn newer_release(package: &Package, world: &str) -> Option<String> {
    let built: u32 = package.manifest.annotations.get("FreeBSD_version")?.parse().ok()?;
    let (major, minor) = release(world)?;
    // `__FreeBSD_version`: MMmmppp.
    let (built_major, built_minor) = (built / 100_000, built / 1000 % 100);
    ((built_major, built_minor) > (major, minor)).then(|| {
        format!(
            "package `{}` was built on FreeBSD {built_major}.{built_minor}, but the world is {world}: it may use functions that \
             the world does not have",
            package.manifest.name
        )
    })
}

fn layer(package: &Package, claims: &mut Claims) -> Result<Layer> {
    let manifest = &package.manifest;
    let mut layer = Layer::new(&format!("package {}", manifest.name));
    for member in &package.members {
        let path = TreePath::parse(&member.path)
            .with_context(|| format!("package `{}` contains {}", manifest.name, member.path))?;
        let kind = package.entry(member)?;
        let directory = matches!(kind, EntryKind::Directory);
        claims.claim(&manifest.name, &path, directory)?;
        let attributes = member.attributes();
        let implicit = directory && is_ordinary(&attributes);
        let origin = format!("{}-{}", manifest.name, manifest.version);
        layer.entries.push(Entry { path, kind, attributes, implicit, replace: false, origin });
    }
    Ok(layer)
}

/// Whether attributes are those of an ordinary directory.
fn is_ordinary(attributes: &Attributes) -> bool {
    let is = |principal: &Principal, name: &str| {
        matches!(principal, Principal::Id(0)) || *principal == Principal::Name(name.to_owned())
    };
    is(&attributes.user, "root")
        && is(&attributes.group, "wheel")
        && attributes.mode == 0o755
        && attributes.flags == 0
}

/// Adds what a package's scripts would have created: copies of samples, empty files, directories. Existing paths stay as they
/// are; returns a note for each sample that is not copied.
fn apply(
    actions: &Actions,
    layer: &mut Layer,
    package: &Package,
    claims: &mut Claims,
) -> Result<Vec<String>> {
    let name = &package.manifest.name;
    let mut notes = Vec::new();
    for (from, to) in &actions.samples {
        let (source, target) = (TreePath::parse(from)?, TreePath::parse(to)?);
        if claims.contain(&target) {
            notes.push(format!("package `{name}`: {from} is not copied to {to}, which exists"));
            continue;
        }
        let sample = layer.entries.iter().find(|entry| entry.path == source).cloned();
        let sample = sample.with_context(|| {
            format!("package `{name}`: its script copies {from}, which the package does not contain")
        })?;
        claims.claim(name, &target, false)?;
        layer.entries.push(Entry { path: target, origin: format!("the sample {from}"), ..sample });
    }
    for path in &actions.empty_files {
        let path = TreePath::parse(path)?;
        if !claims.contain(&path) {
            claims.claim(name, &path, false)?;
            layer.push(path, EntryKind::File("".into()), 0o644);
        }
    }
    for directory in &actions.directories {
        let path = TreePath::parse(&directory.path)?;
        layer.push(path, EntryKind::Directory, directory.mode);
        if let Some(entry) = layer.entries.last_mut() {
            entry.attributes.user = Principal::from(directory.user.as_str());
            entry.attributes.group = Principal::from(directory.group.as_str());
        }
    }
    Ok(notes)
}

/// A warning for each script that is not recognized and will not run on the unit either.
fn scripts_not_run(product: &Packages, packages: &[Package], actions: &[Actions]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (package, actions) in packages.iter().zip(actions) {
        let name = &package.manifest.name;
        let runs = product.run_scripts.contains(name);
        let not_run = actions.unhandled.iter().filter(|script| !(runs && script.language == Language::Shell));
        warnings.extend(not_run.map(|script| {
            let advice = match script.language {
                Language::Shell => "packages.run_scripts can run it at every start",
                Language::Lua => "it uses pkg's Lua and cannot run on the unit",
            };
            format!("package `{name}`: its {} script is not run: `{}`; {advice}", script.phase, script.line)
        }));
    }
    warnings
}

/// The total size of the files in `layers`, in bytes.
pub fn bytes(layers: &[Layer]) -> u64 {
    let mut seen: BTreeMap<&TreePath, u64> = BTreeMap::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = &entry.kind {
            seen.insert(&entry.path, content.size());
        }
    }
    seen.values().sum()
}
