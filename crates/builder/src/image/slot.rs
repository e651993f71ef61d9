//! The content of a slot: layers, NanoBSD's rules and the product's customization become one tree.

use anyhow::{Context, Result};
use firmware::paths::{self, in_image};
use firmware::release::Release;
use firmware::revocations::Revocations;
use rootfs::mtree;
use rootfs::tree::{Attributes, Kind, Layer, Tree, TreePath};

use super::layer_size::{LayerSize, layer_sizes};
use crate::customize::Customizer;
use crate::product::{Product, Stage, Version};
use crate::{layer, nanobsd};

/// The path of the slot's mtree(5) specification in the image.
pub const SPEC_PATH: &str = in_image(paths::SPECIFICATION);

/// The name of the layer that holds the specification.
const GENERATED: &str = "nanobsd";

/// The complete content of a slot.
#[derive(Debug)]
pub struct SlotContent {
    /// The tree, with owners as numbers.
    pub tree: Tree,
    /// The mtree(5) specification of the tree, which the tree also contains.
    pub spec: String,
    /// The sizes of the layers, the largest first.
    pub layers: Vec<LayerSize>,
    /// What the release withdraws from those who sign updates, as its `release.json` says.
    pub revocations: Revocations,
}

/// Merges `layers`, the lowest first, then applies NanoBSD's rules and the product's customization. The release withdraws
/// `revocations`.
///
/// # Errors
/// Conflicting layers, an unknown owner, a file that cannot be read, or a customization that fails.
pub fn compose(
    layers: Vec<Layer>,
    product: &Product,
    version: &Version,
    world_version: &str,
    revocations: &Revocations,
    customizer: &Customizer<'_>,
) -> Result<SlotContent> {
    let settings = settings(product, version, world_version, revocations);
    let attempt = "configuring NanoBSD's layout";
    let mut tree = Tree::merge(layers)?;
    customizer.run(Stage::Early, &mut tree)?;
    nanobsd::prepare(&mut tree, &settings).context(attempt)?;
    customizer.run(Stage::Customize, &mut tree)?;
    nanobsd::finish(&mut tree, &settings).context(attempt)?;
    customizer.run(Stage::Late, &mut tree)?;
    layer::keys::check(&tree)?;
    let generated = tree.layer(GENERATED);
    let path = TreePath::parse(SPEC_PATH)?;
    tree.put_file(generated, &path, "", 0o444)?;
    tree.resolve_owners()?;
    let digests = mtree::digests(&tree).context("hashing the content of the slot")?;
    let spec = mtree::write(&tree, &digests, &path)?;
    tree.put(generated, &path, Kind::File(spec.as_str().into()), Attributes::root(0o444))?;
    let layers = layer_sizes(&tree, &product.filesystem)?;
    Ok(SlotContent { tree, spec, layers, revocations: revocations.clone() })
}

fn settings(
    product: &Product,
    version: &Version,
    world: &str,
    revocations: &Revocations,
) -> nanobsd::Settings {
    nanobsd::Settings {
        drive: product.device(),
        cfg_slice: product.layout.cfg.number,
        data_slice: product.layout.data.as_ref().map(|slice| slice.number),
        ram_etc: product.ram_etc,
        ram_tmpvar: product.ram_tmpvar,
        console: product.board.console.device,
        console_speed: product.console_speed,
        release: Release {
            product: product.name.clone(),
            version: version.text.clone(),
            board: product.board.name.to_owned(),
            commit: version.commit.clone(),
            world: world.to_owned(),
            config_version: product.update.config_version,
            trial_deadline: product.update.trial_deadline,
            key_epoch: revocations.epoch,
            revoked_keys: revocations.keys.clone(),
            lowers_floors: product.update.lowers_floors.clone(),
        },
    }
}
