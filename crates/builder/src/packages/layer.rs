//! From unpacked packages to layers: one for each, `package NAME`, and above all others one named `packages` with what
//! they come to together: accounts, login shells, pkg's database, scripts to run at start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, bail, ensure};
use freebsd_pkg::accounts::Files;
use freebsd_pkg::lock::Lock;
use freebsd_pkg::package::{self, MemberKind, Package};
use freebsd_pkg::register::{self, Registration};
use freebsd_pkg::scripts::{self, Actions, Language};
use rayon::prelude::*;
use rootfs::tree::{Attributes, Content, Entry, EntryKind, Layer, Principal, TreePath};

use super::startup::{self, Leftover};
use crate::processor::GEODE_LX;
use crate::product::Packages;

/// What packages become.
#[derive(Debug)]
pub struct Installation {
    /// One for each package, to lie over the world and the services.
    pub layers: Vec<Layer>,
    /// To lie over everything else.
    pub top: Layer,
    /// What the engineer should look at.
    pub warnings: Vec<String>,
    /// What the engineer need not look at.
    pub notes: Vec<String>,
}

/// The layers that packages lie between, and what is known of the world.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// World, kernel and services.
    pub below: &'a [Layer],
    /// The overlay.
    pub above: &'a [Layer],
    /// The version of the world: `13.2-RELEASE`.
    pub world: &'a str,
    /// The commit's time, in seconds since 1970.
    pub time: i64,
}

/// Makes layers of `packages`, which are those of `lock` in its order.
///
/// # Errors
/// A package that is not the one that was locked or is for another system, that brings a path which something else has,
/// or code that the device cannot run, or that wants an account which cannot be made.
pub fn install(
    product: &Packages,
    lock: &Lock,
    packages: &[Package],
    around: &Surroundings<'_>,
) -> Result<Installation> {
    require_world(product, around.world)?;
    let mut warnings = Vec::new();
    let mut notes = Vec::new();
    let mut claims = Claims::of(around.below);
    let mut layers = Vec::new();
    let mut actions = Vec::new();
    for (locked, package) in lock.packages.iter().zip(packages) {
        package::require(package, &locked.name, &locked.version, &product.abi)?;
        let done = scripts::read(&package.manifest).with_context(|| format!("package `{}`", locked.name))?;
        layers.push(layer(package, &mut claims)?);
        warnings.extend(newer(package, around.world));
        actions.push(done);
    }
    notes.extend(gate(product, packages)?);
    for layer in around.above {
        claims.add(layer);
    }
    for ((layer, package), done) in layers.iter_mut().zip(packages).zip(&actions) {
        notes.extend(additions(layer, package, done, &mut claims)?);
    }
    warnings.extend(left(product, packages, &actions));

    let mut top = Layer::new("packages");
    accounts(&mut top, packages, &actions, around)?;
    shells(&mut top, &actions, around)?;
    let leftovers: Vec<Leftover<'_>> = packages
        .iter()
        .zip(&actions)
        .map(|(package, done)| Leftover {
            name: &package.manifest.name,
            version: &package.manifest.version,
            prefix: &package.manifest.prefix,
            left: &done.left,
        })
        .collect();
    startup::add(&mut top, &product.run_scripts, &leftovers)?;
    let registrations: Vec<Registration<'_>> = lock
        .packages
        .iter()
        .zip(packages)
        .map(|(locked, package)| Registration { manifest: &package.manifest, automatic: !locked.asked_for() })
        .collect();
    let database = register::database(&registrations, around.time)?;
    top.push(TreePath::parse(register::PLACE)?, EntryKind::File(database.into()), 0o644);
    Ok(Installation { layers, top, warnings, notes })
}

/// Packages of one FreeBSD do not run on another.
fn require_world(product: &Packages, world: &str) -> Result<()> {
    let Some(major) = release(world).map(|(major, _)| major) else { return Ok(()) };
    let packages = product.abi.split(':').nth(1).unwrap_or_default();
    ensure!(
        packages == major.to_string(),
        "the world is FreeBSD {world} and packages.abi is {}; packages of another release do not run on it",
        product.abi
    );
    Ok(())
}

