//! Writing images: the slot image and the full image, each byte of a slot's content read once and written straight
//! to every place where it belongs.
//!
//! Images are sparse: what is not written is a hole that reads as zero.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bsd_disk::disklabel::{BOOT_AREA, Disklabel};
use bsd_disk::slice::Slice;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::layout::{LABEL_SECTOR, Layout};
use firmware::slot::SlotHeader;

/// Several places that get the same bytes.
struct Places<'a>(Vec<(&'a File, u64)>);

impl ufs::Sink for Places<'_> {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.iter().try_for_each(|(file, base)| file.write_all_at(data, base + offset))
    }
}

/// What stands before the content of a slot: boot blocks, label and header.
#[derive(Clone, Debug)]
pub struct SlotHead(Vec<u8>);

impl SlotHead {
    /// Puts `boot_blocks` (boot1, room for the label, boot2), the label of a slot of `layout` and `header` together.
    ///
    /// # Errors
    /// The boot blocks do not leave the sector of the label free, or the header does not fit its record.
    pub fn new(boot_blocks: &[u8], layout: &Layout, header: &SlotHeader) -> Result<Self> {
        let mut head = vec![0; BOOT_AREA.bytes() as usize];
        head[..boot_blocks.len()].copy_from_slice(boot_blocks);
        let label = LABEL_SECTOR.bytes() as usize..(LABEL_SECTOR + Sectors(1)).bytes() as usize;
        head[label].copy_from_slice(&Disklabel::for_slot(slot_size(layout)?, layout.geometry)?.encode());
        head.extend_from_slice(&header.encode()?);
        Ok(Self(head))
    }
}

/// Whole sectors of a disk that belong to no file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first one.
    pub at: Sectors,
    /// What they hold.
    pub bytes: Vec<u8>,
}

/// The file systems of an image.
#[derive(Debug)]
pub struct FileSystems {
    /// The content of each slot.
    pub slot: ufs::Plan,
    /// How many slots of the full image, from the first on, have that content; the others are empty.
    pub filled: usize,
    /// `/cfg`.
    pub cfg: ufs::Plan,
    /// `/data`.
    pub data: Option<ufs::Plan>,
}

/// Writes the slot image to `slot` and the full image to `full`, of which either may be left out.
///
/// # Errors
/// A file of the tree cannot be read or has changed, or the images cannot be written.
pub fn write(
    layout: &Layout,
    outside: &[Piece],
    head: &SlotHead,
    filesystems: &FileSystems,
    slot: Option<&Path>,
    full: Option<&Path>,
) -> Result<()> {
    let size = slot_size(layout)?;
    let slot = slot.map(|path| create(path, size)).transpose()?;
    let full = full.map(|path| create(path, layout.media)).transpose()?;

    let mut places: Vec<(&File, u64)> = slot.iter().map(|file| (file, 0)).collect();
    if let Some(full) = &full {
        places.extend(layout.slots.iter().take(filesystems.filled).map(|slice| (full, slice.start.bytes())));
        write_rest(full, layout, outside, filesystems).context("writing the full image")?;
    }
    for (file, base) in &places {
        file.write_all_at(&head.0, *base).context("writing a slot's boot area")?;
    }
    let content = places.into_iter().map(|(file, base)| (file, base + BOOT_AREA.bytes())).collect();
    filesystems.slot.write(&Places(content)).context("writing the content of the slots")
}

/// What the full image has beside its slots.
fn write_rest(full: &File, layout: &Layout, outside: &[Piece], filesystems: &FileSystems) -> Result<()> {
    for Piece { at, bytes } in outside {
        full.write_all_at(bytes, at.bytes()).with_context(|| format!("writing sector {}", at.0))?;
    }
    let place = |slice: &Slice| Places(vec![(full, slice.start.bytes())]);
    filesystems.cfg.write(&place(&layout.cfg)).context("writing /cfg")?;
    if let (Some(slice), Some(plan)) = (&layout.data, &filesystems.data) {
        plan.write(&place(slice)).context("writing /data")?;
    }
    Ok(())
}

/// The size of every slot's image.
///
/// # Errors
/// A layout without slots, which the planner does not make.
pub fn slot_size(layout: &Layout) -> Result<Sectors> {
    Ok(layout.room(layout.slots.first().context("the layout has no slot")?))
}

/// A new file of `size` that is one hole.
fn create(path: &Path, size: Sectors) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.with_context(|| format!("creating {}", path.display()))?;
    file.set_len(size.bytes()).with_context(|| format!("making {} {} long", path.display(), size))?;
    Ok(file)
}

/// Refuses to begin when the host has not the room that the images will take up.
///
/// # Errors
/// Says how much lacks, and where.
pub fn check_room(dir: &Path, needed: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(dir)
        .with_context(|| format!("asking for the free space of {}", dir.display()))?;
    let free = stat.f_bavail * stat.f_frsize;
    ensure!(
        free >= needed,
        "writing images to {}: they take up {} and its file system has {} free, {} too little; make room there, or \
         choose another place with --output",
        dir.display(),
        report::size(needed),
        report::size(free),
        report::size(needed - free)
    );
    Ok(())
}

/// Says what can be done when `error` comes of a host that ran full after all; other errors stay as they are.
pub fn explain_full_host(error: anyhow::Error, dir: &Path) -> anyhow::Error {
    let full = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::StorageFull)
    };
    if !error.chain().any(full) {
        return error;
    }
    error.context(format!(
        "writing images to {}: its file system is full; make room there, or choose another place with --output",
        dir.display()
    ))
}

/// How many bytes of the host's disk the images will take up, at least: what a file system keeps for itself in each of
/// its groups comes on top.
pub fn room(filesystems: &FileSystems, with_slot: bool, with_full: bool) -> u64 {
    let copies = u64::from(with_slot) + if with_full { filesystems.filled as u64 } else { 0 };
    let others = if with_full { filesystems.cfg.usage().bytes_used } else { 0 };
    let data = filesystems.data.as_ref().filter(|_| with_full).map_or(0, |plan| plan.usage().bytes_used);
    let heads = (BOOT_AREA.bytes() + SECTOR_BYTES) * copies;
    filesystems.slot.usage().bytes_used * copies + others + data + heads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_host_is_told_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        check_room(dir.path(), 1).unwrap();
        let error = check_room(dir.path(), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("too little") && error.contains("--output"), "{error}");
    }

    #[test]
    fn a_host_that_runs_full_on_the_way_is_told_of() {
        let full = anyhow::Error::new(io::Error::from(io::ErrorKind::StorageFull)).context("writing a slot");
        let text = format!("{:#}", explain_full_host(full, Path::new("/out")));
        assert!(
            text.starts_with("writing images to /out: its file system is full") && text.contains("--output"),
            "{text}"
        );
        let other = explain_full_host(anyhow::anyhow!("something else"), Path::new("/out"));
        assert_eq!(other.to_string(), "something else");
    }

    #[test]
    fn all_places_get_the_bytes_at_their_own_offset() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| create(&dir.path().join(name), Sectors(2)).unwrap());
        let places = Places(vec![(&files[0], 0), (&files[1], 100)]);
        ufs::Sink::write_at(&places, 5, b"xyz").unwrap();
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(&read("a")[5..8], b"xyz");
        assert_eq!(&read("b")[105..108], b"xyz");
        assert!(create(&dir.path().join("a"), Sectors(1)).is_err(), "never over an image that is there");
    }
}
