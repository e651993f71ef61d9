//! The boot state in a disk image, for commands that create or boot images. On a unit, `sluice` reads and writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::units::Sectors;
use firmware::boot_manager::{self, ManagerError};
use firmware::layout::CFG_SLICE;
use firmware::slot::Slot;
use firmware::state::store::{self, Medium};
use firmware::state::{BootState, Digest, Mark, STATE_BYTES};

/// The `/cfg` slice of a full image.
#[derive(Debug)]
pub struct CfgSlice {
    image: File,
    start: Sectors,
}

impl CfgSlice {
    /// Opens the slice for reading and writing.
    ///
    /// # Errors
    /// The image cannot be opened, or has no such slice.
    pub fn open(image: &Path) -> Result<Self> {
        let context = || format!("looking for /cfg in {}", image.display());
        let image = OpenOptions::new().read(true).write(true).open(image).with_context(context)?;
        let mut sector = [0; MBR_BYTES];
        image.read_exact_at(&mut sector, 0).with_context(context)?;
        let mbr = Mbr::parse(&sector).with_context(context)?;
        let slice = mbr.slice(CFG_SLICE).with_context(|| format!("{}: no slice {CFG_SLICE}", context()))?;
        Ok(Self { image, start: slice.start })
    }
}

impl Medium for CfgSlice {
    fn read(&mut self, at: Sectors, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        self.image.read_exact_at(sector, (self.start + at).bytes())
    }
    fn write(&mut self, at: Sectors, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.image.write_all_at(sector, (self.start + at).bytes())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // an image does not lose power
    }
}

/// Whether the disk in `image` has our boot manager.
///
/// # Errors
/// The image cannot be read.
pub fn is_used(image: &Path) -> Result<bool> {
    let context = || format!("looking for a boot manager in {}", image.display());
    let file = File::open(image).with_context(context)?;
    for at in boot_manager::COPIES {
        let mut copy = [0; boot_manager::SECTORS_MAX.bytes() as usize];
        match file.read_exact_at(&mut copy, at.bytes()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read.with_context(context)?,
        }
        if !matches!(boot_manager::check(&copy), Err(ManagerError::Magic)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records the digest of the slots' content in the boot state of a new disk, so that a unit can verify its slots before the
/// first update.
///
/// # Errors
/// The image has no boot state, or cannot be written.
pub fn record_content(image: &Path, digest: Digest) -> Result<()> {
    let mut cfg = CfgSlice::open(image)?;
    let context = || format!("writing the boot state in {}", image.display());
    let mut state = store::load(&mut cfg).with_context(context)?.state;
    for slot in Slot::ALL.into_iter().filter(|slot| state.marks[slot.index()] == Mark::Good) {
        state.digests[slot.index()] = Some(digest);
    }
    store::initialize(&mut cfg, &state).map(|_| ()).with_context(context)
}

/// Makes `slot` the default slot, and cancels a trial.
///
/// # Errors
/// The state cannot be written.
pub fn prefer(image: &Path, slot: Slot) -> Result<()> {
    let mut cfg = CfgSlice::open(image)?;
    let context = || format!("writing the boot state in {}", image.display());
    let Ok(loaded) = store::load(&mut cfg) else {
        return store::initialize(&mut cfg, &BootState::recovered(slot, None))
            .map(|_| ())
            .with_context(context);
    };
    let mut state = BootState { default: slot, trial: None, ..loaded.state.clone() };
    state.marks[slot.index()] = Mark::Good;
    store::save(&mut cfg, &loaded, &state).map(|_| ()).with_context(context)
}
