//! Writing images: the slot image and the full image. The content of a slot is read once, and each byte is written directly
//! to every image and slot that it belongs to.
//!
//! Images are sparse: what is not written is a hole and reads as zeros.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use bsd_disk::disklabel::{BOOT_AREA, Disklabel};
use bsd_disk::slice::Slice;
use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::layout::{LABEL_SECTOR, Layout};
use firmware::slot::SlotHeader;

/// Files that get the same bytes, each at an offset of its own.
struct Targets<'a>(Vec<(&'a File, u64)>);

impl ufs::Sink for Targets<'_> {
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.iter().try_for_each(|(file, base)| file.write_all_at(data, base + offset))
    }
}

/// The sectors before the file system of a slot: boot blocks, label and header.
#[derive(Clone, Debug)]
pub struct SlotHead(Vec<u8>);

impl SlotHead {
    /// Combines `boot_blocks` (boot1, room for the label, boot2), the label of a slot of `layout`, and `header`.
    ///
    /// # Errors
    /// The layout has no slot, or the header does not fit in its record.
    pub fn new(boot_blocks: &[u8], layout: &Layout, header: &SlotHeader) -> Result<Self> {
        let mut head = vec![0; BOOT_AREA.bytes() as usize];
        head[..boot_blocks.len()].copy_from_slice(boot_blocks);
        let label = LABEL_SECTOR.bytes() as usize..(LABEL_SECTOR + Sectors(1)).bytes() as usize;
        head[label].copy_from_slice(&Disklabel::for_slice(slot_size(layout)?, layout.geometry)?.encode());
        head.extend_from_slice(&header.encode()?);
        Ok(Self(head))
    }
}

/// Sectors outside of file systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first sector.
    pub at: Sectors,
    /// The content of whole sectors.
    pub bytes: Vec<u8>,
}

/// The file systems of an image.
#[derive(Debug)]
pub struct FileSystems {
    /// The file system of each slot.
    pub slot: ufs::Plan,
    /// The number of slots of the full image that have this content, from the first on. The others are empty.
    pub filled: usize,
    /// `/cfg`.
    pub cfg: ufs::Plan,
    /// `/data`, if the product has it.
    pub data: Option<ufs::Plan>,
}

/// Writes the slot image to `slot` and the full image to `full`, unless they are `None`.
///
/// # Errors
/// A file of the tree cannot be read or has changed, or an image cannot be written.
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

    let mut targets: Vec<(&File, u64)> = slot.iter().map(|file| (file, 0)).collect();
    if let Some(full) = &full {
        targets.extend(layout.slots.iter().take(filesystems.filled).map(|slice| (full, slice.start.bytes())));
        write_rest(full, layout, outside, filesystems).context("writing the full image")?;
    }
    for (file, base) in &targets {
        file.write_all_at(&head.0, *base).context("writing a slot's boot area")?;
    }
    let content = targets.into_iter().map(|(file, base)| (file, base + BOOT_AREA.bytes())).collect();
    filesystems.slot.write(&Targets(content)).context("writing the content of the slots")
}

/// Writes everything of the full image but its slots.
fn write_rest(full: &File, layout: &Layout, outside: &[Piece], filesystems: &FileSystems) -> Result<()> {
    for Piece { at, bytes } in outside {
        full.write_all_at(bytes, at.bytes()).with_context(|| format!("writing sector {}", at.0))?;
    }
    let target = |slice: &Slice| Targets(vec![(full, slice.start.bytes())]);
    filesystems.cfg.write(&target(&layout.partitions().cfg)).context("writing /cfg")?;
    if let (Some(slice), Some(plan)) = (&layout.data, &filesystems.data) {
        plan.write(&target(slice)).context("writing /data")?;
    }
    Ok(())
}

/// The size of a slot image; all slots have the same size.
///
/// # Errors
/// The layout has no slot.
pub fn slot_size(layout: &Layout) -> Result<Sectors> {
    Ok(layout.room(layout.slots.first().context("the layout has no slot")?))
}

/// Creates a file of `size` that is one hole.
fn create(path: &Path, size: Sectors) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.with_context(|| format!("creating {}", path.display()))?;
    file.set_len(size.bytes()).with_context(|| format!("extending {} to {size}", path.display()))?;
    Ok(file)
}

/// Checks that the file system of `dir` has `needed` free bytes for the images.
///
/// # Errors
/// It has less. The message says how much is missing.
pub fn check_free_space(dir: &Path, needed: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(dir)
        .with_context(|| format!("looking up the free space of {}", dir.display()))?;
    let free = stat.f_bavail * stat.f_frsize;
    ensure!(
        free >= needed,
        "writing images to {}: they take up {}, but its file system has {} free, {} too little\n\
         hint: free some space there, or choose another directory with --output",
        dir.display(),
        report::size(needed),
        report::size(free),
        report::size(needed - free)
    );
    Ok(())
}

/// Adds the directory and advice to an error about a full file system of the host. Returns other errors as they are.
pub fn explain_full_host(error: anyhow::Error, dir: &Path) -> anyhow::Error {
    let full = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::StorageFull)
    };
    if !error.chain().any(full) {
        return error;
    }
    anyhow!(
        "writing images to {}: its file system is full: {error:#}\n\
         hint: free some space there, or choose another directory with --output",
        dir.display()
    )
}

/// The least number of bytes that the images take up on the host. The metadata of cylinder groups is not counted.
pub fn needed_space(filesystems: &FileSystems, with_slot: bool, with_full: bool) -> u64 {
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
    fn a_full_host_is_reported_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        check_free_space(dir.path(), 1).unwrap();
        let error = check_free_space(dir.path(), u64::MAX).unwrap_err().to_string();
        assert!(error.contains("too little") && error.contains("--output"), "{error}");
    }

    #[test]
    fn a_host_that_runs_full_while_writing_is_reported() {
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
    fn all_targets_get_the_bytes_at_their_own_offset() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| create(&dir.path().join(name), Sectors(2)).unwrap());
        let targets = Targets(vec![(&files[0], 0), (&files[1], 100)]);
        ufs::Sink::write_at(&targets, 5, b"xyz").unwrap();
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(&read("a")[5..8], b"xyz");
        assert_eq!(&read("b")[105..108], b"xyz");
        assert!(create(&dir.path().join("a"), Sectors(1)).is_err(), "an existing image is never overwritten");
    }
}
