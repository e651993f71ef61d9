//! Which version a build is: what `appliance.toml` says, and where git stands.
//!
//! On the tag `v1.2.3` it is `1.2.3`; elsewhere `1.2.3-dev.N+gHASH`, N being the commits since the last tag; with
//! changes that are not committed, `.dirty` is added. So two images with one version hold the same sources.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::git;

/// Digits of a commit's hash in a version.
const HASH_DIGITS: usize = 9;

/// The version of a build and the commit behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The whole version, as it names the image.
    pub text: String,
    /// The full hash of the commit; empty outside a git repository.
    pub commit: String,
    /// The commit's time in seconds since 1970: every time stamp in the image.
    pub time: i64,
    /// There are changes that no commit holds.
    pub dirty: bool,
    /// The commit carries the tag of this release.
    pub tagged: bool,
}

impl Version {
    /// The version of the repository at `root`, for the release `release` of the product definition.
    ///
    /// # Errors
    /// git cannot be run, or `root` is not a repository with a commit. The message has what git says.
    pub fn of_repository(root: &Path, release: &str) -> Result<Self> {
        let head = git::read(root, "the last commit", &["log", "-1", "--format=%H%n%ct"])?;
        let (commit, time) =
            head.split_once('\n').context("reading the last commit: git printed one line")?;
        let dirty = !git::read(root, "the uncommitted changes", &["status", "--porcelain"])?.is_empty();
        let describe = ["describe", "--tags", "--long", "--match", "v[0-9]*", "--abbrev=40"];
        let described = git::read(root, "the last tag", &describe);
        let (tag, distance) = match described.ok().as_deref().and_then(split_description) {
            Some((tag, distance)) => (Some(tag), distance),
            None => {
                (None, git::read(root, "the number of commits", &["rev-list", "--count", "HEAD"])?.parse()?)
            }
        };
        Ok(Self::compose(release, commit, time.trim().parse()?, dirty, tag.as_deref(), distance))
    }

    fn compose(
        release: &str,
        commit: &str,
        time: i64,
        dirty: bool,
        tag: Option<&str>,
        distance: u32,
    ) -> Self {
        let tagged = distance == 0 && tag.and_then(|tag| tag.strip_prefix('v')) == Some(release);
        let mut text = release.to_owned();
        if !tagged || dirty {
            let hash = &commit[..commit.len().min(HASH_DIGITS)];
            text = format!("{release}-dev.{distance}+g{hash}{}", if dirty { ".dirty" } else { "" });
        }
        Self { text, commit: commit.to_owned(), time, dirty, tagged }
    }

    /// Accepts `MAJOR.MINOR.PATCH`.
    ///
    /// # Errors
    /// Anything else.
    pub fn check_release(text: &str) -> Result<String> {
        let parts: Vec<&str> = text.split('.').collect();
        let number =
            |part: &&str| !part.is_empty() && part.len() < 6 && part.bytes().all(|b| b.is_ascii_digit());
        let is_plain = parts.len() == 3 && parts.iter().all(number);
        // Units compare versions as semver does, which knows no `01`.
        ensure!(
            is_plain && semver::Version::parse(text).is_ok(),
            "`{text}` is not MAJOR.MINOR.PATCH, as in 1.12.0"
        );
        Ok(text.to_owned())
    }
}

/// Splits what `git describe --long` prints, `TAG-DISTANCE-gHASH`.
fn split_description(text: &str) -> Option<(String, u32)> {
    let (rest, _hash) = text.rsplit_once("-g")?;
    let (tag, distance) = rest.rsplit_once('-')?;
    Some((tag.to_owned(), distance.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_version_tells_where_git_stands() {
        let text = |dirty, tag, distance| Version::compose("1.2.3", COMMIT, 0, dirty, tag, distance).text;
        assert_eq!(text(false, Some("v1.2.3"), 0), "1.2.3");
        assert_eq!(text(false, Some("v1.2.2"), 0), "1.2.3-dev.0+g012345678");
        assert_eq!(text(false, Some("v1.2.2"), 7), "1.2.3-dev.7+g012345678");
        assert_eq!(text(true, Some("v1.2.3"), 0), "1.2.3-dev.0+g012345678.dirty");
        assert_eq!(text(false, None, 12), "1.2.3-dev.12+g012345678");
    }

    #[test]
    fn descriptions_with_dashes_in_the_tag_are_split() {
        assert_eq!(split_description("v1.2.3-rc-1-4-gabcdef"), Some(("v1.2.3-rc-1".into(), 4)));
        assert_eq!(split_description("nonsense"), None);
    }
}
