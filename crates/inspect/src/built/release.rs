//! The releases that a build can be held against: those that are tagged, and those of them that are at hand.

use std::path::Path;

use anyhow::{Context, Result};
use semver::Version;
use xshell::{Shell, cmd};

use super::Builds;

/// The releases before a build.
#[derive(Debug, PartialEq, Eq)]
pub struct Releases {
    /// The newest that has a tag.
    pub newest: Option<Version>,
    /// The newest that has a tag and is at hand.
    pub at_hand: Option<Version>,
}

impl Releases {
    /// Those before `version` that the repository at `root` has a tag for, `vMAJOR.MINOR.PATCH`; those at hand are among
    /// `builds`. A build that is no release comes after the release that it is named after; before what has no version come
    /// all.
    ///
    /// # Errors
    /// git cannot be asked.
    pub fn before(version: &str, root: &Path, builds: &Builds) -> Result<Self> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        let tags = cmd!(shell, "git tag --list v[0-9]*").quiet().ignore_stderr().read();
        let tags = tags.with_context(|| {
            format!("asking git for the releases of {} (--since VERSION|FILE asks for none)", root.display())
        })?;
        Ok(Self::among(&tags, version, |release| builds.has(release)))
    }

    fn among(tags: &str, version: &str, is_at_hand: impl Fn(&str) -> bool) -> Self {
        let is_release = |version: &Version| version.pre.is_empty() && version.build.is_empty();
        let own = Version::parse(version).ok();
        let is_before = |release: &Version| {
            let Some(own) = &own else { return true };
            let named_after = (own.major, own.minor, own.patch);
            let order = (release.major, release.minor, release.patch).cmp(&named_after);
            order.is_lt() || order.is_eq() && !is_release(own)
        };
        let mut releases: Vec<Version> = tags
            .lines()
            .filter_map(|tag| Version::parse(tag.strip_prefix('v')?).ok())
            .filter(|release| is_release(release) && is_before(release))
            .collect();
        releases.sort();
        let at_hand = releases.iter().rfind(|release| is_at_hand(&release.to_string())).cloned();
        Self { newest: releases.pop(), at_hand }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_before_is_the_newest_that_is_tagged_and_at_hand() {
        let tags = "v0.9.0\nv0.10.0\nv0.2.0\nv1.0.0-rc.1\nv2.old\nvx\n";
        let find = |version: &str, at_hand: &[&str]| {
            let releases = Releases::among(tags, version, |release| at_hand.contains(&release));
            [releases.newest, releases.at_hand].map(|release| release.map(|release| release.to_string()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(find("0.10.0-dev.1+g12", &["0.2.0", "0.10.0"]), [some("0.10.0"), some("0.10.0")]);
        assert_eq!(find("0.10.0", &["0.2.0", "0.10.0"]), [some("0.9.0"), some("0.2.0")]);
        assert_eq!(find("1.0.0-rc.1", &["1.0.0-rc.1"]), [some("0.10.0"), None]);
        assert_eq!(find("0.2.0", &["0.2.0"]), [None, None]);
        assert_eq!(find("slot.mtree", &[]), [some("0.10.0"), None]);
    }
}
