//! The boot code of a world.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::disklabel::BOOT_AREA;

use crate::product::WorldCode;

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
                "reading the boot blocks {}\nhint: a world built WITHOUT_BOOT cannot start",
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
                bail!("boot.code: the world has no /boot/{}\nhint: it has {}", code.file(), there.join(", "))
            }
        }
    }
}
