//! The directory of a version: written under a temporary name, then renamed, so that `latest` never points to something
//! incomplete.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The name of the link to the directory of the latest build.
pub const LATEST: &str = "latest";
/// The name of the mtree(5) specification beside the images.
pub const SPEC: &str = "slot.mtree";
/// The name of the manifest beside the images.
pub const MANIFEST: &str = "manifest.json";
/// The name of the file with the inputs of a build, which shows whether anything has changed.
const INPUTS: &str = "_.inputs";
/// The prefix of directories that are not complete yet.
const STAGING: &str = ".making-";

/// The digest of each input of a build, by the name of the input.
pub type Inputs = BTreeMap<String, String>;

/// The output directory, which holds a directory for each version.
#[derive(Clone, Debug)]
pub struct Output {
    dir: PathBuf,
}

impl Output {
    /// Opens the output directory `dir`, and creates it if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)
            .with_context(|| format!("creating the output directory {}", dir.display()))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The directory of `version`.
    pub fn version_dir(&self, version: &str) -> PathBuf {
        self.dir.join(version)
    }

    /// The link to the directory of the latest build.
    pub fn latest(&self) -> PathBuf {
        self.dir.join(LATEST)
    }

    /// Why the directory of `version` is not up to date with `inputs`, or `None` if it is.
    pub fn stale(&self, version: &str, inputs: &Inputs, files: &[String]) -> Option<String> {
        let dir = self.version_dir(version);
        let known = fs::read_to_string(dir.join(INPUTS)).ok();
        let Some(known) = known.and_then(|text| serde_json::from_str::<Inputs>(&text).ok()) else {
            return Some("not built yet".to_owned());
        };
        if let Some(name) =
            inputs.iter().find(|(name, digest)| known.get(*name) != Some(digest)).map(|(name, _)| name)
        {
            return Some(format!("changed: {name}"));
        }
        files.iter().find(|file| !dir.join(file).is_file()).map(|file| format!("{file} is missing"))
    }

    /// Creates a directory to build a version in. It is removed unless it is passed to [`Output::publish`].
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn stage(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(&self.dir)
            .with_context(|| format!("creating a directory in {}", self.dir.display()))
    }

    /// Replaces the directory of `version` with `staged`, and points `latest` to it.
    ///
    /// # Errors
    /// A directory cannot be renamed; the previous one is still in place then.
    pub fn publish(&self, staged: TempDir, version: &str, inputs: &Inputs) -> Result<PathBuf> {
        let record = serde_json::to_string_pretty(inputs)?;
        fs::write(staged.path().join(INPUTS), record + "\n").context("writing the inputs of the build")?;
        let dir = self.version_dir(version);
        let retired = self.dir.join(format!("{STAGING}retired-{version}"));
        if dir.exists() {
            remove_tree(&retired)?;
            fs::rename(&dir, &retired)
                .with_context(|| format!("moving the previous {} aside", dir.display()))?;
        }
        let renamed =
            fs::rename(staged.path(), &dir).with_context(|| format!("moving {} into place", dir.display()));
        if renamed.is_err() && retired.exists() {
            fs::rename(&retired, &dir)
                .with_context(|| format!("moving the previous {} back", dir.display()))?;
        }
        renamed?;
        let _ = staged.keep(); // it has its final name now
        set_permissions(&dir)?;
        self.point_latest(version)?;
        remove_tree(&retired)?;
        Ok(dir)
    }

    /// Points `latest` to the directory of `version`.
    ///
    /// # Errors
    /// The link cannot be replaced.
    pub fn point_latest(&self, version: &str) -> Result<()> {
        let link = self.latest();
        if fs::read_link(&link).is_ok_and(|target| target == Path::new(version)) {
            return Ok(());
        }
        let fresh = self.dir.join(format!("{STAGING}{LATEST}"));
        let _ = fs::remove_file(&fresh);
        symlink(version, &fresh)
            .and_then(|()| fs::rename(&fresh, &link))
            .with_context(|| format!("pointing {} to {version}", link.display()))
    }
}

/// Gives a staged directory, which is private, the usual permissions.
fn set_permissions(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("setting the permissions of {}", dir.display()))
}

fn remove_tree(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs_extra::dir::remove(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(overlay: &str) -> Inputs {
        Inputs::from([("overlay".to_owned(), overlay.to_owned())])
    }

    #[test]
    fn a_build_that_fails_leaves_latest_alone() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::open(dir.path()).unwrap();
        let staged = output.stage().unwrap();
        fs::write(staged.path().join("a.img"), "good").unwrap();
        output.publish(staged, "1.0.0", &inputs("x")).unwrap();

        let failed = output.stage().unwrap();
        fs::write(failed.path().join("a.img"), "half").unwrap();
        drop(failed);
        assert_eq!(fs::read_to_string(dir.path().join("latest/a.img")).unwrap(), "good");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "the version and `latest`, nothing incomplete"
        );
    }

    #[test]
    fn a_version_that_is_built_again_replaces_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::open(dir.path()).unwrap();
        for text in ["first", "second"] {
            let staged = output.stage().unwrap();
            fs::write(staged.path().join("a.img"), text).unwrap();
            output.publish(staged, "1.0.0", &inputs(text)).unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("latest/a.img")).unwrap(), "second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_changed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::open(dir.path()).unwrap();
        let files = ["a.img".to_owned()];
        assert_eq!(output.stale("1.0.0", &inputs("x"), &files).unwrap(), "not built yet");
        let staged = output.stage().unwrap();
        fs::write(staged.path().join("a.img"), "").unwrap();
        let published = output.publish(staged, "1.0.0", &inputs("x")).unwrap();
        assert_eq!(output.stale("1.0.0", &inputs("x"), &files), None);
        assert_eq!(output.stale("1.0.0", &inputs("y"), &files).unwrap(), "changed: overlay");
        fs::remove_file(published.join("a.img")).unwrap();
        assert_eq!(output.stale("1.0.0", &inputs("x"), &files).unwrap(), "a.img is missing");
    }
}
