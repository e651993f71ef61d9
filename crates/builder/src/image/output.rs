//! The folder of a version: made aside, then put in place in one step, so that nothing half-written is ever what
//! `latest` points to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The link to the folder of the newest build.
pub const LATEST: &str = "latest";
/// The mtree(5) specification beside the images.
pub const SPEC: &str = "slot.mtree";
/// The manifest beside the images.
pub const MANIFEST: &str = "manifest.json";
/// What went into the build in a folder, to know when nothing has changed.
const INPUTS: &str = "_.inputs";
/// Prefix of folders that are being made.
const STAGING: &str = ".making-";

/// By name, a digest of each input of a build.
pub type Inputs = BTreeMap<String, String>;

/// The folder that holds a folder for each version.
#[derive(Clone, Debug)]
pub struct Output {
    dir: PathBuf,
}

impl Output {
    /// The output in `dir`, which is made when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making the output folder {}", dir.display()))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The folder of `version`.
    pub fn version_dir(&self, version: &str) -> PathBuf {
        self.dir.join(version)
    }

    /// Where the folder of the newest build is found.
    pub fn latest(&self) -> PathBuf {
        self.dir.join(LATEST)
    }

    /// Why the folder of `version` is not what `inputs` would make again; `None` when it is.
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
        files.iter().find(|file| !dir.join(file).is_file()).map(|file| format!("{file} is gone"))
    }

    /// A new folder to make a version in; it is removed unless [`Output::publish`] gets it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn stage(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(&self.dir)
            .with_context(|| format!("making a folder in {}", self.dir.display()))
    }

    /// Puts `staged` in the place of the folder of `version` and lets `latest` point to it.
    ///
    /// # Errors
    /// The folders cannot be renamed; what was there before is still there then.
    pub fn publish(&self, staged: TempDir, version: &str, inputs: &Inputs) -> Result<PathBuf> {
        let record = serde_json::to_string_pretty(inputs)?;
        fs::write(staged.path().join(INPUTS), record + "\n").context("writing what went into the build")?;
        let dir = self.version_dir(version);
        let retired = self.dir.join(format!("{STAGING}retired-{version}"));
        if dir.exists() {
            remove_tree(&retired)?;
            fs::rename(&dir, &retired)
                .with_context(|| format!("moving the former {} aside", dir.display()))?;
        }
        let placed =
            fs::rename(staged.path(), &dir).with_context(|| format!("putting {} in place", dir.display()));
        if placed.is_err() && retired.exists() {
            fs::rename(&retired, &dir)
                .with_context(|| format!("putting the former {} back", dir.display()))?;
        }
        placed?;
        let _ = staged.keep(); // it has its final name now
        set_permissions(&dir)?;
        self.point_latest(version)?;
        remove_tree(&retired)?;
        Ok(dir)
    }

    /// Lets `latest` point to the folder of `version`.
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

/// A staged folder is private; a published one is as any other.
fn set_permissions(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("opening {} to others", dir.display()))
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
            "the version and `latest`, nothing half-made"
        );
    }

    #[test]
    fn a_version_that_is_built_again_replaces_its_folder() {
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
        assert_eq!(output.stale("1.0.0", &inputs("x"), &files).unwrap(), "a.img is gone");
    }
}
