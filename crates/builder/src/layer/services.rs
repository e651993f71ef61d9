//! The layer of the product's services: programs in `/usr/sbin`.

use std::fs;

use anyhow::{Context, Result, bail};
use rootfs::tree::{Content, EntryKind, Layer, TreePath};

use crate::services::Service;

/// The name of the layer.
pub const NAME: &str = "services";
/// The directory of the services in the image.
const DIRECTORY: &str = "usr/sbin";

/// The layer with `services`. Each may have at most `budget` bytes, and no more than its own budget.
///
/// # Errors
/// A service cannot be read, or exceeds the budget.
pub fn layer(services: &[Service], budget: Option<u64>) -> Result<Layer> {
    let mut layer = Layer::new(NAME);
    for service in services {
        let size = fs::metadata(&service.path)
            .with_context(|| format!("reading service {}", service.path.display()))?
            .len();
        for (budget, key) in [
            (budget, "budget.service_bytes in the product definition"),
            (service.budget, "its budget in [package.metadata.services]"),
        ] {
            if let Some(budget) = budget.filter(|budget| size > *budget) {
                bail!(
                    "service `{}` has {size} bytes, {} more than {key}, {budget}\n\
                     hint: make it smaller, or raise the budget",
                    service.name,
                    size - budget
                );
            }
        }
        let content = Content::Host { path: service.path.clone(), size };
        layer.push(TreePath::parse(DIRECTORY)?.join(&service.name)?, EntryKind::File(content), 0o555);
    }
    Ok(layer)
}
