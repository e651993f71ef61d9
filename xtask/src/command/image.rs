//! `cargo xtask image`: the product's images and its update bundle from a world, the services and the overlay.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use firmware::state::Digest;
use rayon::prelude::*;

use crate::bundle::Former;
use crate::customize::Customizer;
use crate::image::manifest::{self, ImageFacts, Manifest, WorldFacts};
use crate::image::output::{Inputs, Output};
use crate::image::{self, disk, filesystem};
use crate::keys::Signing;
use crate::pkg;
use crate::pkg::layer::Surroundings;
use crate::product::{BootCode, DEFINITION, Product, Version};
use crate::report::{self, Reporter};
use crate::services::{self, Edition, Service, Sysroot};
use crate::toolchain::{self, Group, Toolchain};
use crate::tree::Layer;
use crate::world::{self, Origin, World, sets};
use crate::{boot_manager, boot_state, bundle, customize, inputs, layer};

/// The name of the services' digest among the inputs of a build.
const SERVICES: &str = "services";
/// The mtree(5) specification beside the images.
const SPEC: &str = "slot.mtree";
/// The manifest beside the images.
const MANIFEST: &str = "manifest.json";

/// Arguments of `cargo xtask image`.
#[derive(Debug, clap::Args)]
pub struct Args {
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
    /// Build the kernel of this configuration in place of the product's
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Build a release: refused unless everything is committed and tagged with the product's version, and nothing is
    /// laid over the definition
    #[arg(long, conflicts_with_all = ["config", "kernel"])]
    release: bool,
    /// Sign the release with the secret key in FILE (or in what SLUICE_SIGN_KEY names); its password is asked for, or
    /// taken from SLUICE_SIGN_PASSWORD
    #[arg(long, value_name = "FILE", requires = "release")]
    sign_key: Option<PathBuf>,
    /// Take packages from the cache in DIR
    #[arg(long, value_name = "DIR")]
    package_cache: Option<PathBuf>,
    /// Make no full image [nanobsd.sh -i]
    #[arg(short = 'i', long, conflicts_with = "release")]
    no_full: bool,
    /// Make no slot image, and so no update [nanobsd.sh -f]; the boot state of the full image then does not tell what the
    /// slots hold
    #[arg(short = 'f', long, conflicts_with = "release")]
    no_slot: bool,
    /// Where the folder of the version goes
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Say less; twice: only errors
    #[arg(short, long, action = clap::ArgAction::Count)]
    quiet: u8,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// What a build starts from.
struct Build {
    product: Product,
    packages: pkg::Selection,
    version: Version,
    signing: Signing,
    edition: Edition,
    toolchain: Toolchain,
    reporter: Reporter,
    output: Output,
    wanted: Wanted,
}

/// Which images are made.
#[derive(Clone, Copy)]
struct Wanted {
    full: bool,
    slot: bool,
}

impl Args {
    /// Builds the images, or finds that they are up to date.
    ///
    /// # Errors
    /// Whatever stops the build; what `latest` points to is as before then.
    pub fn run(self) -> Result<()> {
        let reporter = Reporter::new(self.verbose as i8 - self.quiet as i8);
        let wanted = Wanted { full: !self.no_full, slot: !self.no_slot };
        ensure!(
            wanted.full || wanted.slot,
            "building images: -i leaves out the full image and -f the slot image, so there is nothing to make; leave out one \
             of them"
        );
        let root = &crate::workspace::root();
        let mut product = Product::load(root, &self.config)?;
        if let Some(kernel) = &self.kernel {
            product.kernel.config.clone_from(kernel);
        }
        if let Some(warning) = &product.media_warning {
            reporter.warn(warning);
        }
        let packages = if product.customize.pkgng {
            pkg::Selection::read(root, &product.packages, self.package_cache)?
        } else {
            pkg::Selection::none()
        };
        let version = Version::of_repository(root, &product.version)?;
        let (signing, edition) = if self.release {
            check_release(&version, &product.version)?;
            (Signing::of_release(root, &product.version, self.sign_key)?, Edition::Release)
        } else {
            let say = |text| reporter.summary(text);
            (Signing::of_development(root, say)?, Edition::Development)
        };
        let output =
            Output::open(&self.output.unwrap_or_else(|| crate::workspace::target().join("firmware")))?;
        let origin = match (self.src, self.world, self.sets) {
            (Some(src), ..) => Origin::Source(src),
            (_, Some(world), _) => Origin::Installed(world),
            (.., Some(sets)) => Origin::Sets(sets),
            _ => Origin::Miniature,
        };
        let groups = match &origin {
            Origin::Source(_) => vec![Group::World, Group::Source],
            Origin::Sets(dir) if sets::has_source(dir) => vec![Group::World, Group::Source],
            Origin::Installed(_) | Origin::Sets(_) => vec![Group::World],
            Origin::Miniature => vec![Group::Image],
        };
        if self.release && origin == Origin::Miniature {
            reporter.warn(
                "a release of the miniature world is for tests: no unit runs it; give --src, --sets or --world",
            );
        }
        let toolchain = toolchain::ensure(&groups, &mut |line| reporter.summary(line))?;
        Build { product, packages, version, signing, edition, toolchain, reporter, output, wanted }
            .run(&origin)
    }
}

/// What the services are linked against.
fn sysroot(world: &World) -> Result<&Sysroot> {
    world.sysroot.as_ref().with_context(|| {
        format!(
            "linking the services: the {} world has no sysroot (usr/lib/crt1.o and libc); give the folder that `image \
             --src` left behind, with its `sysroot`",
            world.kind
        )
    })
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

impl Build {
    fn run(self, origin: &Origin) -> Result<()> {
        let stage = self.reporter.stage("world");
        let world = world::open(origin, &self.product, &self.toolchain, &self.reporter)?;
        let entries: usize = world.layers.iter().map(|layer| layer.entries.len()).sum();
        stage.finish(format_args!("{} ({}), {entries} entries", world.version, world.kind));
        for note in &world.notes {
            self.reporter.note(note);
        }

        self.check_kernel(&world, origin)?;
        let inputs = self.inputs(&world)?;
        let version = &self.version.text;
        match self.output.stale(version, &inputs, &self.files()) {
            None => {
                self.output.point_latest(version)?;
                let dir = self.output.version_dir(version);
                self.reporter.summary(format_args!("{version} is up to date: {}", dir.display()));
                return Ok(());
            }
            Some(reason) => self.reporter.note(format_args!("building {version}: {reason}")),
        }

        let services = self.services(&world, &inputs[SERVICES])?;
        let slot = self.compose(&world, &services)?;
        let stage = self.reporter.stage("layout");
        let manager = boot_manager::of_product(&self.product, &self.toolchain)?;
        let writable = image::Writable::read(&crate::workspace::root(), &self.product)?;
        let plan = image::plan(
            &slot,
            &writable,
            &self.product,
            &self.version,
            manager.as_ref(),
            &world.boot,
            &world.version,
        )?;
        let usage = plan.filesystems.slot.usage();
        stage.finish(format_args!(
            "slot {} of {} used, {} of {} inodes",
            report::size(usage.bytes_used),
            report::size(usage.size),
            usage.inodes_used,
            usage.inodes
        ));
        let dir = self.write(&world, &slot, &plan, &inputs)?;
        self.summarize(&slot, &usage, &dir);
        Ok(())
    }

    /// An installed world has the kernel that it has, whatever was asked for. So have sets without FreeBSD's source; that is
    /// told, and will do for anything but a release.
    fn check_kernel(&self, world: &World, origin: &Origin) -> Result<()> {
        let asked = &self.product.kernel.config;
        if matches!(origin, Origin::Sets(_)) && self.edition == Edition::Development {
            return Ok(());
        }
        if let Some(kernel) = world.kernel.as_ref().filter(|kernel| *kernel != asked) {
            if matches!(origin, Origin::Sets(_)) {
                bail!(
                    "building a release: the kernel of the sets is `{kernel}` and not `{asked}`: put src.txz beside them, and \
                     `{asked}` is built"
                );
            }
            bail!(
                "the world's kernel is `{kernel}` and not `{asked}`: say `--kernel {kernel}` if that is meant, or install \
                 the other (`image --src DIR --kernel {asked}`)"
            );
        }
        Ok(())
    }

    /// Names of the images: the full image, the slot image, the update bundle.
    fn images(&self) -> [String; 3] {
        let stem = format!("{}-{}-{}", self.product.name, self.product.board, self.version.text);
        [format!("{stem}.full.img"), format!("{stem}.slot.img"), format!("{stem}{}", bundle::SUFFIX)]
    }

    /// Names of the images that are made.
    fn made(&self) -> Vec<String> {
        let [full, part, update] = self.images();
        let full = self.wanted.full.then_some(full);
        let slot = self.wanted.slot.then_some([part, update]);
        full.into_iter().chain(slot.into_iter().flatten()).collect()
    }

    /// All files of a finished build.
    fn files(&self) -> Vec<String> {
        self.made().into_iter().chain([SPEC.to_owned(), MANIFEST.to_owned()]).collect()
    }

    fn inputs(&self, world: &World) -> Result<Inputs> {
        let root = &crate::workspace::root();
        let product = &self.product;
        let folders: Vec<&str> = product.overlay.folders.iter().map(String::as_str).collect();
        let writable: Vec<&str> =
            [&product.cfg_folder, &product.data_folder].into_iter().flatten().map(String::as_str).collect();
        let digests = [
            ("builder", inputs::of_builder()?),
            ("definition", inputs::of_texts([format!("{:?}", self.product).as_str()])),
            ("overlay", inputs::of_files(root, &folders)?),
            ("/cfg and /data", inputs::of_files(root, &writable)?),
            ("customization", customize::digest(root, &self.product.customize)?),
            ("keys", inputs::of_texts([format!("{:?}", self.signing).as_str()])),
            (SERVICES, services::digest(&self.toolchain, sysroot(world)?, self.edition)?),
            ("packages", self.packages.digest()?),
            ("version", inputs::of_texts([format!("{:?}", self.version).as_str()])),
            ("world", world.identity.clone()),
        ];
        Ok(digests.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect())
    }

    fn services(&self, world: &World, digest: &str) -> Result<Vec<Service>> {
        let mut stage = self.reporter.stage("services");
        let sysroot = sysroot(world)?;
        let announce = || stage.takes_long("compiling for the device");
        let services = services::provide(&self.toolchain, sysroot, self.edition, digest, announce)?;
        let sizes: Vec<String> = services
            .iter()
            .map(|service| format!("{} {}", service.name, report::size(service.size)))
            .collect();
        stage.finish(sizes.join(", "));
        Ok(services)
    }

    fn compose(&self, world: &World, services: &[Service]) -> Result<image::Slot> {
        let mut layers = world.layers.clone();
        layers.push(layer::services::layer(services, self.product.service_budget)?);
        let root = &crate::workspace::root();
        let mut overlay = layer::overlay::layers(root, &self.product.overlay)?;
        if let Some(files) = &self.product.customize.install_files {
            overlay.extend(layer::overlay::layers(root, files).context("customize.install_files")?);
        }
        let mut layers = self.install_packages(world, layers, overlay)?;
        layers.push(layer::keys::layer(self.signing.trusted.keys())?);
        let stage = self.reporter.stage("tree");
        let customizer = Customizer::new(root, &crate::workspace::target(), &self.product, self.reporter);
        let slot = image::compose(layers, &self.product, &self.version, &world.version, &customizer)?;
        let sizes = filesystem::layer_sizes(&slot.tree);
        let bytes = sizes.iter().map(|layer| layer.bytes).sum();
        stage.finish(format_args!("{} paths, {}", slot.tree.names().count(), report::size(bytes)));
        Ok(slot)
    }

    /// Lays the packages between `below` and the overlay, and what they come to together over both.
    fn install_packages(&self, world: &World, below: Vec<Layer>, overlay: Vec<Layer>) -> Result<Vec<Layer>> {
        let stage = self.reporter.stage("packages");
        let around =
            Surroundings { below: &below, above: &overlay, world: &world.version, time: self.version.time };
        let Some(installed) = self.packages.install(&self.product.packages, &around)? else {
            return Ok(below.into_iter().chain(overlay).collect());
        };
        let size = report::size(pkg::layer::bytes(&installed.layers));
        stage.finish(format_args!("{} packages, {size}", self.packages.count()));
        installed.warnings.iter().for_each(|warning| self.reporter.warn(warning));
        installed.notes.iter().for_each(|note| self.reporter.note(note));
        let layers = below.into_iter().chain(installed.layers).chain(overlay);
        Ok(layers.chain([installed.top]).collect())
    }

    fn write(
        &self,
        world: &World,
        slot: &image::Slot,
        plan: &image::Plan,
        inputs: &Inputs,
    ) -> Result<PathBuf> {
        let stage = self.reporter.stage("images");
        let staged = self.output.stage()?;
        let dir = staged.path();
        disk::check_room(dir, disk::room(&plan.filesystems, self.wanted.slot, self.wanted.full))?;
        let [full, part, update] = self.images();
        let (full_at, part_at) = (dir.join(&full), dir.join(&part));
        let slot_out = self.wanted.slot.then_some(part_at.as_path());
        let full_out = self.wanted.full.then_some(full_at.as_path());
        image::write(plan, &self.product, slot_out, full_out)
            .map_err(|error| disk::explain_full_host(error, dir))?;
        std::fs::write(dir.join(SPEC), &slot.spec).context("writing the mtree specification")?;
        let made = self.made();
        for (link, image) in [("_.disk.full", &full), ("_.disk.image", &part), ("_.fw", &update)] {
            if made.contains(image) {
                symlink(image, dir.join(link)).with_context(|| format!("linking {link} to {image}"))?;
            }
        }
        let written: Vec<&str> = made.iter().filter(|image| **image != update).map(String::as_str).collect();
        stage.finish(written.join(", "));
        let digest = self.wanted.slot.then(|| self.write_bundle(world, dir)).transpose()?;
        if let (Some(digest), Some(full), BootCode::Sluice) = (digest, full_out, self.product.boot.code) {
            boot_state::tell_content(full, digest)?;
        }
        let stage = self.reporter.stage("manifest");
        self.write_manifest(world, slot, plan, dir)?;
        stage.finish(MANIFEST);
        self.output.publish(staged, &self.version.text, inputs)
    }

    /// The update, from the slot image in `dir`; returns what identifies that image.
    fn write_bundle(&self, world: &World, dir: &Path) -> Result<Digest> {
        let mut stage = self.reporter.stage("bundle");
        stage.takes_long("compressing");
        let [_, part, update] = self.images();
        let manifest = bundle::manifest(
            &self.product,
            &self.version,
            &world.version,
            disk::slot_size(&self.product.layout)?,
        )?;
        // A release owes nothing to what was built before it.
        let former = match self.edition {
            Edition::Release => None,
            Edition::Development => {
                Former::open(&self.output.latest(), MANIFEST, self.signing.trusted.public())
            }
        };
        let (slot, out) = (dir.join(part), dir.join(&update));
        let summary = bundle::write(&slot, &out, manifest, &self.signing.signer, former.as_ref())
            .map_err(|error| disk::explain_full_host(error, dir))?;
        stage.finish(format_args!(
            "{update}, {} for {}, {} of {} chunks, {} of them as before",
            report::size(summary.bytes),
            report::size(summary.raw_bytes),
            summary.stored,
            summary.chunks,
            summary.reused
        ));
        Ok(summary.digest)
    }

    fn write_manifest(
        &self,
        world: &World,
        slot: &image::Slot,
        plan: &image::Plan,
        dir: &Path,
    ) -> Result<()> {
        let facts =
            WorldFacts { source: world.kind, version: &world.version, kernel: world.kernel.as_deref() };
        let filesystem =
            manifest::FileSystemFacts::new(&self.product.filesystem, &plan.filesystems.slot.usage());
        let mut manifest =
            Manifest::new(&self.product, &self.version, facts, &self.toolchain.rust()?.version, filesystem);
        manifest.layers = filesystem::layer_sizes(&slot.tree).into_iter().map(Into::into).collect();
        manifest.keys = (&self.signing).into();
        manifest.images = self
            .made()
            .into_par_iter()
            .map(|image| ImageFacts::of(&dir.join(image)))
            .collect::<Result<_>>()?;
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        std::fs::write(dir.join(MANIFEST), text).context("writing the manifest")
    }

    fn summarize(&self, slot: &image::Slot, usage: &ufs::Usage, dir: &Path) {
        let say = |text: String| self.reporter.summary(text);
        say(format!("\n{} {} for {}", self.product.name, self.version.text, self.product.board));
        for layer in filesystem::layer_sizes(&slot.tree) {
            say(format!("  {:<12} {:>6} paths {:>12}", layer.name, layer.entries, report::size(layer.bytes)));
        }
        let percent = usage.bytes_used * 100 / usage.size.max(1);
        say(format!("  slot fill    {percent} % of {}", report::size(usage.size)));
        say(format!("  in           {}", dir.display()));
        let [full, _, update] = self.images();
        if self.wanted.full {
            say("  boot it      cargo xtask run".to_owned());
            say(format!("  to a card    cargo xtask burn /dev/... {}", dir.join(full).display()));
        }
        if self.wanted.slot {
            say(format!("  to a unit    {}", dir.join(update).display()));
        }
    }
}
