//! What an image may be burnt to: a card in a reader, a loop device, or a file.
//!
//! The invariant: a disk that anything on this machine uses is never opened for writing, and no flag changes that. A disk
//! that cannot be taken out may be the machine's own; writing to it takes a flag that says what is at risk.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::units::SECTOR_BYTES;
use rustix::fs::OFlags;

use crate::disk_info::DiskInfo;
use crate::image::Image;
use crate::{freebsd, linux};

/// The flag that allows writing to a disk that is not removable.
pub const FIXED: &str = "--dangerously-write-fixed-disk";

/// Something that may be written.
#[derive(Debug)]
pub struct Target {
    /// Its path, as the engineer gave it.
    pub path: PathBuf,
    /// What the host knows about the disk; `None` for a file.
    pub disk: Option<DiskInfo>,
    /// Its size in bytes.
    pub bytes: u64,
    file: File,
}

/// Refuses a disk that must not be written.
///
/// # Errors
/// It is in use, has sectors of another size, or is not removable and `fixed` does not allow that.
fn check(disk: &DiskInfo, path: &Path, fixed: bool) -> Result<()> {
    let attempt = format!("burning to {}", path.display());
    ensure!(
        disk.users.is_empty(),
        "{attempt}: it is in use: {}\nhint: unmount it, or choose another disk",
        disk.users.join(", ")
    );
    ensure!(
        disk.sector == SECTOR_BYTES,
        "{attempt}: its sectors have {} bytes, but the image needs sectors of {SECTOR_BYTES} bytes\n\
         hint: use another reader",
        disk.sector
    );
    ensure!(
        disk.removable || fixed,
        "{attempt}: it is not removable{}, so it may be a disk of this machine\nhint: if it is the card, add {FIXED}",
        disk.model.as_ref().map(|model| format!(" ({model})")).unwrap_or_default()
    );
    Ok(())
}

impl Target {
    /// Opens `path` for burning, unless it must not be written. Nothing is written yet.
    ///
    /// # Errors
    /// It is neither a disk nor a file, is in use, is not removable (unless `fixed` allows that), is the image itself, or
    /// is too small.
    pub fn open(path: &Path, image: &Image, fixed: bool) -> Result<Self> {
        let attempt = || format!("burning to {}", path.display());
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "{}: there is no such device or file\n\
                 hint: plug the card in, or make a file of the card's size: truncate -s {} {}",
                attempt(),
                image.bytes,
                path.display()
            ),
            found => found.with_context(attempt)?,
        };
        let kind = metadata.file_type();
        let is_disk = kind.is_block_device() || (kind.is_char_device() && cfg!(target_os = "freebsd"));
        ensure!(is_disk || kind.is_file(), "{}: it is neither a disk nor a file", attempt());
        let itself = fs::metadata(image.path()).with_context(attempt)?;
        ensure!(
            (itself.dev(), itself.ino()) != (metadata.dev(), metadata.ino()),
            "{}: it is the image itself",
            attempt()
        );
        let disk = if is_disk { Some(disk_info(path, metadata.rdev())?) } else { None };
        if let Some(disk) = &disk {
            check(disk, path, fixed)?;
        }
        let mut file = open(path, is_disk)?;
        // The metadata of a device have no size.
        let bytes = file.seek(SeekFrom::End(0)).with_context(attempt)?;
        ensure!(
            bytes >= image.bytes,
            "{}: it has {bytes} bytes ({} sectors), and the image has {} bytes ({} sectors)\n\
             hint: use a larger card, or reduce `size` in [media]",
            attempt(),
            bytes / SECTOR_BYTES,
            image.bytes,
            image.bytes / SECTOR_BYTES
        );
        Ok(Self { path: path.to_owned(), disk, bytes: bytes / SECTOR_BYTES * SECTOR_BYTES, file })
    }

    /// One line by which the engineer can recognize it: path, model, size.
    pub fn describe(&self) -> String {
        let what = match &self.disk {
            None => "a file",
            Some(disk) => disk.model.as_deref().unwrap_or("a disk of unknown model"),
        };
        format!(
            "{}: {what}, {} ({} sectors)",
            self.path.display(),
            report::size(self.bytes),
            self.bytes / SECTOR_BYTES
        )
    }

    /// The open file or device.
    pub fn card(&mut self) -> &mut File {
        &mut self.file
    }

    /// Closes it, and has the host read the new table of slices.
    pub fn close(self) {
        drop(self.file);
        if self.disk.is_some() && cfg!(target_os = "linux") {
            // If this fails, the kernel reads the table when the card is plugged in again.
            let _ = Command::new("blockdev").arg("--rereadpt").arg(&self.path).output();
        }
    }
}

