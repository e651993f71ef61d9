//! The arguments that say what is to be built: those of `image` and of `summary`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use builder::build::{Order, Wanted};
use builder::packages;
use builder::product::{DEFINITION, KernelConfig, Product};
use builder::services::Edition;
use builder::world::Origin;
use builder::world::source::SkipOptions;

/// What is to be built, and from what.
#[derive(Debug, clap::Args)]
pub struct OrderArgs {
    /// Build FreeBSD from the source tree DIR (13 or 14); what was built is kept and used again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["world", "sets"])]
    src: Option<PathBuf>,
    /// Use the distribution sets of a release in DIR: MANIFEST, base.txz, and src.txz (for the product's kernel) or kernel.txz
    #[arg(long, value_name = "DIR", conflicts_with = "world")]
    sets: Option<PathBuf>,
    /// Use the FreeBSD that is installed, with its METALOG, in DIR
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// Lay the keys of FILE over appliance.toml; may be given several times
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Build the kernel of this configuration in place of the product's: a name, the path of a file, or "" for none
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Build a release: refused unless everything is committed and tagged with the product's version, and nothing is
    /// laid over the definition
    #[arg(long, conflicts_with_all = ["config", "kernel"])]
    release: bool,
    /// Take packages from the cache in DIR
    #[arg(long, value_name = "DIR")]
    package_cache: Option<PathBuf>,
    /// Build neither world nor kernel, and take those built before: -w and -k
    #[arg(short = 'b', long, conflicts_with = "release")]
    no_build: bool,
    /// Build no world, and take the one built before
    #[arg(short = 'w', long, conflicts_with = "release")]
    no_world: bool,
    /// Build no kernel, and take the one built before
    #[arg(short = 'k', long, conflicts_with = "release")]
    no_kernel: bool,
    /// Keep the objects of other sources and options, and let make(1) decide what of them is still good
    #[arg(short = 'n', long, conflicts_with = "release")]
    keep_objects: bool,
    /// Install no kernel
    #[arg(short = 'K', long, conflicts_with = "release")]
    no_install_kernel: bool,
    /// Make only images, of the world and kernel that were installed last, whatever the source tree holds now
    #[arg(short = 'I', long, conflicts_with = "release")]
    only_images: bool,
    /// Make no full image
    #[arg(short = 'i', long, conflicts_with = "release")]
    no_full: bool,
    /// Make no slot image, and so no update; the boot state of the full image then does not tell what the slots hold
    #[arg(short = 'f', long, conflicts_with = "release")]
    no_slot: bool,
    /// Where the folder of the version goes
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl OrderArgs {
    /// Checks them, with what they name.
    ///
    /// # Errors
    /// Letters that make no sense together, a bad product definition or list of packages, or a release that is none.
    pub fn order(self) -> Result<Order> {
        let wanted = Wanted { full: !self.no_full, slot: !self.no_slot }.check()?;
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
        let version = Order::version(root, &product, edition)?;
        let origin = match (self.src, self.world, self.sets) {
            (Some(src), ..) => Origin::Source(src),
            (_, Some(world), _) => Origin::Installed(world),
            (.., Some(sets)) => Origin::Sets(sets),
            _ => Origin::Miniature,
        };
        let definition = std::iter::once(PathBuf::from(DEFINITION)).chain(self.config).collect();
        let output = self.output.unwrap_or_else(|| builder::workspace::target().join("firmware"));
        Ok(Order { product, definition, packages, version, edition, origin, skip, wanted, output })
    }

    fn skip_options(&self) -> Result<SkipOptions> {
        let skip = SkipOptions {
            no_world: self.no_world || self.no_build,
            no_kernel: self.no_kernel || self.no_build,
            no_install_kernel: self.no_install_kernel,
            keep_objects: self.keep_objects,
            only_images: self.only_images,
        };
        let of_source = skip.of_source();
        if self.src.is_none() && !of_source.is_empty() {
            bail!(
                "{of_source}: nothing of FreeBSD is built without --src DIR, so there is nothing to leave out; give the source \
                 tree, or leave out {of_source}"
            );
        }
        skip.check()
    }
}
