//! The overlay: the repository's files that lie over the world, and those that `/cfg` and `/data` start with.
//!
//! Owner, group, mode and flags come from the rules of the product definition, never from the host. Of the modes on the
//! host only the execute bit counts, which git records.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rootfs::tree::{Attributes, Content, Entry, EntryKind, Layer, Principal, TreePath};
use walkdir::{DirEntry, WalkDir};

use super::version_control;
use crate::product::{Overlay, Product, Rule};

/// The file that keeps an otherwise empty directory in git. It is never in an image.
const PLACEHOLDER: &str = ".gitkeep";

/// Files that may be mounted somewhere: their rules name them by their paths on the unit.
struct Source<'a> {
    /// The directories, as paths from the root of the repository.
    directories: Vec<&'a str>,
    /// Empty for the root file system, or the likes of `/cfg`.
    mount_point: &'a str,
    rules: Vec<&'a Rule>,
}

/// Reads the layers of the overlay and of `customize.install_files`, lowest first, from the repository at `root`. Adds a
/// note to `notes` for everything that is left out.
///
/// # Errors
/// A directory does not exist, a file cannot be read or cannot be in an image (a device, or a name that is not UTF-8), or a
/// rule matches nothing.
pub fn layers(root: &Path, product: &Product, notes: &mut Vec<String>) -> Result<Vec<Layer>> {
    let is_of_slice = |rule: &&Rule| slices(product).any(|(point, _)| is_below(&rule.pattern, point));
    let mut rules: Vec<&Rule> = product.overlay.rules.iter().collect();
    rules.retain(|rule| !is_of_slice(rule));
    let directories = product.overlay.folders.iter().map(String::as_str).collect();
    let mut layers = Source { directories, mount_point: "", rules }.read(root, notes)?;
    if let Some(files) = &product.customize.install_files {
        let files = Source::from(files).read(root, notes);
        layers.extend(files.context("customize.install_files")?);
    }
    Ok(layers)
}

/// Reads the initial content of the slice that is mounted on `mount_point`, `/cfg` or `/data`. The rules of the overlay
/// whose patterns begin with it apply. Adds notes as [`layers`] does.
///
/// # Errors
/// As [`layers`].
pub fn of_slice(
    root: &Path,
    product: &Product,
    mount_point: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Layer>> {
    let Some((_, directory)) = slices(product).find(|(point, _)| *point == mount_point) else {
        return Ok(Vec::new());
    };
    let rules = product.overlay.rules.iter().filter(|rule| is_below(&rule.pattern, mount_point));
    Source { directories: vec![directory], mount_point, rules: rules.collect() }.read(root, notes)
}

/// The mount points of the slices that start with files of the repository, with the directories of these files.
fn slices(product: &Product) -> impl Iterator<Item = (&'static str, &str)> {
    let slices = [("/cfg", product.cfg_folder.as_deref()), ("/data", product.data_folder.as_deref())];
    slices.into_iter().filter_map(|(point, directory)| Some((point, directory?)))
}

/// Whether `pattern` names something below `mount_point`.
fn is_below(pattern: &str, mount_point: &str) -> bool {
    pattern.strip_prefix(mount_point).is_some_and(|rest| rest.starts_with('/'))
}

impl<'a> From<&'a Overlay> for Source<'a> {
    fn from(overlay: &'a Overlay) -> Self {
        let directories = overlay.folders.iter().map(String::as_str).collect();
        Self { directories, mount_point: "", rules: overlay.rules.iter().collect() }
    }
}

