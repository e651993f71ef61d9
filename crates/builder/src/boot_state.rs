//! The boot state in a disk image, for commands that create or boot images. On a unit, `sluice` reads and writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use bsd_disk::disklabel::Disklabel;
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::units::Sectors;
use firmware::boot_manager::{self, ManagerError};
use firmware::layout::{CFG_SLICE, LABEL_SECTOR, Partitions};
use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::store::{self, Medium};
use firmware::state::{BootState, COPIES, Digest, Mark, STATE_BYTES};

/// The copies of the boot state in a full image.
#[derive(Debug)]
pub struct StateCopies {
    image: File,
    places: [Sectors; COPIES],
}

impl StateCopies {
    /// Opens the copies for reading and writing.
    ///
    /// # Errors
    /// The image cannot be opened, or has no partitions for them.
    pub fn open(image: &Path) -> Result<Self> {
        let context = || format!("looking for the boot state in {}", image.display());
        let image = OpenOptions::new().read(true).write(true).open(image).with_context(context)?;
        let places = partitions(&image).with_context(context)?.state.map(|copy| copy.start);
        Ok(Self { image, places })
    }
}

/// The partitions of slice 3 of the disk in `image`.
///
/// # Errors
/// The image cannot be read, or its slice 3 is missing or does not have them.
pub fn partitions(image: &File) -> Result<Partitions> {
    let mut sector = [0; MBR_BYTES];
    image.read_exact_at(&mut sector, 0)?;
    let slice = Mbr::parse(&sector)?.slice(CFG_SLICE).with_context(|| format!("no slice {CFG_SLICE}"))?;
    image.read_exact_at(&mut sector, (slice.start + LABEL_SECTOR).bytes())?;
    let label = Disklabel::parse(&sector)?;
    Partitions::from_label(&label, &slice)
        .with_context(|| format!("slice {CFG_SLICE} does not have the partitions of a Sluice disk"))
}

impl Medium for StateCopies {
    fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        self.image.read_exact_at(sector, self.places[copy].bytes())
    }
    fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.image.write_all_at(sector, self.places[copy].bytes())
    }
    fn flush(&mut self, _: usize) -> io::Result<()> {
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
    let mut copies = StateCopies::open(image)?;
    let context = || format!("writing the boot state in {}", image.display());
    let mut state = store::load(&mut copies).with_context(context)?.state;
    for slot in Slot::ALL.into_iter().filter(|slot| state.marks[slot.index()] == Mark::Good) {
        state.digests[slot.index()] = Some(digest);
    }
    store::initialize(&mut copies, &state).map(|_| ()).with_context(context)
}

/// Makes `slot` the default slot, and cancels a trial.
///
/// # Errors
/// The state cannot be written.
pub fn prefer(image: &Path, slot: Slot) -> Result<()> {
    let mut copies = StateCopies::open(image)?;
    let context = || format!("writing the boot state in {}", image.display());
    let Ok(loaded) = store::load(&mut copies) else {
        return store::initialize(&mut copies, &BootState::recovered(slot, None, Revocations::default()))
            .map(|_| ())
            .with_context(context);
    };
    let mut state = BootState { default: slot, trial: None, ..loaded.state.clone() };
    state.marks[slot.index()] = Mark::Good;
    store::save(&mut copies, loaded, &state).map(|_| ()).with_context(context)
}
