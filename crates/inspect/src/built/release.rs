//! The releases that a build can be compared with: those that are tagged, and those whose build is present.

use std::path::Path;

use anyhow::{Context, Result};
use builder::git;
use semver::Version;

use super::builds::Builds;

/// The releases before a build.
#[derive(Debug, PartialEq, Eq)]
pub struct Releases {
    /// The newest that has a tag.
    pub newest: Option<Version>,
    /// The newest that has a tag and whose build is present.
    pub present: Option<Version>,
}

impl Releases {
    /// The releases before `version` with a tag `vMAJOR.MINOR.PATCH` in the repository at `root`; `builds` decides which
    /// are present. A development build comes after the release that its version begins with. If `version` is not a
    /// version, all releases come before it.
    ///
    /// # Errors
    /// git fails.
    pub fn before(version: &str, root: &Path, builds: &Builds) -> Result<Self> {
        let tags = git::read(root, "the release tags", &["tag", "--list", "v[0-9]*"])
            .context("looking for an earlier release\nhint: --since VERSION|FILE needs no tags")?;
        Ok(Self::among(&tags, version, |release| builds.has(release)))
    }

    fn among(tags: &str, version: &str, is_present: impl Fn(&str) -> bool) -> Self {
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
        let present = releases.iter().rfind(|release| is_present(&release.to_string())).cloned();
        Self { newest: releases.pop(), present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_before_is_the_newest_that_is_tagged_and_present() {
        let tags = "v0.9.0\nv0.10.0\nv0.2.0\nv1.0.0-rc.1\nv2.old\nvx\n";
        let find = |version: &str, present: &[&str]| {
            let releases = Releases::among(tags, version, |release| present.contains(&release));
            [releases.newest, releases.present].map(|release| release.map(|release| release.to_string()))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(find("0.10.0-dev.1+g12", &["0.2.0", "0.10.0"]), [some("0.10.0"), some("0.10.0")]);
        assert_eq!(find("0.10.0", &["0.2.0", "0.10.0"]), [some("0.9.0"), some("0.2.0")]);
        assert_eq!(find("1.0.0-rc.1", &["1.0.0-rc.1"]), [some("0.10.0"), None]);
        assert_eq!(find("0.2.0", &["0.2.0"]), [None, None]);
        assert_eq!(find("slot.mtree", &[]), [some("0.10.0"), None]);
    }
}