impl Source<'_> {
    /// Reads a layer from each directory.
    fn read(&self, root: &Path, notes: &mut Vec<String>) -> Result<Vec<Layer>> {
        let mut used = vec![false; self.rules.len()];
        let layers = self.directories.iter();
        let layers = layers.map(|name| self.layer(name, &root.join(name), &mut used, notes));
        let layers = layers.collect::<Result<_>>()?;
        if let Some((rule, _)) = self.rules.iter().zip(&used).find(|(_, used)| !**used) {
            bail!(
                "overlay.rules.\"{}\" matches nothing in {}\nhint: correct its path, or remove it",
                rule.pattern,
                self.directories.join(", ")
            );
        }
        Ok(layers)
    }

    fn layer(&self, name: &str, dir: &Path, used: &mut [bool], notes: &mut Vec<String>) -> Result<Layer> {
        let mut layer = Layer::new(name);
        let mut files = WalkDir::new(dir).min_depth(1).sort_by_file_name().into_iter();
        while let Some(found) = files.next() {
            let found = found.with_context(|| format!("reading the overlay {}", dir.display()))?;
            if found.file_name() == PLACEHOLDER {
                continue;
            }
            let Some(relative) = found.path().strip_prefix(dir)?.to_str() else {
                bail!("reading the overlay: the name of {} is not UTF-8", found.path().display());
            };
            if version_control::is_metadata(found.file_name()) {
                notes.push(version_control::note(name, &format!("{}/{relative}", self.mount_point)));
                if found.file_type().is_dir() {
                    files.skip_current_dir();
                }
                continue;
            }
            let mut entry = entry(&found, TreePath::parse(relative)?)?;
            let path = format!("{}{}", self.mount_point, entry.path);
            for (rule, used) in self.rules.iter().zip(used.iter_mut()) {
                if matches(&rule.pattern, &path) {
                    *used = true;
                    apply(rule, &mut entry);
                }
            }
            layer.entries.push(entry);
        }
        Ok(layer)
    }
}

fn entry(found: &DirEntry, path: TreePath) -> Result<Entry> {
    let host = found.path();
    let metadata =
        found.metadata().with_context(|| format!("reading the overlay file {}", host.display()))?;
    let (kind, mode) = if metadata.is_dir() {
        (EntryKind::Directory, 0o755)
    } else if metadata.is_symlink() {
        let target = fs::read_link(host).with_context(|| format!("reading the link {}", host.display()))?;
        (EntryKind::Symlink(target.to_string_lossy().into_owned()), 0o755)
    } else if metadata.is_file() {
        let is_executable = metadata.permissions().mode() & 0o100 != 0;
        let content = Content::Host { path: host.to_owned(), size: metadata.len() };
        (EntryKind::File(content), if is_executable { 0o755 } else { 0o644 })
    } else {
        bail!("reading the overlay: {} is not a file, directory or symbolic link", host.display());
    };
    let implicit = metadata.is_dir();
    let origin = host.display().to_string();
    Ok(Entry { path, kind, attributes: Attributes::root(mode), implicit, replace: false, origin })
}

/// Whether `pattern` (`/a/b`, or `/a/**` for everything below `/a`) matches `path`.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("/**") {
        Some(above) => path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => path == pattern,
    }
}

