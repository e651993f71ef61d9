//! A unit's card, as an engineer with a card reader sees it: slices, boot state, and deliberate damage.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::slice::Slice;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use builder::boot_state::{self, StateCopies};
use firmware::bundle::{CHUNK_SECTORS, ImageDigest};
use firmware::layout::{HEADER_SECTOR, Partitions};
use firmware::slot::{Slot, SlotHeader};
use firmware::state::store::{self, Loaded, Medium};
use firmware::state::{BootState, COPIES, Digest, STATE_BYTES};
use ufs::read::{Reader, Source};

/// The superblock of UFS2, from the start of its partition (`SBLOCK_UFS2`).
const SUPERBLOCK: Sectors = Sectors(128);
/// The most sectors that it has.
const SUPERBLOCK_ROOM: Sectors = Sectors(16);

/// A file that remembers where it was last read.
struct LastRead<'a> {
    file: &'a File,
    offset: Cell<u64>,
}

impl Source for LastRead<'_> {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.offset.set(offset);
        self.file.read_exact_at(bytes, offset)
    }
}

/// A card: an image file that no machine is using.
#[derive(Debug)]
pub struct Card {
    path: PathBuf,
    file: File,
}

impl Card {
    /// Opens the image.
    ///
    /// # Errors
    /// It cannot be opened for writing.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.with_context(|| format!("opening the card {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The image.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads `sectors` from sector `at` on.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self, at: Sectors, sectors: Sectors) -> Result<Vec<u8>> {
        let mut bytes = vec![0; sectors.bytes() as usize];
        self.file
            .read_exact_at(&mut bytes, at.bytes())
            .with_context(|| format!("reading {sectors} of {}", self.path.display()))?;
        Ok(bytes)
    }

    /// Writes from sector `at` on.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, at: Sectors, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, at.bytes()).with_context(|| format!("writing {}", self.path.display()))
    }

    /// The slice of this number.
    ///
    /// # Errors
    /// The MBR cannot be read, or does not have the slice.
    pub fn slice(&self, number: u8) -> Result<Slice> {
        self.mbr()?.slice(number).with_context(|| format!("the card has no slice {number}"))
    }

    /// The MBR.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn mbr(&self) -> Result<Mbr> {
        let mut sector = [0; MBR_BYTES];
        self.file.read_exact_at(&mut sector, 0).context("reading the MBR of the card")?;
        Ok(Mbr::parse(&sector)?)
    }

    /// The boot state.
    ///
    /// # Errors
    /// No copy of it is valid.
    pub fn state(&self) -> Result<Loaded> {
        Ok(store::load(&mut self.copies()?)?)
    }

    /// Changes the boot state with the code that a running system uses.
    ///
    /// # Errors
    /// No copy of it is valid, or `change` fails.
    pub fn change_state<E: Into<anyhow::Error>>(
        &self,
        change: impl FnOnce(&BootState) -> Result<BootState, E>,
    ) -> Result<()> {
        let mut copies = self.copies()?;
        let loaded = store::load(&mut copies)?;
        let state = change(&loaded.state).map_err(Into::into)?;
        store::save(&mut copies, loaded, &state)?;
        Ok(())
    }

    /// Writes all copies of the boot state.
    ///
    /// # Errors
    /// The card cannot be written.
    pub fn set_state(&self, state: &BootState) -> Result<()> {
        store::initialize(&mut self.copies()?, state)?;
        Ok(())
    }

    /// Overwrites a copy of the boot state, counted from 0.
    ///
    /// # Errors
    /// The card cannot be written.
    pub fn write_state_copy(&self, copy: usize, record: &[u8; STATE_BYTES]) -> Result<()> {
        Ok(self.copies()?.write(copy, record)?)
    }

    /// All copies of the boot state, as they are.
    ///
    /// # Errors
    /// The card cannot be read.
    pub fn state_copies(&self) -> Result<[[u8; STATE_BYTES]; COPIES]> {
        let mut records = [[0; STATE_BYTES]; COPIES];
        let mut copies = self.copies()?;
        for (copy, record) in records.iter_mut().enumerate() {
            copies.read(copy, record)?;
        }
        Ok(records)
    }

    /// Clears the boot area of a slot, as an interrupted update leaves it.
    ///
    /// # Errors
    /// The card cannot be written.
    pub fn blank_boot_area(&self, slot: Slot) -> Result<()> {
        let slice = self.slice(slot.number())?;
        self.write(slice.start, &vec![0; BOOT_AREA.bytes() as usize])
    }

    /// Clears the superblock of a slot's file system.
    ///
    /// # Errors
    /// The card cannot be written.
    pub fn blank_superblock(&self, slot: Slot) -> Result<()> {
        let partition = self.slice(slot.number())?.start + BOOT_AREA;
        self.write(partition + SUPERBLOCK, &vec![0; SUPERBLOCK_ROOM.bytes() as usize])
    }

    /// The sector that contains byte `offset` of the file `path` in a slot.
    ///
    /// # Errors
    /// The slot has no such file, or its file system cannot be read.
    pub fn sector_of(&self, slot: Slot, path: &str, offset: u64) -> Result<Sectors> {
        let partition = self.slice(slot.number())?.start + BOOT_AREA;
        let source = LastRead { file: &self.file, offset: Cell::new(0) };
        let files = Reader::open_at(&source, partition.bytes())?;
        let context = || format!("looking for byte {offset} of {path} in slot {slot}");
        let stat = files.lookup(path.as_bytes()).with_context(context)?;
        let mut byte = [0];
        ensure!(
            files.read_at(stat.ino, offset, &mut byte).with_context(context)? == 1,
            "{}: too short",
            context()
        );
        Ok(Sectors(source.offset.get() / SECTOR_BYTES))
    }

    /// Changes the seconds that a slot's header gives the watchdog.
    ///
    /// # Errors
    /// The slot has no header, or the card cannot be written.
    pub fn set_watchdog(&self, slot: Slot, seconds: u16) -> Result<()> {
        let at = self.slice(slot.number())?.start + HEADER_SECTOR;
        let header = SlotHeader::decode(&self.read(at, Sectors(1))?)?;
        self.write(at, &SlotHeader { watchdog: seconds, ..header }.encode()?)
    }

    /// The image digest of a slot's content on the card.
    ///
    /// # Errors
    /// The card cannot be read.
    pub fn slot_digest(&self, slot: Slot) -> Result<Digest> {
        let slice = self.slice(slot.number())?;
        let header = self.read(slice.start + HEADER_SECTOR, Sectors(1))?;
        // A slice that ends in a label is larger than the slot image.
        let size = SlotHeader::decode(&header).map_or(slice.size, |header| header.size);
        let chunk = Sectors(CHUNK_SECTORS.into());
        let (mut digest, mut at, end) = (ImageDigest::new(), slice.start, slice.start + size);
        while at < end {
            let sectors = chunk.min(end - at);
            digest.add(&self.read(at, sectors)?);
            at += sectors;
        }
        Ok(digest.finish())
    }

    /// The partitions of slice 3.
    ///
    /// # Errors
    /// The card does not have them.
    pub fn partitions(&self) -> Result<Partitions> {
        boot_state::partitions(&self.file)
    }

    fn copies(&self) -> Result<StateCopies> {
        StateCopies::open(&self.path)
    }
}
