//! What a provider gives: layers, boot blocks, a version and a sysroot.

use rootfs::tree::Layer;

use super::boot_blocks::BootBlocks;
use crate::inputs;
use crate::services::Sysroot;

/// The layer with the kernel and its modules.
pub const KERNEL_LAYER: &str = "kernel";

/// A FreeBSD world (or the miniature one), ready to be merged.
#[derive(Clone, Debug)]
pub struct World {
    /// Which provider made it.
    pub kind: &'static str,
    /// FreeBSD's version, as `13.2-RELEASE`.
    pub version: String,
    /// The configuration of its kernel, if the kernel states it.
    pub kernel: Option<String>,
    /// Changes whenever anything of the world does; compared only on one machine.
    pub identity: String,
    /// The content, lowest first.
    pub layers: Vec<Layer>,
    /// What to link the services against, if the world has it.
    pub sysroot: Option<Sysroot>,
    /// What boots it.
    pub boot: BootBlocks,
    /// What the engineer should know of it.
    pub notes: Vec<String>,
}

impl World {
    /// The world without a kernel.
    pub(super) fn without_kernel(mut self) -> Self {
        self.layers.retain(|layer| layer.name != KERNEL_LAYER);
        self.kernel = None;
        self.identity = inputs::of_texts([&*self.identity, "no kernel"]);
        self
    }
}