fn apply(rule: &Rule, entry: &mut Entry) {
    let set = |owner: &mut Principal, value: &Option<Principal>| {
        if let Some(value) = value {
            owner.clone_from(value);
        }
    };
    set(&mut entry.attributes.user, &rule.user);
    set(&mut entry.attributes.group, &rule.group);
    entry.attributes.mode = rule.mode.unwrap_or(entry.attributes.mode);
    entry.attributes.flags = rule.flags.unwrap_or(entry.attributes.flags);
    entry.replace |= rule.replace;
    let states_attributes =
        rule.user.is_some() || rule.group.is_some() || rule.mode.is_some() || rule.flags.is_some();
    entry.implicit &= !states_attributes;
    entry.origin = format!("{} by rule \"{}\"", entry.origin, rule.pattern);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str) -> Rule {
        Rule { pattern: pattern.into(), user: None, group: None, mode: None, flags: None, replace: false }
    }

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root/bin")).unwrap();
        fs::write(dir.path().join("root/bin/save"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(dir.path().join("root/bin/save"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(dir.path().join("root/notes"), "x").unwrap();
        fs::write(dir.path().join("root/.gitkeep"), "").unwrap();
        dir
    }

    fn modes(layer: &Layer) -> Vec<(String, u16)> {
        layer.entries.iter().map(|entry| (entry.path.to_string(), entry.attributes.mode)).collect()
    }

    fn read(root: &Path, directories: &[&str], rules: &[Rule]) -> Result<Vec<Layer>> {
        let rules = rules.iter().collect();
        Source { directories: directories.to_vec(), mount_point: "", rules }.read(root, &mut Vec::new())
    }

    fn product(definition: &str) -> Product {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("appliance")).unwrap();
        fs::write(root.path().join(crate::product::DEFINITION), definition).unwrap();
        Product::load(root.path(), &[]).unwrap()
    }

    #[test]
    fn only_the_execute_bit_of_the_host_counts() {
        let dir = sample();
        fs::set_permissions(dir.path().join("root/notes"), fs::Permissions::from_mode(0o606)).unwrap();
        let layer = read(dir.path(), &[""], &[]).unwrap().remove(0);
        let expected =
            [("/root", 0o755), ("/root/bin", 0o755), ("/root/bin/save", 0o755), ("/root/notes", 0o644)];
        assert_eq!(modes(&layer), expected.map(|(path, mode)| (path.to_owned(), mode)));
    }

    #[test]
    fn a_later_rule_overrides_an_earlier_one() {
        let dir = sample();
        let all = Rule { mode: Some(0o700), user: Some("operator".into()), ..rule("/root/**") };
        let one = Rule { mode: Some(0o640), ..rule("/root/notes") };
        let layer = read(dir.path(), &[""], &[all, one]).unwrap().remove(0);
        assert_eq!(modes(&layer)[3], ("/root/notes".to_owned(), 0o640));
        assert_eq!(layer.entries[3].attributes.user, Principal::Name("operator".into()));
        assert_eq!(layer.entries[0].attributes.user, Principal::Id(0), "`/root/**` does not match /root");
    }

    #[test]
    fn a_rule_that_matches_nothing_is_refused() {
        let error = read(sample().path(), &[""], &[rule("/root/notez")]).unwrap_err().to_string();
        assert!(error.contains("\"/root/notez\" matches nothing"), "{error}");
    }

    #[test]
    fn rules_below_cfg_are_for_the_files_of_cfg() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["overlay/etc/motd", "site/cfg/ssh/key", "site/cfg/.git/config", "overlay/CVS/Root"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let rule = "[overlay.rules.\"/cfg/ssh/key\"]\nmode = \"0600\"\n";
        let with_cfg = product(&format!("[slices]\ncfg_folder = \"site/cfg\"\n{rule}"));
        let mut notes = Vec::new();
        let cfg = of_slice(dir.path(), &with_cfg, "/cfg", &mut notes).unwrap().remove(0);
        assert_eq!(modes(&cfg), [("/ssh".to_owned(), 0o755), ("/ssh/key".to_owned(), 0o600)]);
        let overlay = layers(dir.path(), &with_cfg, &mut notes).unwrap().remove(0);
        assert_eq!(modes(&overlay).len(), 2);
        assert!(of_slice(dir.path(), &with_cfg, "/data", &mut notes).unwrap().is_empty());
        assert!(notes[0].starts_with("`site/cfg`: left out /cfg/.git: "), "{notes:?}");
        assert!(notes[1].starts_with("`overlay`: left out /CVS: "), "{notes:?}");
        let error = layers(dir.path(), &product(rule), &mut notes).unwrap_err().to_string();
        assert!(error.contains("\"/cfg/ssh/key\" matches nothing in overlay"), "{error}");
    }

    #[test]
    fn each_directory_is_a_layer_and_rules_are_for_all() {
        let dir = tempfile::tempdir().unwrap();
        for (directory, file) in [("first", "a"), ("second", "b")] {
            fs::create_dir(dir.path().join(directory)).unwrap();
            fs::write(dir.path().join(directory).join(file), "").unwrap();
        }
        let layers =
            read(dir.path(), &["first", "second"], &[Rule { mode: Some(0o600), ..rule("/b") }]).unwrap();
        assert_eq!(modes(&layers[0]), [("/a".to_owned(), 0o644)]);
        assert_eq!(modes(&layers[1]), [("/b".to_owned(), 0o600)]);
        assert_eq!(layers[1].name, "second");
        let error = format!("{:#}", read(dir.path(), &["third"], &[]).unwrap_err());
        assert!(error.contains("third"), "{error}");
    }
}