fn disk_info(path: &Path, rdev: u64) -> Result<DiskInfo> {
    let attempt = || format!("burning to {}", path.display());
    if cfg!(target_os = "freebsd") {
        freebsd::look(path).with_context(attempt)
    } else {
        linux::Host::default().look(rdev).with_context(attempt)
    }
}

/// Opens for reading and writing: a disk past the cache, and on Linux so that nothing can mount it meanwhile, which
/// FreeBSD's GEOM ensures by itself.
fn open(path: &Path, is_disk: bool) -> Result<File> {
    let mut flags = OFlags::empty();
    if is_disk {
        flags |= OFlags::DIRECT;
        if cfg!(target_os = "linux") {
            flags |= OFlags::EXCL;
        }
    }
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags.bits() as i32).open(path);
    opened.with_context(|| format!("opening {} for writing", path.display()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn disk() -> DiskInfo {
        DiskInfo {
            name: "sdb".into(),
            model: Some("Generic CF".into()),
            removable: true,
            sector: 512,
            users: Vec::new(),
        }
    }

    fn refused(disk: &DiskInfo) -> String {
        check(disk, Path::new("/dev/sdb"), false).unwrap_err().to_string()
    }

    #[test]
    fn what_must_not_be_written_is_refused() {
        check(&disk(), Path::new("/dev/sdb"), false).unwrap();
        let users = vec!["/dev/sdb1 is mounted on /mnt".to_owned(), "/dev/sdb2 is swap".to_owned()];
        let used = DiskInfo { users, removable: false, ..disk() };
        assert_snapshot!(refused(&used), @r"
        burning to /dev/sdb: it is in use: /dev/sdb1 is mounted on /mnt, /dev/sdb2 is swap
        hint: unmount it, or choose another disk
        ");
        check(&used, Path::new("/dev/sdb"), true).unwrap_err();
        let large = DiskInfo { sector: 4096, ..disk() };
        assert_snapshot!(refused(&large), @r"
        burning to /dev/sdb: its sectors have 4096 bytes, but the image needs sectors of 512 bytes
        hint: use another reader
        ");
        let fixed = DiskInfo { removable: false, ..disk() };
        assert_snapshot!(refused(&fixed), @r"
        burning to /dev/sdb: it is not removable (Generic CF), so it may be a disk of this machine
        hint: if it is the card, add --dangerously-write-fixed-disk
        ");
        check(&fixed, Path::new("/dev/sdb"), true).unwrap();
    }

    #[test]
    fn only_a_disk_or_a_file_that_is_there_and_large_enough_is_a_target() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("image"), [0; 2048]).unwrap();
        fs::write(at("small"), [0; 1024]).unwrap();
        let image = Image::open(&at("image")).unwrap();
        let refused = |name: &str| {
            let error = format!("{:#}", Target::open(&at(name), &image, true).unwrap_err());
            error.replace(&dir.path().display().to_string(), "DIR")
        };
        assert_snapshot!(refused("none"), @r"
        burning to DIR/none: there is no such device or file
        hint: plug the card in, or make a file of the card's size: truncate -s 2048 DIR/none
        ");
        assert_snapshot!(refused(""), @"burning to DIR/: it is neither a disk nor a file");
        assert_snapshot!(refused("image"), @"burning to DIR/image: it is the image itself");
        assert_snapshot!(refused("small"), @r"
        burning to DIR/small: it has 1024 bytes (2 sectors), and the image has 2048 bytes (4 sectors)
        hint: use a larger card, or reduce `size` in [media]
        ");
    }
}
