//! `[overlay]`: directories of the repository that lie over the world, and the attributes of their files.

use std::path::{Component, Path};

use anyhow::{Context, Result, ensure};
use rootfs::tree::Principal;

use super::raw::{RawOverlay, RawRule};

/// Files of the repository that lie over the world.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Directories, from the root of the repository; the later lies over the earlier.
    pub folders: Vec<String>,
    /// Attributes of their files.
    pub rules: Vec<Rule>,
}

/// Attributes of overlay files.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The pattern: a path of the image, or one with `/**` behind it for all below.
    pub pattern: String,
    /// The owning user.
    pub user: Option<Principal>,
    /// The owning group.
    pub group: Option<Principal>,
    /// Permission bits.
    pub mode: Option<u16>,
    /// File flags.
    pub flags: Option<u32>,
    /// It may replace the world's file.
    pub replace: bool,
}

impl Overlay {
    pub(super) fn check(raw: RawOverlay) -> Result<Self> {
        let check = |(pattern, rule): (String, RawRule)| {
            Rule::check(&pattern, rule).with_context(|| format!("overlay.rules.\"{pattern}\""))
        };
        let folders = raw.folders.unwrap_or_else(|| vec!["overlay".to_owned()]);
        for folder in &folders {
            check_directory("overlay.folders", folder)?;
        }
        Ok(Self {
            folders,
            rules: raw.rules.unwrap_or_default().into_iter().map(check).collect::<Result<_>>()?,
        })
    }
}

impl Rule {
    /// A rule that states nothing yet.
    pub(super) fn of(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), user: None, group: None, mode: None, flags: None, replace: false }
    }

    fn check(pattern: &str, raw: RawRule) -> Result<Self> {
        ensure!(pattern.starts_with('/'), "a rule's path starts with `/`, the root of the image");
        let mode = raw.mode.map(|mode| octal(&mode)).transpose()?;
        let flags = raw.flags.map(|flags| rootfs::flags::parse(&flags)).transpose()?;
        Ok(Self {
            pattern: pattern.to_owned(),
            user: raw.user.as_deref().map(Principal::from),
            group: raw.group.as_deref().map(Principal::from),
            mode,
            flags,
            replace: raw.replace.unwrap_or(false),
        })
    }
}

/// A directory of the repository; an empty name stands for no directory.
pub(super) fn directory(key: &str, directory: Option<String>) -> Result<Option<String>> {
    let directory = directory.filter(|directory| !directory.is_empty());
    directory.iter().try_for_each(|directory| check_directory(key, directory))?;
    Ok(directory)
}

fn check_directory(key: &str, directory: &str) -> Result<()> {
    let inside = Path::new(directory).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        inside && !directory.is_empty(),
        "{key}: `{directory}` is not a directory of the repository\nhint: write its path from the root of the \
         repository, as \"overlay\""
    );
    Ok(())
}

/// Permission bits as chmod(1) takes them in digits.
pub(super) fn octal(mode: &str) -> Result<u16> {
    u16::from_str_radix(mode, 8)
        .ok()
        .filter(|bits| *bits <= 0o7777)
        .with_context(|| format!("mode: `{mode}` is not octal\nhint: write for instance \"0600\""))
}
