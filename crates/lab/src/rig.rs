//! What all scenarios share: the image of the cards, the bundles to install, and where logs go.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use firmware::bundle::{HEADER_BYTES, Header, Manifest};
use firmware::revocations::Revocations;
use firmware::state::Digest;

/// What a unit of the lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// The miniature world: boot programs that print their slot, and no kernel.
    Miniature,
    /// FreeBSD, with a driver for QEMU's network interface.
    FreeBsd,
}

/// What all scenarios share.
#[derive(Debug)]
pub struct Rig {
    /// What the units run.
    pub world: World,
    /// The full image that a card starts as.
    pub full: PathBuf,
    /// The same with FreeBSD's boot0sio, if a scenario needs it.
    pub boot0: Option<PathBuf>,
    /// The directory of update bundles and slot images, by the names that scenarios use: `next.fw`, `next.slot.img`. Empty
    /// if no scenario needs them.
    pub served: PathBuf,
    /// The URL at which units find that directory.
    pub url: String,
    /// The directory for serial logs.
    pub logs: PathBuf,
    /// How often a scenario that depends on chance repeats what it does: power cuts, boots under noise, kinds of noise.
    pub rounds: u32,
}

impl Rig {
    /// The version of the bundle `name`.
    ///
    /// # Errors
    /// It does not exist, or cannot be read.
    pub fn version_of(&self, name: &str) -> Result<String> {
        Ok(self.manifest(name)?.version)
    }

    /// The image digest of the bundle `name`.
    ///
    /// # Errors
    /// It does not exist, or cannot be read.
    pub fn digest_of(&self, name: &str) -> Result<Digest> {
        Ok(self.manifest(name)?.image_digest())
    }

    /// What the release in the bundle `name` withdraws from those who sign updates.
    ///
    /// # Errors
    /// It does not exist, or cannot be read.
    pub fn revocations_of(&self, name: &str) -> Result<Revocations> {
        Ok(self.manifest(name)?.revocations())
    }

    /// The manifest of a bundle that this machine has just built, so its signature is not checked.
    fn manifest(&self, name: &str) -> Result<Manifest> {
        let path = self.served.join(format!("{name}.fw"));
        let read = || -> Result<Manifest> {
            let mut file = File::open(&path)?;
            let mut header = [0; HEADER_BYTES];
            file.read_exact(&mut header)?;
            let mut json = vec![0; Header::decode(&header)?.manifest_bytes as usize];
            file.read_exact(&mut json)?;
            Ok(Manifest::parse(&json)?)
        };
        read().with_context(|| format!("reading the bundle {}", path.display()))
    }
}
