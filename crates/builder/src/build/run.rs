//! The stages of a build.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use report::Reporter;
use rootfs::tree::{Layer, TreePath};

use super::context::{Build, sysroot};
use super::digests::SERVICES;
use super::request::BuildRequest;
use crate::boot_manager::{self, BootManager};
use crate::customize::Customizer;
use crate::image::output::Output;
use crate::image::{self, SlotContent};
use crate::keys::Signing;
use crate::packages::InstallContext;
use crate::product::BootCode;
use crate::services::{self, Edition, Service};
use crate::toolchain::{self, Group};
use crate::world::{self, Origin, World, miniature, sets};
use crate::{access, compiled_from, layer, packages};

/// Builds what was requested, unless it is up to date. A release is signed with the secret key in the file `sign_key`, or
/// in the file that SLUICE_SIGN_KEY names.
///
/// # Errors
/// Whatever stops the build. `latest` then still points to the previous build.
pub fn build(request: BuildRequest, sign_key: Option<PathBuf>, reporter: Reporter) -> Result<()> {
    for warning in &request.product.warnings {
        reporter.warn(warning);
    }
    let root = &crate::workspace::root();
    compiled_from::check(root)?;
    let signing = match request.edition {
        Edition::Release => Signing::of_release(root, &request.product.version, sign_key)?,
        Edition::Development => Signing::of_development(root, |text| reporter.summary(text))?,
    };
    let revocations = signing.revocations(request.product.update.key_epoch)?;
    let output = Output::open(&request.output_dir)?;
    let groups = match &request.origin {
        Origin::Source(_) => vec![Group::World, Group::Source],
        Origin::Sets(dir) if request.product.kernel.config.is_some() && sets::has_source(dir) => {
            vec![Group::World, Group::Source]
        }
        Origin::Installed(_) | Origin::Sets(_) => vec![Group::World],
        Origin::Miniature => vec![Group::Image],
    };
    if request.edition == Edition::Release && request.product.access.authorized_keys.is_empty() {
        reporter.note(
            "[access] has no keys: units of this release run no sshd, and only their consoles lead to a shell",
        );
    }
    if request.edition == Edition::Release && request.origin == Origin::Miniature {
        reporter.warn(
            "a release of the miniature world is only for tests: no unit runs it; pass --src, --sets or --world",
        );
    }
    let toolchain = toolchain::ensure(&groups, &mut |line| reporter.summary(line))?;
    Build { request, signing, revocations, toolchain, reporter, output }.run()
}

