//! Finds builds: a file, a device, the directory of a version, or a version in the output directory.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use builder::image::output::{LATEST, MANIFEST, SPEC};
use builder::keys::Trusted;
use builder::workspace;

use super::build::Built;
use super::{image, manifest, spec};
use crate::disk::Disk;

/// The link to the full image in the directory of a version.
const FULL: &str = "_.disk.full";
/// The link to the slot image there.
const SLOT: &str = "_.disk.image";

/// The builds in an output directory, and any others.
#[derive(Clone, Debug)]
pub struct Builds {
    output: PathBuf,
    keys: Vec<PathBuf>,
}

impl Builds {
    /// Builds in `output`, by default in the output directory of the repository. Updates must be signed with a key that is
    /// known here or is in one of the files `keys`.
    pub fn new(output: Option<PathBuf>, keys: Vec<PathBuf>) -> Self {
        Self { output: output.unwrap_or_else(|| workspace::target().join("firmware")), keys }
    }

    /// The directory with a directory for each version.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Whether the output directory has `version`.
    pub fn has(&self, version: &str) -> bool {
        let dir = self.output.join(version);
        [MANIFEST, SPEC].iter().any(|name| dir.join(name).is_file())
    }

    /// Opens the build `what`: a path, or else a version in the output directory. `slot` selects the slot of a card; the
    /// default is 1.
    ///
    /// # Errors
    /// It does not exist, or is damaged.
    pub fn open(&self, what: &Path, slot: Option<u8>) -> Result<Built> {
        let path = self.find(what)?;
        let kind = SourceKind::of(&path)?;
        ensure!(
            slot.is_none() || kind == SourceKind::Image,
            "selecting slot {} of {}: only the image of a card has two slots",
            slot.unwrap_or_default(),
            path.display()
        );
        match kind {
            SourceKind::Image => image::read(&Disk::open(&path)?, slot),
            SourceKind::Update => self.update(&path),
            SourceKind::Directory => directory(&path),
            SourceKind::Specification => Built::specified(&path.display().to_string(), &text(&path)?),
            SourceKind::Manifest => {
                let mut built = Built::new(String::new(), path.display().to_string());
                take_manifest(&mut built, &path)?;
                Ok(built)
            }
        }
    }

    fn update(&self, path: &Path) -> Result<Built> {
        let keys = Trusted::known(&workspace::root(), &self.keys)?;
        let (properties, slot) = crate::bundle::unpack(path, &keys)?;
        let mut built = image::read(&Disk::of(slot, path)?, None)?;
        built.update = Some(properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        Ok(built)
    }

    /// Opens the build that `latest` points to.
    ///
    /// # Errors
    /// There is no build, or it is damaged.
    pub fn latest(&self) -> Result<Built> {
        let latest = self.output.join(LATEST);
        ensure!(
            latest.exists(),
            "looking for the latest build: there is no {}\nhint: run `cargo xtask image`",
            latest.display()
        );
        directory(&latest)
    }

    fn find(&self, what: &Path) -> Result<PathBuf> {
        if what.exists() {
            return Ok(what.to_owned());
        }
        let inside = self.output.join(what);
        if inside.exists() {
            return Ok(inside);
        }
        let known = match self.versions().as_slice() {
            [] => "which has no builds".to_owned(),
            versions => format!("which has {}", versions.join(", ")),
        };
        bail!(
            "looking for the build `{}`: there is no such file, and no such version in {}, {known}",
            what.display(),
            self.output.display()
        )
    }

    /// The versions in the output directory.
    fn versions(&self) -> Vec<String> {
        let names = fs::read_dir(&self.output).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut versions: Vec<String> =
            names.filter(|name| name != LATEST && !name.starts_with('.') && self.has(name)).collect();
        versions.sort();
        versions
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    Directory,
    Image,
    Update,
    Specification,
    Manifest,
}

impl SourceKind {
    /// Decides by content, because a specification may have any name.
    fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Directory);
        }
        if crate::bundle::is_one(path)? {
            return Ok(Self::Update);
        }
        let mut head = Vec::new();
        File::open(path)
            .and_then(|file| file.take(spec::SIGNATURE.len() as u64).read_to_end(&mut head))
            .with_context(|| format!("reading {}", path.display()))?;
        Ok(match head.as_slice() {
            head if head == spec::SIGNATURE.as_bytes() => Self::Specification,
            [b'{', ..] => Self::Manifest,
            _ => Self::Image,
        })
    }
}

/// Reads the build in the directory of a version: manifest and specification first, an image for the rest.
fn directory(dir: &Path) -> Result<Built> {
    let attempt = || format!("reading the build in {}", dir.display());
    let there = |names: [&str; 2]| names.map(|name| Some(dir.join(name)).filter(|path| path.exists()));
    let [manifest, specification] = there([MANIFEST, SPEC]);
    ensure!(
        manifest.is_some() || specification.is_some(),
        "{}: it has neither {SPEC} nor {MANIFEST}\nhint: pass the directory of one version",
        attempt()
    );
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut built = match there([FULL, SLOT]).into_iter().flatten().next() {
        Some(image) => image::read(&Disk::open(&image)?, None).with_context(attempt)?,
        None => Built::new(String::new(), String::new()),
    };
    (built.name, built.source) = (name, dir.display().to_string());
    if let Some(path) = manifest {
        take_manifest(&mut built, &path)?;
    }
    if let Some(path) = specification {
        built.set_paths(spec::parse(&path.display().to_string(), &text(&path)?)?);
    }
    Ok(built)
}

fn take_manifest(built: &mut Built, path: &Path) -> Result<()> {
    let read = manifest::parse(&path.display().to_string(), &text(path)?)?;
    built.name = read.version;
    built.manifest = Some(read.properties);
    built.layers = read.layers.or(built.layers.take());
    built.usage = read.usage.or(built.usage);
    Ok(())
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::built::node::LayerTotal;

    #[test]
    fn manifest_or_specification_is_enough() {
        let output = tempfile::tempdir().unwrap();
        let builds = Builds::new(Some(output.path().to_owned()), Vec::new());
        let dir = output.path().join("1.2.3");
        fs::create_dir(&dir).unwrap();
        assert!(!builds.has("1.2.3"));
        let open = || builds.open(Path::new("1.2.3"), None).unwrap();

        // An old specification does not list layers; the manifest does.
        fs::write(dir.join(SPEC), "#mtree 2.0\n. type=dir mode=0755\n./a type=file mode=0644 size=4\n")
            .unwrap();
        let built = open();
        assert_eq!((built.name.as_str(), built.manifest, built.usage), ("1.2.3", None, None));
        assert_eq!(built.layers.unwrap()["?"], LayerTotal { paths: 2, bytes: 4 });
        let manifest = r#"{"version": "1.2.3-x", "layers": [{"name": "world", "entries": 2, "bytes": 4}]}"#;
        fs::write(dir.join(MANIFEST), manifest).unwrap();
        let built = open();
        assert_eq!((built.name.as_str(), built.paths.unwrap().len()), ("1.2.3-x", 2));
        assert_eq!(built.layers.unwrap()["world"], LayerTotal { paths: 2, bytes: 4 });
        fs::remove_file(dir.join(SPEC)).unwrap();
        let built = open();
        assert_eq!((built.paths, built.layers.unwrap().len()), (None, 1));
        assert!(builds.has("1.2.3"));
    }
}
