//! What is to be built, from what, checked before anything is begun.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::image::output::{MANIFEST, SPEC};
use crate::product::{DEFINITION, Product, Version};
use crate::services::Edition;
use crate::world::Origin;
use crate::world::source::SkipOptions;
use crate::{bundle, packages};

/// What is to be built.
#[derive(Debug)]
pub struct Order {
    /// The product.
    pub product: Product,
    /// The files that the definition comes from, from the lowest to the one that lies over all.
    pub definition: Vec<PathBuf>,
    /// Its packages.
    pub packages: packages::Selection,
    /// The version that it gets.
    pub version: Version,
    /// For whom.
    pub edition: Edition,
    /// Where FreeBSD comes from.
    pub origin: Origin,
    /// What of FreeBSD is left out.
    pub skip: SkipOptions,
    /// The images.
    pub wanted: Wanted,
    /// The folder that gets the folder of the version.
    pub output: PathBuf,
}

/// Which images are made.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The full image.
    pub full: bool,
    /// The slot image, and the update made of it.
    pub slot: bool,
}

impl Wanted {
    /// Refuses to make nothing.
    ///
    /// # Errors
    /// No image is wanted.
    pub fn check(self) -> Result<Self> {
        ensure!(
            self.full || self.slot,
            "building images: -i leaves out the full image and -f the slot image, so there is nothing to make; leave out one \
             of them"
        );
        Ok(self)
    }
}

impl Order {
    /// The version that a build of the repository at `root` gets.
    ///
    /// # Errors
    /// git does not tell, or a release is asked for and the commit is none.
    pub fn version(root: &Path, product: &Product, edition: Edition) -> Result<Version> {
        let version = Version::of_repository(root, &product.version)?;
        if edition == Edition::Release {
            check_release(&version, &product.version)?;
        }
        Ok(version)
    }

    /// Names of the images: the full image, the slot image, the update bundle.
    pub fn images(&self) -> [String; 3] {
        let stem = format!("{}-{}-{}", self.product.name, self.product.board.name, self.version.text);
        [format!("{stem}.full.img"), format!("{stem}.slot.img"), format!("{stem}{}", bundle::SUFFIX)]
    }

    /// Names of the images that are made.
    pub fn made(&self) -> Vec<String> {
        let [full, part, update] = self.images();
        let full = self.wanted.full.then_some(full);
        let slot = self.wanted.slot.then_some([part, update]);
        full.into_iter().chain(slot.into_iter().flatten()).collect()
    }

    /// All files of a finished build.
    pub fn files(&self) -> Vec<String> {
        self.made().into_iter().chain([SPEC.to_owned(), MANIFEST.to_owned()]).collect()
    }
}

/// A release is what a tag says, and nothing else.
fn check_release(version: &Version, release: &str) -> Result<()> {
    ensure!(
        !version.dirty,
        "building release {release}: there are changes that are not committed; commit or stash them (`git status`)"
    );
    ensure!(
        version.tagged,
        "building release {release}: the commit does not carry the tag v{release}; tag it (`git tag -s v{release}`), or \
         correct product.version in {DEFINITION}"
    );
    Ok(())
}
