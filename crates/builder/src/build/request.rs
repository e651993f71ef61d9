//! The request of a build: what to build, from what. It is checked before the build begins.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::image::output::{MANIFEST, SPEC};
use crate::product::{DEFINITION, Product, Version};
use crate::services::Edition;
use crate::world::Origin;
use crate::world::source::SkipOptions;
use crate::{bundle, packages};

/// What to build, and from what.
#[derive(Debug)]
pub struct BuildRequest {
    /// The product.
    pub product: Product,
    /// The files of the product definition. Later files override earlier ones.
    pub definition: Vec<PathBuf>,
    /// The packages of the product.
    pub packages: packages::Selection,
    /// The version of the build.
    pub version: Version,
    /// Whether this is a release or a development build.
    pub edition: Edition,
    /// The origin of FreeBSD.
    pub origin: Origin,
    /// The steps of FreeBSD's build that are skipped.
    pub skip: SkipOptions,
    /// The images to build.
    pub outputs: Outputs,
    /// The directory that holds the directory of the version.
    pub output_dir: PathBuf,
}

/// Which images are built.
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
    /// The full image.
    pub full: bool,
    /// The slot image and its update bundle.
    pub slot: bool,
}

impl Outputs {
    /// Checks that there is at least one.
    ///
    /// # Errors
    /// There is none.
    pub fn check(self) -> Result<Self> {
        ensure!(
            self.full || self.slot,
            "building images: -i skips the full image and -f the slot image, so there is nothing to build\n\
             hint: drop one of the two options"
        );
        Ok(self)
    }
}

impl BuildRequest {
    /// The version of a build of the repository at `root`.
    ///
    /// # Errors
    /// git fails, or a release is requested and the commit is not tagged as one.
    pub fn version(root: &Path, product: &Product, edition: Edition) -> Result<Version> {
        let version = Version::of_repository(root, &product.version)?;
        if edition == Edition::Release {
            check_release(&version, &product.version)?;
        }
        Ok(version)
    }

    /// The names of all images: the full image, the slot image and the update bundle.
    pub fn images(&self) -> [String; 3] {
        let stem = format!("{}-{}-{}", self.product.name, self.product.board.name, self.version.text);
        [format!("{stem}.full.img"), format!("{stem}.slot.img"), format!("{stem}{}", bundle::SUFFIX)]
    }

    /// The names of the images that are built.
    pub fn built_images(&self) -> Vec<String> {
        let [full, slot, update] = self.images();
        let full = self.outputs.full.then_some(full);
        let slot = self.outputs.slot.then_some([slot, update]);
        full.into_iter().chain(slot.into_iter().flatten()).collect()
    }

    /// The names of all files of a finished build.
    pub fn files(&self) -> Vec<String> {
        self.built_images().into_iter().chain([SPEC.to_owned(), MANIFEST.to_owned()]).collect()
    }
}

/// Checks that the commit is tagged as this release and nothing has been changed since.
fn check_release(version: &Version, release: &str) -> Result<()> {
    ensure!(
        !version.dirty,
        "building release {release}: some changes are not committed\n\
         hint: commit or stash them; `git status` lists them"
    );
    ensure!(
        version.tagged,
        "building release {release}: the commit does not have the tag v{release}\n\
         hint: tag it with `git tag -s v{release}`, or correct product.version in {DEFINITION}"
    );
    Ok(())
}