impl Build {
    fn run(self) -> Result<()> {
        let stage = self.reporter.stage("world");
        let world = world::open(
            &self.request.origin,
            self.request.skip,
            &self.request.product,
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
        let version = &self.request.version.text;
        match self.output.stale(version, &inputs, &self.request.files()) {
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
        let manager = self.boot_manager()?;
        let writable = image::Writable::read(&crate::workspace::root(), &self.request.product)?;
        writable.warnings.iter().for_each(|warning| self.reporter.warn(warning));
        let plan = image::plan(
            &slot,
            &writable,
            &self.request.product,
            &self.request.version,
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

    /// The boot manager, unless a program of the world chooses the slot.
    fn boot_manager(&self) -> Result<Option<BootManager>> {
        let product = &self.request.product;
        if product.boot.code != BootCode::Sluice {
            return Ok(None);
        }
        let options = boot_manager::Options::new(product.console_speed, product.boot.ticks, &product.layout);
        let cache = crate::workspace::target().join("boot-manager");
        let zig = self.toolchain.path("zig")?;
        BootManager::cached_or_assembled(&cache, zig, toolchain::ZIG_VERSION, &options).map(Some)
    }

    /// Checks that the world has the kernel that was requested. An installed world has one kernel, and so do sets without
    /// FreeBSD's source; with sets, a development build only shows a note about another kernel.
    fn check_kernel(&self, world: &World) -> Result<()> {
        let origin = &self.request.origin;
        let Some(config) = &self.request.product.kernel.config else { return Ok(()) };
        let requested = &config.name;
        if matches!(origin, Origin::Sets(_)) && self.request.edition == Edition::Development {
            return Ok(());
        }
        if let Some(kernel) = world.kernel.as_ref().filter(|kernel| *kernel != requested) {
            if matches!(origin, Origin::Sets(_)) {
                bail!(
                    "building a release: the kernel of the sets is `{kernel}`, not `{requested}`\n\
                     hint: put src.txz into the directory of the sets to build `{requested}`"
                );
            }
            bail!(
                "the world's kernel is `{kernel}`, not `{requested}`\n\
                 hint: pass `--kernel {kernel}` to use it, or install the other one with `image --src DIR --kernel {config}`"
            );
        }
        Ok(())
    }

    /// Warns about an image without a kernel. It is not refused: another tool may add one.
    fn check_bootable(&self, world: &World, slot: &SlotContent) {
        let has_kernel =
            TreePath::parse("boot/kernel/kernel").is_ok_and(|path| slot.tree.get(&path).is_some());
        if world.kind != miniature::KIND && !has_kernel {
            self.reporter.warn(
                "the image has no kernel: /boot/kernel/kernel is missing, so the loader would restart the unit over and over",
            );
        }
    }

    /// Compiles the services, unless they are up to date.
    fn services(&self, world: &World, digest: &str) -> Result<Vec<Service>> {
        let mut stage = self.reporter.stage("services");
        let sysroot = sysroot(world)?;
        let announce = || stage.takes_long("compiling for the device");
        let services = services::provide(
            self.request.product.board,
            &self.toolchain,
            sysroot,
            self.request.edition,
            digest,
            announce,
        )?;
        let sizes: Vec<String> = services
            .iter()
            .map(|service| format!("{} {}", service.name, report::size(service.size)))
            .collect();
        stage.finish(sizes.join(", "));
        Ok(services)
    }

    /// Merges all layers into the content of a slot.
    fn compose(&self, world: &World, services: &[Service]) -> Result<SlotContent> {
        let mut layers = world.layers.clone();
        layers.push(layer::services::layer(services, self.request.product.service_budget)?);
        let root = &crate::workspace::root();
        let mut left_out = Vec::new();
        let overlay = layer::overlay::layers(root, &self.request.product, &mut left_out)?;
        left_out.iter().for_each(|note| self.reporter.warn(note));
        let own_layers: Vec<String> = overlay.iter().map(|layer| layer.name.clone()).collect();
        let mut layers = self.install_packages(world, layers, overlay)?;
        layers.push(layer::keys::layer(self.signing.trusted.keys())?);
        layers.extend(access::layer(root, &self.request.product.access)?);
        let stage = self.reporter.stage("tree");
        let customizer =
            Customizer::new(root, &crate::workspace::target(), &self.request.product, self.reporter);
        let slot = image::compose(
            layers,
            &self.request.product,
            &self.request.version,
            &world.version,
            &self.revocations,
            &customizer,
        )?;
        self.check_bootable(world, &slot);
        let is_own = |name: &str| own_layers.iter().any(|own| own == name);
        for warning in layer::private_keys::warnings(&slot.tree, "", is_own)? {
            self.reporter.warn(warning);
        }
        let bytes = slot.layers.iter().map(|layer| layer.bytes).sum();
        stage.finish(format_args!("{} paths, {}", slot.tree.names().count(), report::size(bytes)));
        Ok(slot)
    }

    /// Puts the layers of the packages between `below` and the overlay, and the layer of what they share above both.
    fn install_packages(&self, world: &World, below: Vec<Layer>, overlay: Vec<Layer>) -> Result<Vec<Layer>> {
        let stage = self.reporter.stage("packages");
        let context = InstallContext {
            below: &below,
            above: &overlay,
            world: &world.version,
            time: self.request.version.time,
        };
        let Some(mut installed) = self.request.packages.install(&self.request.product.packages, &context)?
        else {
            return Ok(below.into_iter().chain(overlay).collect());
        };
        let size = report::size(packages::layer::bytes(&installed.layers));
        stage.finish(format_args!("{} packages, {size}", self.request.packages.count()));
        for layer in &mut installed.layers {
            installed.warnings.extend(layer::version_control::leave_out(layer));
        }
        installed.warnings.iter().for_each(|warning| self.reporter.warn(warning));
        installed.notes.iter().for_each(|note| self.reporter.note(note));
        let layers = below.into_iter().chain(installed.layers).chain(overlay);
        Ok(layers.chain([installed.top]).collect())
    }

    /// Prints the closing summary.
    fn summarize(&self, slot: &SlotContent, usage: &ufs::Usage, dir: &Path) {
        let print = |text: String| self.reporter.summary(text);
        print(format!(
            "\n{} {} for {}",
            self.request.product.name, self.request.version.text, self.request.product.board.name
        ));
        for layer in &slot.layers {
            print(format!(
                "  {:<12} {:>6} paths {:>12}",
                layer.name,
                layer.entries,
                report::size(layer.bytes)
            ));
        }
        let percent = usage.bytes_used * 100 / usage.size.max(1);
        print(format!("  slot fill    {percent} % of {}", report::size(usage.size)));
        print(format!("  in           {}", dir.display()));
        let [full, _, update] = self.request.images();
        if self.request.outputs.full {
            print("  boot it      cargo xtask run".to_owned());
            print(format!("  to a card    cargo xtask burn /dev/... {}", dir.join(full).display()));
        }
        if self.request.outputs.slot {
            print(format!("  to a unit    {}", dir.join(update).display()));
        }
    }
}