/// Major and minor number of a FreeBSD version; none for the miniature world.
fn release(world: &str) -> Option<(u32, u32)> {
    let (major, minor) = world.split('-').next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A package that was built on a later release of FreeBSD may call what this one does not have.
fn newer(package: &Package, world: &str) -> Option<String> {
    let built: u32 = package.manifest.annotations.get("FreeBSD_version")?.parse().ok()?;
    let (major, minor) = release(world)?;
    // `__FreeBSD_version`: MMmmppp.
    let (built_major, built_minor) = (built / 100_000, built / 1000 % 100);
    ((built_major, built_minor) > (major, minor)).then(|| {
        format!(
            "package `{}` was built on FreeBSD {built_major}.{built_minor} and the world is {world}: it may call what that \
             does not have",
            package.manifest.name
        )
    })
}

/// Who has which path, and whether as a directory. `/usr/local/etc` counts as `/etc/local`, where it will be.
struct Claims(HashMap<TreePath, (String, bool)>);

impl Claims {
    fn of(layers: &[Layer]) -> Self {
        let mut claims = Self(HashMap::new());
        layers.iter().for_each(|layer| claims.add(layer));
        claims
    }

    fn add(&mut self, layer: &Layer) {
        for entry in &layer.entries {
            let directory = matches!(entry.kind, EntryKind::Directory);
            self.0.insert(canonical(&entry.path), (layer.name.clone(), directory));
        }
    }

    fn has(&self, path: &TreePath) -> bool {
        self.0.contains_key(&canonical(path))
    }

    /// Notes that the package `name` brings `path`.
    fn claim(&mut self, name: &str, path: &TreePath, directory: bool) -> Result<()> {
        match self.0.get(&canonical(path)) {
            Some((_, true)) if directory => {}
            Some((other, _)) if other.starts_with("package ") => bail!(
                "package `{name}` brings {path}, and so does {other}: they cannot be in one image; take one of them out of \
                 pkglist (`cargo xtask pkg why` tells what needs them)"
            ),
            Some((other, _)) => bail!(
                "package `{name}` brings {path}, which the layer `{other}` has already: take the package out of pkglist, or \
                 the other out of the image"
            ),
            None => {
                self.0.insert(canonical(path), (format!("package `{name}`"), directory));
            }
        }
        Ok(())
    }
}

fn canonical(path: &TreePath) -> TreePath {
    let place = |text| TreePath::parse(text).unwrap_or_else(|_| TreePath::root());
    path.rebase(&place("usr/local/etc"), &place("etc/local")).unwrap_or_else(|| path.clone())
}

fn layer(package: &Package, claims: &mut Claims) -> Result<Layer> {
    let manifest = &package.manifest;
    let mut layer = Layer::new(&format!("package {}", manifest.name));
    for member in &package.members {
        let path = TreePath::parse(&member.path)
            .with_context(|| format!("package `{}` brings {}", manifest.name, member.path))?;
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

/// Whether attributes are those that a directory has when nobody says otherwise.
fn is_ordinary(attributes: &Attributes) -> bool {
    let is = |principal: &Principal, name: &str| {
        matches!(principal, Principal::Id(0)) || *principal == Principal::Name(name.to_owned())
    };
    is(&attributes.user, "root")
        && is(&attributes.group, "wheel")
        && attributes.mode == 0o755
        && attributes.flags == 0
}

/// Adds what a package's scripts would have added: copies of samples, empty files, directories. What is there already,
/// from whomever, stays; gives a note for each sample that is not copied.
fn additions(
    layer: &mut Layer,
    package: &Package,
    done: &Actions,
    claims: &mut Claims,
) -> Result<Vec<String>> {
    let name = &package.manifest.name;
    let mut notes = Vec::new();
    for (from, to) in &done.samples {
        let (source, target) = (TreePath::parse(from)?, TreePath::parse(to)?);
        if claims.has(&target) {
            notes.push(format!("package `{name}`: {from} is not copied to {to}, which is there"));
            continue;
        }
        let sample = layer.entries.iter().find(|entry| entry.path == source).cloned();
        let sample =
            sample.with_context(|| format!("package `{name}` is to copy {from}, which it does not bring"))?;
        claims.claim(name, &target, false)?;
        layer.entries.push(Entry { path: target, origin: format!("the sample {from}"), ..sample });
    }
    for path in &done.empty {
        let path = TreePath::parse(path)?;
        if !claims.has(&path) {
            claims.claim(name, &path, false)?;
            layer.push(path, EntryKind::File("".into()), 0o644);
        }
    }
    for directory in &done.directories {
        let path = TreePath::parse(&directory.path)?;
        layer.push(path, EntryKind::Directory, directory.mode);
        if let Some(entry) = layer.entries.last_mut() {
            entry.attributes.user = Principal::from(directory.user.as_str());
            entry.attributes.group = Principal::from(directory.group.as_str());
        }
    }
    Ok(notes)
}

/// Refuses code that the device cannot run, unless the product definition excuses it; gives notes.
fn gate(product: &Packages, packages: &[Package]) -> Result<Vec<String>> {
    /// More tell nothing new.
    const SHOWN: usize = 10;
    let files: Vec<(&Package, &str, usize)> = packages
        .iter()
        .flat_map(|package| package.members.iter().map(move |member| (package, member)))
        .filter_map(|(package, member)| match member.kind {
            MemberKind::File { number, .. } => Some((package, member.path.as_str(), number)),
            _ => None,
        })
        .collect();
    let reports: Vec<_> = files
        .par_iter()
        .map(|(package, path, number)| -> Result<Option<isa::Report>> {
            let host = package.file(*number);
            let bytes = std::fs::read(&host).with_context(|| format!("reading {}", host.display()))?;
            if !isa::is_elf(&bytes) {
                return Ok(None);
            }
            isa::inspect(path, &bytes, &GEODE_LX)
                .map(Some)
                .with_context(|| format!("package `{}`", package.manifest.name))
        })
        .collect::<Result<_>>()?;

    let mut notes = Vec::new();
    let mut used = BTreeSet::new();
    for ((package, path, _), report) in files.iter().zip(reports) {
        let Some(report) = report else { continue };
        let name = &package.manifest.name;
        if let Some(first) = report.undecoded.first() {
            notes.push(format!(
                "package `{name}`: {path} has {} places that are no instruction, the first at {first:#010x}: data among code",
                report.undecoded.len()
            ));
        }
        let path = path.trim_start_matches('/');
        let excused = &product.exceptions;
        let before = report.violations.len();
        let found = excused.unexcused(path, report.violations);
        if found.len() < before {
            used.extend(
                excused.0.iter().filter(|exception| exception.path == path).map(|exception| &exception.path),
            );
        }
        if found.is_empty() {
            continue;
        }
        let count = found.len();
        let nameless = found.iter().any(|violation| violation.symbol.is_none());
        let stripped = if nameless { " (there is code without a symbol, which only `*` fits)" } else { "" };
        let mut list: Vec<String> =
            found.iter().take(SHOWN).map(|violation| format!("  {violation}")).collect();
        if count > SHOWN {
            list.push(format!("  and {} more", count - SHOWN));
        }
        bail!(
            "package `{name}`: /{path} would die on the Geode LX, which lacks {count} of its instructions; take a package that \
             was built for it (CPUTYPE?=pentium-mmx), or, if they never run there, say so by file and symbol in \
             [[packages.isa]]{stripped}\n{}",
            list.join("\n")
        );
    }
    for exception in product.exceptions.0.iter().filter(|exception| !used.contains(&exception.path)) {
        notes.push(format!(
            "packages.isa excuses {} in {}, where nothing needs it",
            exception.symbol, exception.path
        ));
    }
    Ok(notes)
}

/// Tells of scripts that the build does not do the work of and that will not run.
fn left(product: &Packages, packages: &[Package], actions: &[Actions]) -> Vec<String> {
    let mut told = Vec::new();
    for (package, done) in packages.iter().zip(actions) {
        let name = &package.manifest.name;
        let runs = product.run_scripts.contains(name);
        for left in done.left.iter().filter(|left| !(runs && left.language == Language::Shell)) {
            let hint = match left.language {
                Language::Shell => "; it can run at every start: packages.run_scripts",
                Language::Lua => "; it is in pkg's Lua and cannot run on the unit",
            };
            told.push(format!(
                "package `{name}`: its {} script is not run: `{}`{hint}",
                left.phase, left.line
            ));
        }
    }
    told
}

/// The last layer that has a file at `path`: its content and attributes.
fn file<'a>(around: &Surroundings<'a>, path: &TreePath) -> Option<(&'a Content, &'a Attributes)> {
    let layers = around.below.iter().chain(around.above);
    let mut entries = layers.flat_map(|layer| &layer.entries).filter(|entry| entry.path == *path);
    entries.rfind(|_| true).and_then(|entry| match &entry.kind {
        EntryKind::File(content) => Some((content, &entry.attributes)),
        _ => None,
    })
}

fn text(around: &Surroundings<'_>, path: &TreePath) -> Result<(String, Attributes)> {
    let (content, attributes) =
        file(around, path).with_context(|| format!("the packages need accounts, and no layer has {path}"))?;
    let text = String::from_utf8(content.read()?).with_context(|| format!("reading {path}"))?;
    Ok((text, attributes.clone()))
}

/// Replaces the file at `path` of lower layers.
fn replace(layer: &mut Layer, path: TreePath, text: &str, attributes: Attributes) {
    layer.entries.push(Entry {
        path,
        kind: EntryKind::File(text.into()),
        attributes,
        implicit: false,
        replace: true,
        origin: "what packages ask for".to_owned(),
    });
}

fn accounts(
    top: &mut Layer,
    packages: &[Package],
    actions: &[Actions],
    around: &Surroundings<'_>,
) -> Result<()> {
    let wants = |package: &Package, done: &Actions| {
        !(package.manifest.users.is_empty()
            && package.manifest.groups.is_empty()
            && done.users.is_empty()
            && done.groups.is_empty()
            && done.memberships.is_empty())
    };
    if !packages.iter().zip(actions).any(|(package, done)| wants(package, done)) {
        return Ok(());
    }
    let paths = [
        TreePath::parse("etc/master.passwd")?,
        TreePath::parse("etc/passwd")?,
        TreePath::parse("etc/group")?,
    ];
    let [(master_passwd, a), (passwd, b), (group, c)] =
        [text(around, &paths[0])?, text(around, &paths[1])?, text(around, &paths[2])?];
    let before = Files { master_passwd, passwd, group };
    let mut after = before.clone();
    for (package, done) in packages.iter().zip(actions) {
        let manifest = &package.manifest;
        after.add(&manifest.name, done, (&manifest.users, &manifest.groups))?;
    }
    let [master, public, groups] = paths;
    if after.group != before.group {
        replace(top, groups, &after.group, c);
    }
    if after.master_passwd != before.master_passwd {
        replace(top, master, &after.master_passwd, a);
        replace(top, public, &after.passwd, b);
        if file(around, &TreePath::parse("etc/pwd.db")?).is_some() {
            // libc looks people up in pwd.db, which /etc/rc.d/sluice_accounts makes anew when it sees this.
            top.push(TreePath::parse("etc/accounts.changed")?, EntryKind::File("".into()), 0o444);
        }
    }
    Ok(())
}

fn shells(top: &mut Layer, actions: &[Actions], around: &Surroundings<'_>) -> Result<()> {
    let wanted: BTreeSet<&str> = actions.iter().flat_map(|done| &done.shells).map(String::as_str).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let path = TreePath::parse("etc/shells")?;
    let (mut shells, attributes) = match file(around, &path) {
        Some(_) => text(around, &path)?,
        None => (String::new(), Attributes::root(0o644)),
    };
    for shell in wanted {
        if !shells.lines().any(|line| line == shell) {
            if !shells.is_empty() && !shells.ends_with('\n') {
                shells.push('\n');
            }
            shells.push_str(shell);
            shells.push('\n');
        }
    }
    replace(top, path, &shells, attributes);
    Ok(())
}

/// The sizes of packages' layers together, for the line of a stage.
pub fn bytes(layers: &[Layer]) -> u64 {
    let mut seen: BTreeMap<&TreePath, u64> = BTreeMap::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = &entry.kind {
            seen.insert(&entry.path, content.size());
        }
    }
    seen.values().sum()
}
