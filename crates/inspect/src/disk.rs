//! An image or a card, opened for reading: its slices and the file systems in them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use anyhow::{Context, Result, bail};
use bsd_disk::disklabel::Disklabel;
use bsd_disk::mbr::{MBR_BYTES, Mbr, PartitionEntry};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use firmware::layout::{CFG_SLICE, DATA_SLICE, LABEL_SECTOR, Partitions};
use firmware::slot::SlotHeader;
use ufs::read::{Reader, Source};

/// What a disk holds.
#[derive(Debug)]
pub enum DiskContent {
    /// A whole card, with this MBR.
    Card(Box<Mbr>),
    /// One slot.
    Slot,
}

/// One of the file systems of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// That of slot 1 or 2.
    Slot(u8),
    /// `/cfg`.
    Cfg,
    /// `/data`.
    Data,
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(number) => write!(f, "slot {number}"),
            Self::Cfg => write!(f, "/cfg"),
            Self::Data => write!(f, "/data"),
        }
    }
}

/// An image or a card.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: Arc<File>,
    /// What it holds.
    pub content: DiskContent,
    /// Its size.
    pub size: Sectors,
}

/// A part of a disk, as the file system in it sees it.
#[derive(Debug)]
pub struct Section {
    file: Arc<File>,
    start: Sectors,
}

impl Source for Section {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let at = self.start.bytes().checked_add(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
        read_exactly(&self.file, buf, at)
    }
}

fn read_exactly(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        kind @ io::ErrorKind::UnexpectedEof => io::Error::new(kind, "the image is truncated"),
        _ => error,
    })
}

/// The files of a file system.
pub type Files = Reader<Section>;

impl Disk {
    /// Opens `path` and recognizes what it holds.
    ///
    /// # Errors
    /// It cannot be read, or is neither a card nor a slot image.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("inspecting {}", path.display()))?;
        Self::of(file, path)
    }

    /// Recognizes what the disk in `file` holds; it is called `path` in messages.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn of(mut file: File, path: &Path) -> Result<Self> {
        let attempt = || format!("inspecting {}", path.display());
        // The metadata of a device have no size.
        let bytes = io::Seek::seek(&mut file, io::SeekFrom::End(0)).with_context(attempt)?;
        let mut head = [0; 2 * MBR_BYTES];
        let is_long = file.read_exact_at(&mut head, 0).is_ok();
        let (first, second) = head.split_at(MBR_BYTES);
        let content = if is_long && Disklabel::parse(second).is_ok() {
            DiskContent::Slot
        } else {
            match Mbr::parse(first) {
                Ok(mbr) if is_long && mbr.partitions.iter().any(PartitionEntry::is_used) => {
                    DiskContent::Card(Box::new(mbr))
                }
                _ => bail!(
                    "{}: it is not a full image (no table of slices in sector 0), a slot image (no label in sector 1) \
                     or an update (.fw)",
                    attempt()
                ),
            }
        };
        let size = Sectors(bytes / MBR_BYTES as u64);
        Ok(Self { path: path.to_owned(), file: Arc::new(file), content, size })
    }

    /// The file or device.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first `bytes` bytes after sector `at` begins.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self, at: Sectors, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        read_exactly(&self.file, &mut buffer, at.bytes())?;
        Ok(buffer)
    }

    /// The slice of a file system.
    ///
    /// # Errors
    /// The disk does not have it.
    pub fn slice(&self, volume: Volume) -> Result<Slice> {
        let number = match volume {
            Volume::Slot(number) => number,
            Volume::Cfg => CFG_SLICE,
            Volume::Data => DATA_SLICE,
        };
        match &self.content {
            DiskContent::Slot if volume == Volume::Slot(1) => {
                Ok(Slice { number, start: Sectors::ZERO, size: self.size })
            }
            DiskContent::Slot => {
                bail!("looking for {volume} in {}: it is the image of one slot", self.path.display())
            }
            DiskContent::Card(mbr) => mbr.slice(number).with_context(|| {
                format!("looking for {volume} in {}: there is no slice {number}", self.path.display())
            }),
        }
    }

    /// Partition `a` of the label of a slot or of slice 3, in which the file system begins.
    ///
    /// # Errors
    /// There is no valid label, or the partition is not within the slice.
    pub fn partition(&self, slice: &Slice) -> Result<Slice> {
        let sector = self.read(slice.start + Sectors(1), MBR_BYTES).context("reading its label")?;
        Disklabel::parse(&sector)?
            .partition_a(slice)
            .context("its label has no partition `a` within the slice; the image may be truncated")
    }

    /// The partitions of slice 3.
    ///
    /// # Errors
    /// There is no slice 3, or its label does not have them.
    pub fn partitions(&self) -> Result<Partitions> {
        let slice = self.slice(Volume::Cfg)?;
        let sector = self.read(slice.start + LABEL_SECTOR, MBR_BYTES).context("reading its label")?;
        Partitions::from_label(&Disklabel::parse(&sector)?, &slice)
            .context("its label does not have the partitions of a Sluice disk")
    }

    /// The header of a slot.
    ///
    /// # Errors
    /// As [`Disk::partition`], or there is no valid header.
    pub fn slot_header(&self, slice: &Slice) -> Result<SlotHeader> {
        let sector = self.read(self.partition(slice)?.start, MBR_BYTES)?;
        Ok(SlotHeader::decode(&sector)?)
    }

    /// Opens a file system.
    ///
    /// # Errors
    /// The disk does not have it, or it cannot be read.
    pub fn files(&self, volume: Volume) -> Result<Files> {
        let slice = self.slice(volume)?;
        let attempt = || format!("reading {volume} of {}", self.path.display());
        let start = match volume {
            Volume::Slot(_) | Volume::Cfg => self.partition(&slice).with_context(attempt)?.start,
            Volume::Data => slice.start,
        };
        Reader::open(Section { file: Arc::clone(&self.file), start }).with_context(attempt)
    }
}
