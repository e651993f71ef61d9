//! The overlay: the repository's files that lie over the world.
//!
//! Owner, group, mode and flags come from the rules of the product definition, never from the host; of the host's
//! modes only the run bit counts, which git keeps.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rootfs::tree::{Attributes, Content, Entry, EntryKind, Layer, Principal, TreePath};
use walkdir::{DirEntry, WalkDir};

use crate::product::{Overlay, Rule};

/// Keeps an otherwise empty directory in git; never in an image.
const PLACEHOLDER: &str = ".gitkeep";

/// Reads the overlay's folders, which are below `root`, by its rules: a layer each, in their order.
///
/// # Errors
/// A folder that is not there, a file that cannot be read or has no place in an image (a device, a name that is not
/// UTF-8), or a rule that matches nothing.
pub fn layers(root: &Path, overlay: &Overlay) -> Result<Vec<Layer>> {
    let rules = &overlay.rules;
    let mut used = vec![false; rules.len()];
    let folders = overlay.folders.iter();
    let layers =
        folders.map(|folder| layer(folder, &root.join(folder), rules, &mut used)).collect::<Result<_>>()?;
    if let Some((rule, _)) = rules.iter().zip(&used).find(|(_, used)| !**used) {
        bail!(
            "overlay.rules.\"{}\" matches nothing in {}; correct its path or remove it",
            rule.pattern,
            overlay.folders.join(", ")
        );
    }
    Ok(layers)
}

fn layer(name: &str, dir: &Path, rules: &[Rule], used: &mut [bool]) -> Result<Layer> {
    let mut layer = Layer::new(name);
    for found in WalkDir::new(dir).min_depth(1).sort_by_file_name() {
        let found = found.with_context(|| format!("reading the overlay {}", dir.display()))?;
        if found.file_name() == PLACEHOLDER {
            continue;
        }
        let Some(relative) = found.path().strip_prefix(dir)?.to_str() else {
            bail!("reading the overlay: the name of {} is not UTF-8", found.path().display());
        };
        let path = TreePath::parse(relative)?;
        let mut entry = entry(&found, path)?;
        for (rule, used) in rules.iter().zip(used.iter_mut()) {
            if matches(&rule.pattern, &entry.path) {
                *used = true;
                apply(rule, &mut entry);
            }
        }
        layer.entries.push(entry);
    }
    Ok(layer)
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
        let run = metadata.permissions().mode() & 0o100 != 0;
        let content = Content::Host { path: host.to_owned(), size: metadata.len() };
        (EntryKind::File(content), if run { 0o755 } else { 0o644 })
    } else {
        bail!("reading the overlay: {} is neither file, directory nor symbolic link", host.display());
    };
    let implicit = metadata.is_dir();
    let origin = host.display().to_string();
    Ok(Entry { path, kind, attributes: Attributes::root(mode), implicit, replace: false, origin })
}

/// Whether `pattern` (`/a/b`, or `/a/**` for all below `/a`) names `path`.
fn matches(pattern: &str, path: &TreePath) -> bool {
    let path = path.to_string();
    match pattern.strip_suffix("/**") {
        Some(above) => path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => path == pattern,
    }
}

fn apply(rule: &Rule, entry: &mut Entry) {
    let set = |place: &mut Principal, value: &Option<Principal>| {
        if let Some(value) = value {
            place.clone_from(value);
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

    fn read(root: &Path, folders: &[&str], rules: &[Rule]) -> Result<Vec<Layer>> {
        let folders = folders.iter().map(|&folder| folder.to_owned()).collect();
        layers(root, &Overlay { folders, rules: rules.to_vec() })
    }

    #[test]
    fn only_the_run_bit_of_the_host_counts() {
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
        assert_eq!(layer.entries[0].attributes.user, Principal::Id(0), "`/root/**` is what lies below /root");
    }

    #[test]
    fn a_rule_for_nothing_is_told() {
        let error = read(sample().path(), &[""], &[rule("/root/notez")]).unwrap_err().to_string();
        assert!(error.contains("\"/root/notez\" matches nothing"), "{error}");
    }
    #[test]
    fn each_folder_is_a_layer_and_rules_are_for_all() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, file) in [("first", "a"), ("second", "b")] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(file), "").unwrap();
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
