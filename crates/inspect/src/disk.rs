//! An image or a card, opened for reading: its slices, and the file systems in them.

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
use firmware::layout::{CFG_SLICE, DATA_SLICE};
use firmware::slot::SlotHeader;
use ufs::read::{Reader, Source};

/// What is on the disk.
#[derive(Debug)]
pub enum Kind {
    /// A whole card, with its MBR.
    Full(Box<Mbr>),
    /// One slot.
    Slot,
}

/// A file system of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of this slot.
    Slot(u8),
    /// Of `/cfg`.
    Cfg,
    /// Of `/data`.
    Data,
}

impl fmt::Display for Place {
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
    /// What it is.
    pub kind: Kind,
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
        kind @ io::ErrorKind::UnexpectedEof => io::Error::new(kind, "the image ends before that, cut short"),
        _ => error,
    })
}

/// The files of a file system.
pub type Files = Reader<Section>;

impl Disk {
    /// Opens `path` and finds out what it is.
    ///
    /// # Errors
    /// It cannot be read, or is neither a card nor a slot.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("inspecting {}", path.display()))?;
        Self::of(file, path)
    }

    /// Finds out what the disk in `file` is; it is called `path` in messages.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn of(mut file: File, path: &Path) -> Result<Self> {
        let attempt = || format!("inspecting {}", path.display());
        // A device's metadata tell no size.
        let bytes = io::Seek::seek(&mut file, io::SeekFrom::End(0)).with_context(attempt)?;
        let mut head = [0; 2 * MBR_BYTES];
        let is_long = file.read_exact_at(&mut head, 0).is_ok();
        let (first, second) = head.split_at(MBR_BYTES);
        let kind = if is_long && Disklabel::parse(second).is_ok() {
            Kind::Slot
        } else {
            match Mbr::parse(first) {
                Ok(mbr) if is_long && mbr.partitions.iter().any(PartitionEntry::is_used) => {
                    Kind::Full(Box::new(mbr))
                }
                _ => bail!(
                    "{}: it is no full image (sector 0 has no table of slices), no slot image (sector 1 has no label) and \
                     no update (.fw)",
                    attempt()
                ),
            }
        };
        let size = Sectors(bytes / MBR_BYTES as u64);
        Ok(Self { path: path.to_owned(), file: Arc::new(file), kind, size })
    }

    /// The file or device.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes from sector `at` on.
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
    /// The disk has none.
    pub fn slice(&self, place: Place) -> Result<Slice> {
        let number = match place {
            Place::Slot(number) => number,
            Place::Cfg => CFG_SLICE,
            Place::Data => DATA_SLICE,
        };
        match &self.kind {
            Kind::Slot if place == Place::Slot(1) => {
                Ok(Slice { number, start: Sectors::ZERO, size: self.size })
            }
            Kind::Slot => {
                bail!("looking for {place} in {}: it is the image of one slot", self.path.display())
            }
            Kind::Full(mbr) => mbr.slice(number).with_context(|| {
                format!("looking for {place} in {}: there is no slice {number}", self.path.display())
            }),
        }
    }

    /// Where the file system of a slot begins and its header lies: partition `a` of the label.
    ///
    /// # Errors
    /// There is no label that holds, or it leaves the slice.
    pub fn partition(&self, slice: &Slice) -> Result<Slice> {
        let sector = self.read(slice.start + Sectors(1), MBR_BYTES).context("reading its label")?;
        Disklabel::parse(&sector)?
            .partition_a(slice)
            .context("its label has no partition `a` within the slice, which may have been cut short")
    }

    /// The header of a slot.
    ///
    /// # Errors
    /// As [`Disk::partition`], or there is none that holds.
    pub fn slot_header(&self, slice: &Slice) -> Result<SlotHeader> {
        let sector = self.read(self.partition(slice)?.start, MBR_BYTES)?;
        Ok(SlotHeader::decode(&sector)?)
    }

    /// The files of a file system.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn files(&self, place: Place) -> Result<Files> {
        let slice = self.slice(place)?;
        let attempt = || format!("reading {place} of {}", self.path.display());
        let start = match place {
            Place::Slot(_) => self.partition(&slice).with_context(attempt)?.start,
            _ => slice.start,
        };
        Reader::open(Section { file: Arc::clone(&self.file), start }).with_context(attempt)
    }
}
