//! The digests of a build's inputs, which show whether its images are up to date.

use anyhow::Result;

use super::context::{Build, sysroot};
use crate::image::output::Inputs;
use crate::world::World;
use crate::{compiled_from, customize, inputs, services};

/// The name of the services' digest among the inputs of a build.
pub(super) const SERVICES: &str = "services";

impl Build {
    /// The digests of everything that goes into the images.
    pub(super) fn inputs(&self, world: &World) -> Result<Inputs> {
        let root = &crate::workspace::root();
        let product = &self.request.product;
        let overlays: Vec<&str> = product.overlay.folders.iter().map(String::as_str).collect();
        let writable: Vec<&str> =
            [&product.cfg_folder, &product.data_folder].into_iter().flatten().map(String::as_str).collect();
        let access: Vec<&str> = product.access.authorized_keys.iter().map(String::as_str).collect();
        let digests = [
            ("builder", compiled_from::digest().to_owned()),
            ("definition", inputs::of_texts([format!("{:?}", self.request.product).as_str()])),
            ("overlay", inputs::of_files(root, &overlays)?),
            ("/cfg and /data", inputs::of_files(root, &writable)?),
            ("access", inputs::of_files(root, &access)?),
            ("customization", customize::digest(root, &self.request.product.customize)?),
            ("keys", inputs::of_texts([format!("{:?}", self.signing).as_str()])),
            (
                SERVICES,
                services::digest(product.board, &self.toolchain, sysroot(world)?, self.request.edition)?,
            ),
            ("packages", self.request.packages.digest()?),
            ("version", inputs::of_texts([format!("{:?}", self.request.version).as_str()])),
            ("world", world.identity.clone()),
        ];
        Ok(digests.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect())
    }
}
