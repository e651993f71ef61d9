//! The arguments of `image` and `summary` that describe the build.

use std::path::PathBuf;

use anyhow::{Result, bail};
use builder::build::{BuildRequest, Outputs};
use builder::packages;
use builder::product::{DEFINITION, KernelConfig, Product};
use builder::services::Edition;
use builder::world::Origin;
use builder::world::source::SkipOptions;

/// What to build, and from what.
#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// Build FreeBSD from the source tree DIR (13 or 14); later builds reuse what was built
    #[arg(long, value_name = "DIR", conflicts_with_all = ["world", "sets"])]
    src: Option<PathBuf>,
    /// Use the distribution sets of a release in DIR: MANIFEST, base.txz, and src.txz (to build the product's kernel) or
    /// kernel.txz
    #[arg(long, value_name = "DIR", conflicts_with = "world")]
    sets: Option<PathBuf>,
    /// Use the FreeBSD installed in DIR, with its METALOG
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// Override keys of appliance.toml with those of FILE; may be given several times
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Build this kernel configuration instead of the product's: a name, a path, or "" for no kernel
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Build a release: everything must be committed and tagged with the product's version
    #[arg(long, conflicts_with_all = ["config", "kernel"])]
    release: bool,
    /// Read packages from the cache in DIR
    #[arg(long, value_name = "DIR")]
    package_cache: Option<PathBuf>,
    /// Skip building world and kernel, and use the previous ones: same as -w -k
    #[arg(short = 'b', long, conflicts_with = "release")]
    no_build: bool,
    /// Skip building the world, and use the previous one
    #[arg(short = 'w', long, conflicts_with = "release")]
    no_world: bool,
    /// Skip building the kernel, and use the previous one
    #[arg(short = 'k', long, conflicts_with = "release")]
    no_kernel: bool,
    /// Keep object files even if sources or options have changed, and let make(1) decide what to rebuild
    #[arg(short = 'n', long, conflicts_with = "release")]
    keep_objects: bool,
    /// Skip installing the kernel
    #[arg(short = 'K', long, conflicts_with = "release")]
    no_install_kernel: bool,
    /// Build only the images, from the world and kernel that were installed last
    #[arg(short = 'I', long, conflicts_with = "release")]
    only_images: bool,
    /// Skip the full image
    #[arg(short = 'i', long, conflicts_with = "release")]
    no_full: bool,
    /// Skip the slot image and the update; the boot state of the full image then has no digest of the slots
    #[arg(short = 'f', long, conflicts_with = "release")]
    no_slot: bool,
    /// Write the directory of the version to DIR [default: target/firmware]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl RequestArgs {
    /// Checks the arguments and reads the files that they name.
    ///
    /// # Errors
    /// Options that contradict each other, a bad product definition or package list, or an untagged release.
    pub fn request(self) -> Result<BuildRequest> {
        let outputs = Outputs { full: !self.no_full, slot: !self.no_slot }.check()?;
        let skip = self.skip_options()?;
        let root = &builder::workspace::find()?;
        let mut product = Product::load(root, &self.config)?;
        if let Some(kernel) = &self.kernel {
            product.kernel.config = KernelConfig::parse("--kernel", kernel)?;
        }
        let packages = if product.customize.pkgng {
            packages::Selection::read(root, &product.packages, self.package_cache)?
        } else {
            packages::Selection::none()
        };
        let edition = if self.release { Edition::Release } else { Edition::Development };
        let version = BuildRequest::version(root, &product, edition)?;
        let origin = match (self.src, self.world, self.sets) {
            (Some(src), ..) => Origin::Source(src),
            (_, Some(world), _) => Origin::Installed(world),
            (.., Some(sets)) => Origin::Sets(sets),
            _ => Origin::Miniature,
        };
        let definition = std::iter::once(PathBuf::from(DEFINITION)).chain(self.config).collect();
        let output_dir = self.output.unwrap_or_else(|| builder::workspace::target().join("firmware"));
        Ok(BuildRequest {
            product,
            definition,
            packages,
            version,
            edition,
            origin,
            skip,
            outputs,
            output_dir,
        })
    }

    fn skip_options(&self) -> Result<SkipOptions> {
        let skip = SkipOptions {
            no_world: self.no_world || self.no_build,
            no_kernel: self.no_kernel || self.no_build,
            no_install_kernel: self.no_install_kernel,
            keep_objects: self.keep_objects,
            only_images: self.only_images,
        };
        let given = skip.of_source();
        if self.src.is_none() && !given.is_empty() {
            bail!(
                "{given}: FreeBSD is only built with --src DIR, so there is nothing to skip\n\
                 hint: pass the source tree with --src, or drop {given}"
            );
        }
        skip.check()
    }
}
