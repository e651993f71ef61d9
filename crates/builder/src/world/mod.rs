//! Worlds: where FreeBSD comes from. Each provider gives layers, boot blocks, a version and a sysroot.
//!
//! Providers only read (or, for `--src`, build) FreeBSD; what the product adds comes from other layers.

pub mod installed;
mod outline;
pub mod sets;
pub mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::disklabel::BOOT_AREA;
use report::Reporter;
use rootfs::tree::Layer;

use crate::product::{Product, WorldCode};
use crate::services::Sysroot;
use crate::toolchain::Toolchain;
use crate::{inputs, miniature};
pub use outline::Outline;
use source::Letters;

/// The layer with the kernel and its modules.
const KERNEL_LAYER: &str = "kernel";

/// A FreeBSD world (or the miniature one), ready to be merged.
#[derive(Clone, Debug)]
pub struct World {
    /// Which provider made it.
    pub kind: &'static str,
    /// FreeBSD's version, as `13.2-RELEASE`.
    pub version: String,
    /// The configuration of its kernel, if there is one that tells.
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

/// The boot code of a world.
#[derive(Clone, Debug)]
pub struct BootBlocks {
    /// What can stand in the MBR.
    pub mbr: MbrCodes,
    /// boot1, room for the label, boot2: what fills a slot's boot area.
    pub slot: Vec<u8>,
}

/// The code that a world has for the MBR.
#[derive(Clone, Debug)]
pub enum MbrCodes {
    /// FreeBSD's, as many kinds as are installed.
    FreeBsd(Vec<(WorldCode, Vec<u8>)>),
    /// The miniature world's one program, which starts the active slice, whichever of FreeBSD's codes is asked for.
    Miniature(Vec<u8>),
}

impl BootBlocks {
    /// Reads the boot blocks that a root has in `/boot`.
    ///
    /// # Errors
    /// No `/boot/boot`, or one that is larger than a slot's boot area.
    pub fn from_root(root: &Path) -> Result<Self> {
        let boot = root.join("boot");
        let slot = fs::read(boot.join("boot")).with_context(|| {
            format!(
                "reading the boot blocks {}; a world built WITHOUT_BOOT cannot start",
                boot.join("boot").display()
            )
        })?;
        ensure!(
            slot.len() as u64 <= BOOT_AREA.bytes(),
            "reading the boot blocks {}: {} bytes, and a slot's boot area holds {}",
            boot.join("boot").display(),
            slot.len(),
            BOOT_AREA.bytes()
        );
        let mut mbr = Vec::new();
        for code in WorldCode::ALL {
            let path = boot.join(code.file());
            if path.is_file() {
                mbr.push((code, fs::read(&path).with_context(|| format!("reading {}", path.display()))?));
            }
        }
        Ok(Self { mbr: MbrCodes::FreeBsd(mbr), slot })
    }
}

impl MbrCodes {
    /// The MBR code of one kind, and whether it has boot0's options.
    ///
    /// # Errors
    /// The world does not have it.
    pub fn get(&self, code: WorldCode) -> Result<(&[u8], bool)> {
        let codes = match self {
            Self::Miniature(program) => return Ok((program, false)),
            Self::FreeBsd(codes) => codes,
        };
        match codes.iter().find(|(kind, _)| *kind == code) {
            Some((kind, bytes)) => Ok((bytes, kind.has_options())),
            None => {
                let there: Vec<&str> = codes.iter().map(|(kind, _)| kind.file()).collect();
                bail!("boot.code: the world has no /boot/{}; it has: {}", code.file(), there.join(", "))
            }
        }
    }
}

/// Where the engineer wants FreeBSD to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The embedded miniature world.
    Miniature,
    /// A source tree, to build.
    Source(PathBuf),
    /// An installed root with its METALOG.
    Installed(PathBuf),
    /// The distribution sets of a release.
    Sets(PathBuf),
}

/// Opens the world of `origin`, building it first where it has to be.
///
/// # Errors
/// As its provider.
pub fn open(
    origin: &Origin,
    letters: Letters,
    product: &Product,
    toolchain: &Toolchain,
    reporter: &Reporter,
) -> Result<World> {
    let world = match origin {
        Origin::Miniature => miniature::open(product, toolchain)?,
        Origin::Installed(dir) => installed::open(dir)?,
        Origin::Sets(dir) => sets::open(dir, product, toolchain, reporter)?,
        Origin::Source(dir) => {
            let kept = source::build(dir, product, letters, toolchain, reporter)?;
            World { kind: "source", ..installed::open(&kept)? }
        }
    };
    let is_wanted = product.kernel.config.is_some() && !letters.no_install_kernel;
    Ok(if is_wanted { world } else { world.without_kernel() })
}

impl World {
    /// The world as it is when no kernel is installed over it.
    fn without_kernel(mut self) -> Self {
        self.layers.retain(|layer| layer.name != KERNEL_LAYER);
        self.kernel = None;
        self.identity = inputs::of_texts([&*self.identity, "no kernel"]);
        self
    }
}
