//! One build of the product: from what was ordered to the folder of a version.

mod order;
pub mod summary;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use firmware::state::Digest;
use rayon::prelude::*;
use report::Reporter;
use rootfs::tree::{Layer, TreePath};

use crate::bundle::{self, Former};
use crate::customize::{self, Customizer};
use crate::image::manifest::{self, ImageFacts, Manifest, WorldFacts};
use crate::image::output::{Inputs, MANIFEST, Output, SPEC};
use crate::image::{self, disk, filesystem};
use crate::keys::Signing;
use crate::packages::InstallContext;
use crate::product::BootCode;
use crate::services::{self, Edition, Service, Sysroot};
use crate::toolchain::{self, Group, Toolchain};
use crate::world::{self, Origin, World, sets};
use crate::{boot_manager, boot_state, inputs, layer, miniature, packages};
pub use order::{Order, Wanted};

/// The name of the services' digest among the inputs of a build.
const SERVICES: &str = "services";

/// A build that is going on.
struct Build {
    order: Order,
    signing: Signing,
    toolchain: Toolchain,
    reporter: Reporter,
    output: Output,
}

/// Builds what is ordered, or finds that it is up to date; a release is signed with the secret key in `sign_key`, or in
/// what SLUICE_SIGN_KEY names.
///
/// # Errors
/// Whatever stops the build; what `latest` points to is as before then.
pub fn build(order: Order, sign_key: Option<PathBuf>, reporter: Reporter) -> Result<()> {
    if let Some(warning) = &order.product.media_warning {
        reporter.warn(warning);
    }
    let root = &crate::workspace::root();
    let signing = match order.edition {
        Edition::Release => Signing::of_release(root, &order.product.version, sign_key)?,
        Edition::Development => Signing::of_development(root, |text| reporter.summary(text))?,
    };
    let output = Output::open(&order.output)?;
    let groups = match &order.origin {
        Origin::Source(_) => vec![Group::World, Group::Source],
        Origin::Sets(dir) if order.product.kernel.config.is_some() && sets::has_source(dir) => {
            vec![Group::World, Group::Source]
        }
        Origin::Installed(_) | Origin::Sets(_) => vec![Group::World],
        Origin::Miniature => vec![Group::Image],
    };
    if order.edition == Edition::Release && order.origin == Origin::Miniature {
        reporter.warn(
            "a release of the miniature world is for tests: no unit runs it; give --src, --sets or --world",
        );
    }
    let toolchain = toolchain::ensure(&groups, &mut |line| reporter.summary(line))?;
    Build { order, signing, toolchain, reporter, output }.run()
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

impl Build {
    fn run(self) -> Result<()> {
        let stage = self.reporter.stage("world");
        let world = world::open(
            &self.order.origin,
            self.order.letters,
            &self.order.product,
            &self.toolchain,
            &self.reporter,
        )?;
        let entries: usize = world.layers.iter().map(|layer| layer.entries.len()).sum();
        stage.finish(format_args!("{} ({}), {entries} entries", world.version, world.kind));
        for note in &world.notes {
            self.reporter.note(note);
        }

        self.check_kernel(&world)?;
        let inputs = self.inputs(&world)?;
        let version = &self.order.version.text;
        match self.output.stale(version, &inputs, &self.order.files()) {
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
        let manager = boot_manager::of_product(&self.order.product, &self.toolchain)?;
        let writable = image::Writable::read(&crate::workspace::root(), &self.order.product)?;
        let plan = image::plan(
            &slot,
            &writable,
            &self.order.product,
            &self.order.version,
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
    fn check_kernel(&self, world: &World) -> Result<()> {
        let origin = &self.order.origin;
        let Some(config) = &self.order.product.kernel.config else { return Ok(()) };
        let asked = &config.name;
        if matches!(origin, Origin::Sets(_)) && self.order.edition == Edition::Development {
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
                 the other (`image --src DIR --kernel {config}`)"
            );
        }
        Ok(())
    }

    /// A system that is started without a kernel is not refused: another tool may add one.
    fn check_bootable(&self, world: &World, slot: &image::Slot) {
        let has_kernel =
            TreePath::parse("boot/kernel/kernel").is_ok_and(|path| slot.tree.get(&path).is_some());
        if world.kind != miniature::KIND && !has_kernel {
            self.reporter.warn(
                "the image has no kernel: there is no /boot/kernel/kernel, so the loader restarts the unit again and again",
            );
        }
    }

    fn inputs(&self, world: &World) -> Result<Inputs> {
        let root = &crate::workspace::root();
        let product = &self.order.product;
        let folders: Vec<&str> = product.overlay.folders.iter().map(String::as_str).collect();
        let writable: Vec<&str> =
            [&product.cfg_folder, &product.data_folder].into_iter().flatten().map(String::as_str).collect();
        let digests = [
            ("builder", inputs::of_builder()?),
            ("definition", inputs::of_texts([format!("{:?}", self.order.product).as_str()])),
            ("overlay", inputs::of_files(root, &folders)?),
            ("/cfg and /data", inputs::of_files(root, &writable)?),
            ("customization", customize::digest(root, &self.order.product.customize)?),
            ("keys", inputs::of_texts([format!("{:?}", self.signing).as_str()])),
            (SERVICES, services::digest(&self.toolchain, sysroot(world)?, self.order.edition)?),
            ("packages", self.order.packages.digest()?),
            ("version", inputs::of_texts([format!("{:?}", self.order.version).as_str()])),
            ("world", world.identity.clone()),
        ];
        Ok(digests.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect())
    }

    fn services(&self, world: &World, digest: &str) -> Result<Vec<Service>> {
        let mut stage = self.reporter.stage("services");
        let sysroot = sysroot(world)?;
        let announce = || stage.takes_long("compiling for the device");
        let services = services::provide(&self.toolchain, sysroot, self.order.edition, digest, announce)?;
        let sizes: Vec<String> = services
            .iter()
            .map(|service| format!("{} {}", service.name, report::size(service.size)))
            .collect();
        stage.finish(sizes.join(", "));
        Ok(services)
    }

    fn compose(&self, world: &World, services: &[Service]) -> Result<image::Slot> {
        let mut layers = world.layers.clone();
        layers.push(layer::services::layer(services, self.order.product.service_budget)?);
        let root = &crate::workspace::root();
        let mut overlay = layer::overlay::layers(root, &self.order.product.overlay)?;
        if let Some(files) = &self.order.product.customize.install_files {
            overlay.extend(layer::overlay::layers(root, files).context("customize.install_files")?);
        }
        let mut layers = self.install_packages(world, layers, overlay)?;
        layers.push(layer::keys::layer(self.signing.trusted.keys())?);
        let stage = self.reporter.stage("tree");
        let customizer =
            Customizer::new(root, &crate::workspace::target(), &self.order.product, self.reporter);
        let slot =
            image::compose(layers, &self.order.product, &self.order.version, &world.version, &customizer)?;
        self.check_bootable(world, &slot);
        let sizes = filesystem::layer_sizes(&slot.tree);
        let bytes = sizes.iter().map(|layer| layer.bytes).sum();
        stage.finish(format_args!("{} paths, {}", slot.tree.names().count(), report::size(bytes)));
        Ok(slot)
    }

    /// Lays the packages between `below` and the overlay, and what they come to together over both.
    fn install_packages(&self, world: &World, below: Vec<Layer>, overlay: Vec<Layer>) -> Result<Vec<Layer>> {
        let stage = self.reporter.stage("packages");
        let around = InstallContext {
            below: &below,
            above: &overlay,
            world: &world.version,
            time: self.order.version.time,
        };
        let Some(installed) = self.order.packages.install(&self.order.product.packages, &around)? else {
            return Ok(below.into_iter().chain(overlay).collect());
        };
        let size = report::size(packages::layer::bytes(&installed.layers));
        stage.finish(format_args!("{} packages, {size}", self.order.packages.count()));
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
        disk::check_room(dir, disk::room(&plan.filesystems, self.order.wanted.slot, self.order.wanted.full))?;
        let [full, part, update] = self.order.images();
        let (full_at, part_at) = (dir.join(&full), dir.join(&part));
        let slot_out = self.order.wanted.slot.then_some(part_at.as_path());
        let full_out = self.order.wanted.full.then_some(full_at.as_path());
        image::write(plan, &self.order.product, slot_out, full_out)
            .map_err(|error| disk::explain_full_host(error, dir))?;
        std::fs::write(dir.join(SPEC), &slot.spec).context("writing the mtree specification")?;
        let made = self.order.made();
        for (link, image) in [("_.disk.full", &full), ("_.disk.image", &part), ("_.fw", &update)] {
            if made.contains(image) {
                symlink(image, dir.join(link)).with_context(|| format!("linking {link} to {image}"))?;
            }
        }
        let written: Vec<&str> = made.iter().filter(|image| **image != update).map(String::as_str).collect();
        stage.finish(written.join(", "));
        let digest = self.order.wanted.slot.then(|| self.write_bundle(world, dir)).transpose()?;
        if let (Some(digest), Some(full), BootCode::Sluice) = (digest, full_out, self.order.product.boot.code)
        {
            boot_state::tell_content(full, digest)?;
        }
        let stage = self.reporter.stage("manifest");
        self.write_manifest(world, slot, plan, dir)?;
        stage.finish(MANIFEST);
        self.output.publish(staged, &self.order.version.text, inputs)
    }

    /// The update, from the slot image in `dir`; returns what identifies that image.
    fn write_bundle(&self, world: &World, dir: &Path) -> Result<Digest> {
        let mut stage = self.reporter.stage("bundle");
        stage.takes_long("compressing");
        let [_, part, update] = self.order.images();
        let manifest = bundle::manifest(
            &self.order.product,
            &self.order.version,
            &world.version,
            disk::slot_size(&self.order.product.layout)?,
        )?;
        // A release owes nothing to what was built before it.
        let former = match self.order.edition {
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
            manifest::FileSystemFacts::new(&self.order.product.filesystem, &plan.filesystems.slot.usage());
        let mut manifest = Manifest::new(
            &self.order.product,
            &self.order.version,
            facts,
            &self.toolchain.rust()?.version,
            filesystem,
        );
        manifest.layers = filesystem::layer_sizes(&slot.tree).into_iter().map(Into::into).collect();
        manifest.keys = (&self.signing).into();
        manifest.images = self
            .order
            .made()
            .into_par_iter()
            .map(|image| ImageFacts::of(&dir.join(image)))
            .collect::<Result<_>>()?;
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        std::fs::write(dir.join(MANIFEST), text).context("writing the manifest")
    }

    fn summarize(&self, slot: &image::Slot, usage: &ufs::Usage, dir: &Path) {
        let say = |text: String| self.reporter.summary(text);
        say(format!(
            "\n{} {} for {}",
            self.order.product.name, self.order.version.text, self.order.product.board
        ));
        for layer in filesystem::layer_sizes(&slot.tree) {
            say(format!("  {:<12} {:>6} paths {:>12}", layer.name, layer.entries, report::size(layer.bytes)));
        }
        let percent = usage.bytes_used * 100 / usage.size.max(1);
        say(format!("  slot fill    {percent} % of {}", report::size(usage.size)));
        say(format!("  in           {}", dir.display()));
        let [full, _, update] = self.order.images();
        if self.order.wanted.full {
            say("  boot it      cargo xtask run".to_owned());
            say(format!("  to a card    cargo xtask burn /dev/... {}", dir.join(full).display()));
        }
        if self.order.wanted.slot {
            say(format!("  to a unit    {}", dir.join(update).display()));
        }
    }
}
