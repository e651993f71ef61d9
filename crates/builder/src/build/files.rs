//! Writing the files of a version: the images, the update bundle and the manifest.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use firmware::state::Digest;
use rayon::prelude::*;

use super::context::Build;
use crate::boot_state;
use crate::bundle::{self, ChunkCache};
use crate::customize::variables::{FULL_LINK, SLOT_LINK};
use crate::image::manifest::{self, ImageFacts, Manifest, WorldFacts};
use crate::image::output::{Inputs, MANIFEST, SPEC};
use crate::image::{self, Plan, SlotContent, disk};
use crate::product::BootCode;
use crate::services::Edition;
use crate::world::World;

impl Build {
    /// Writes all files of the version, and publishes them.
    pub(super) fn write(
        &self,
        world: &World,
        slot: &SlotContent,
        plan: &Plan,
        inputs: &Inputs,
    ) -> Result<PathBuf> {
        let stage = self.reporter.stage("images");
        let staged = self.output.stage()?;
        let dir = staged.path();
        disk::check_free_space(
            dir,
            disk::needed_space(&plan.filesystems, self.request.outputs.slot, self.request.outputs.full),
        )?;
        let [full, slot_image, update] = self.request.images();
        let (full_path, slot_path) = (dir.join(&full), dir.join(&slot_image));
        let slot_out = self.request.outputs.slot.then_some(slot_path.as_path());
        let full_out = self.request.outputs.full.then_some(full_path.as_path());
        image::write(plan, &self.request.product, slot_out, full_out)
            .map_err(|error| disk::explain_full_host(error, dir))?;
        std::fs::write(dir.join(SPEC), &slot.spec).context("writing the mtree specification")?;
        let built = self.request.built_images();
        for (link, image) in [(FULL_LINK, &full), (SLOT_LINK, &slot_image), ("_.fw", &update)] {
            if built.contains(image) {
                symlink(image, dir.join(link)).with_context(|| format!("linking {link} to {image}"))?;
            }
        }
        let written: Vec<&str> = built.iter().filter(|image| **image != update).map(String::as_str).collect();
        stage.finish(written.join(", "));
        let digest = self.request.outputs.slot.then(|| self.write_bundle(world, slot, dir)).transpose()?;
        if let (Some(digest), Some(full), BootCode::Sluice) =
            (digest, full_out, self.request.product.boot.code)
        {
            boot_state::record_content(full, digest)?;
        }
        let stage = self.reporter.stage("manifest");
        self.write_manifest(world, slot, plan, dir)?;
        stage.finish(MANIFEST);
        self.output.publish(staged, &self.request.version.text, inputs)
    }

    /// Writes the update bundle of the slot image in `dir`. Returns the digest of that image.
    fn write_bundle(&self, world: &World, slot: &SlotContent, dir: &Path) -> Result<Digest> {
        let mut stage = self.reporter.stage("bundle");
        stage.takes_long("compressing");
        let [_, slot_image, update] = self.request.images();
        let manifest = bundle::manifest(
            &self.request.product,
            &self.request.version,
            &world.version,
            disk::slot_size(&self.request.product.layout)?,
            &slot.revocations,
        )?;
        // A release does not depend on previous builds.
        let cache = match self.request.edition {
            Edition::Release => None,
            Edition::Development => {
                let keys = self.signing.trusted.public();
                ChunkCache::open(&self.output.latest(), MANIFEST, bundle::SUFFIX, keys)
            }
        };
        let (slot, out) = (dir.join(slot_image), dir.join(&update));
        let summary = bundle::write(&slot, &out, manifest, &self.signing.signer, cache.as_ref())
            .map_err(|error| disk::explain_full_host(error, dir))?;
        stage.finish(format_args!(
            "{update}, {} for {}, {} of {} chunks stored, {} of them unchanged",
            report::size(summary.bytes),
            report::size(summary.raw_bytes),
            summary.stored,
            summary.chunks,
            summary.reused
        ));
        Ok(summary.digest)
    }

    fn write_manifest(&self, world: &World, slot: &SlotContent, plan: &Plan, dir: &Path) -> Result<()> {
        let facts =
            WorldFacts { source: world.kind, version: &world.version, kernel: world.kernel.as_deref() };
        let filesystem =
            manifest::FileSystemFacts::new(&self.request.product.filesystem, &plan.filesystems.slot.usage());
        let mut manifest = Manifest::new(
            &self.request.product,
            &self.request.version,
            facts,
            &self.toolchain.rust()?.version,
            filesystem,
        );
        manifest.layers = slot.layers.iter().cloned().map(Into::into).collect();
        manifest.keys = manifest::KeyFacts::new(&self.signing, slot.revocations.epoch);
        manifest.images = self
            .request
            .built_images()
            .into_par_iter()
            .map(|image| ImageFacts::of(&dir.join(image), self.request.edition))
            .collect::<Result<_>>()?;
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        std::fs::write(dir.join(MANIFEST), text).context("writing the manifest")
    }
}
