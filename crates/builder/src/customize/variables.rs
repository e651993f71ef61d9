//! NanoBSD's variables in the environment of hooks. All that describe the product have the values of this image, which may
//! differ from those of a `nanobsd.conf`: a hook that names a slice must name the one that exists here.

use std::path::Path;

use crate::product::{FileSystem, Product};

/// The variables that describe the run of a hook. [`super::hook`] sets them.
const OF_RUN: [&str; 6] =
    ["NANO_WORLDDIR", "NANO_METALOG", "NANO_TOOLS", "NANO_LOG", "NANO_OBJ", "NANO_HOST_PATH"];

/// A variable, and its value for a product in the repository at a path.
type Variable = (&'static str, fn(&Product, &Path) -> String);

/// The variables that describe the product.
const OF_PRODUCT: [Variable; 30] = [
    ("NANO_NAME", |product, _| product.name.clone()),
    ("NANO_ARCH", |product, _| product.board.processor.target_arch.to_owned()),
    ("NANO_CPUTYPE", |product, _| product.world.cputype.clone().unwrap_or_default()),
    ("NANO_DRIVE", |product, _| product.device()),
    ("NANO_LABEL", |product, _| product.label.clone().unwrap_or_default()),
    ("NANO_KERNEL", |product, _| product.kernel.to_string()),
    ("NANO_IMAGES", |product, _| product.layout.slots.len().to_string()),
    ("NANO_INIT_IMG2", |product, _| u8::from(product.fill_second).to_string()),
    ("NANO_MEDIASIZE", |product, _| product.layout.media.0.to_string()),
    ("NANO_SECTS", |product, _| product.layout.geometry.sectors.to_string()),
    ("NANO_HEADS", |product, _| product.layout.geometry.heads.to_string()),
    ("NANO_CODESIZE", |product, _| product.layout.slots.first().map_or(0, |slot| slot.size.0).to_string()),
    ("NANO_CONFSIZE", |product, _| product.layout.partitions().cfg.size.0.to_string()),
    ("NANO_DATASIZE", |product, _| product.layout.data.as_ref().map_or(0, |data| data.size.0).to_string()),
    ("NANO_RAM_ETCSIZE", |product, _| product.ram_etc.to_string()),
    ("NANO_RAM_TMPVARSIZE", |product, _| product.ram_tmpvar.to_string()),
    ("NANO_NEWFS", |product, _| newfs(&product.filesystem)),
    ("NANO_BOOT2CFG", |product, _| format!("-h -S{}", product.console_speed)),
    ("NANO_ROOT", |_, _| "s1a".to_owned()),
    ("NANO_ALTROOT", |_, _| "s2a".to_owned()),
    ("NANO_SLICE_ROOT", |_, _| "s1".to_owned()),
    ("NANO_SLICE_ALTROOT", |_, _| "s2".to_owned()),
    ("NANO_SLICE_CFG", |product, _| format!("s{}", product.layout.cfg.number)),
    ("NANO_SLICE_DATA", |product, _| format!("s{}", data_slice(product))),
    ("NANO_PARTITION_ROOT", |_, _| "a".to_owned()),
    ("NANO_PARTITION_ALTROOT", |_, _| "a".to_owned()),
    ("NANO_CFGDIR", |product, root| directory(root, product.cfg_folder.as_deref())),
    ("NANO_DATADIR", |product, root| directory(root, product.data_folder.as_deref())),
    ("NANO_IMGNAME", |_, _| FULL_LINK.to_owned()),
    ("NANO_IMG1NAME", |_, _| SLOT_LINK.to_owned()),
];

/// The name of the link to the full image, which is NanoBSD's name of that image.
pub const FULL_LINK: &str = "_.disk.full";
/// The name of the link to the slot image, which is NanoBSD's name of that image.
pub const SLOT_LINK: &str = "_.disk.image";

/// The variables that describe `product` in the repository at `root`, with their values.
pub fn of_product(root: &Path, product: &Product) -> impl Iterator<Item = (&'static str, String)> {
    OF_PRODUCT.into_iter().map(move |(name, value)| (name, value(product, root)))
}

/// Whether the environment of hooks has NanoBSD's variable `name`.
pub fn is_hook_variable(name: &str) -> bool {
    OF_RUN.contains(&name) || OF_PRODUCT.iter().any(|(known, _)| *known == name)
}

/// The slice of `/data`. A product without it has the number that it would get.
fn data_slice(product: &Product) -> u8 {
    let (cfg, data) = (product.layout.cfg.number, product.layout.data.as_ref());
    data.map_or(if cfg == 3 { 4 } else { 3 }, |data| data.number)
}

fn newfs(filesystem: &FileSystem) -> String {
    let FileSystem { block, fragment, bytes_per_inode, soft_updates } = filesystem;
    format!("-b {block} -f {fragment} -i {bytes_per_inode}{}", if *soft_updates { " -U" } else { "" })
}

/// The path of a directory of the repository; empty for none.
fn directory(root: &Path, directory: Option<&str>) -> String {
    directory.map(|directory| root.join(directory).display().to_string()).unwrap_or_default()
}
