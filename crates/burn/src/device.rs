//! What an image may be burnt onto: a card in a reader, a loop device, or a file.
//!
//! The invariant: a disk that anything on this machine uses is never opened for writing, and no flag changes that. A disk
//! that cannot be taken out may be the machine's own; it has to be asked for by a flag that says what it risks.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::units::SECTOR_BYTES;
use rustix::fs::OFlags;

use super::{Image, freebsd, linux};

/// The flag that lets a disk be written which cannot be taken out.
pub const FIXED: &str = "--dangerously-write-fixed-disk";

/// What the host knows of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its name in /dev.
    pub name: String,
    /// What its maker calls it.
    pub model: Option<String>,
    /// Whether it can be taken out of the machine, or is a file behind a device.
    pub removable: bool,
    /// Bytes of its sectors.
    pub sector: u64,
    /// What uses it or a part of it, as `/dev/sdb1 is mounted on /mnt`.
    pub users: Vec<String>,
}

/// Something that may be burnt onto.
#[derive(Debug)]
pub struct Target {
    /// As the engineer named it.
    pub path: PathBuf,
    /// Nothing for a file.
    pub disk: Option<Facts>,
    /// Its size.
    pub bytes: u64,
    file: File,
}

impl Facts {
    /// # Errors
    /// The disk may not be written; `fixed` allows one that cannot be taken out.
    fn check(&self, path: &Path, fixed: bool) -> Result<()> {
        let attempt = format!("burning to {}", path.display());
        ensure!(
            self.users.is_empty(),
            "{attempt}: it is in use: {}; unmount it, or choose another disk",
            self.users.join(", ")
        );
        ensure!(
            self.sector == SECTOR_BYTES,
            "{attempt}: its sectors have {} bytes, and the image's table counts sectors of {SECTOR_BYTES}; take another \
             reader",
            self.sector
        );
        ensure!(
            self.removable || fixed,
            "{attempt}: it is not removable{}, so it may be a disk of this machine; if it is the card all the same, say \
             {FIXED}",
            self.model.as_ref().map(|model| format!(" ({model})")).unwrap_or_default()
        );
        Ok(())
    }
}

impl Target {
    /// Looks at `path`, refuses what may not be written, and opens it for the burning. Nothing is written yet.
    ///
    /// # Errors
    /// It is no disk and no file, is in use, is no card (unless `fixed` allows it), is the image itself, or is too small.
    pub fn open(path: &Path, image: &Image, fixed: bool) -> Result<Self> {
        let attempt = || format!("burning to {}", path.display());
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "{}: there is no such device or file; plug the card in, or make a file of the card's size (`truncate -s \
                 {} {}`)",
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
        let disk = if is_disk { Some(facts(path, metadata.rdev())?) } else { None };
        if let Some(disk) = &disk {
            disk.check(path, fixed)?;
        }
        let mut file = open(path, is_disk)?;
        // A device's metadata tell no size.
        let bytes = file.seek(SeekFrom::End(0)).with_context(attempt)?;
        ensure!(
            bytes >= image.bytes,
            "{}: it has {bytes} bytes ({} sectors) and the image {} bytes ({} sectors); take a larger card, or make \
             [media] size smaller",
            attempt(),
            bytes / SECTOR_BYTES,
            image.bytes,
            image.bytes / SECTOR_BYTES
        );
        Ok(Self { path: path.to_owned(), disk, bytes: bytes / SECTOR_BYTES * SECTOR_BYTES, file })
    }

    /// One line for the engineer to know it by: path, model, size.
    pub fn describe(&self) -> String {
        let what = match &self.disk {
            None => "a file",
            Some(disk) => disk.model.as_deref().unwrap_or("a disk without a name"),
        };
        format!(
            "{}: {what}, {} ({} sectors)",
            self.path.display(),
            report::size(self.bytes),
            self.bytes / SECTOR_BYTES
        )
    }

    /// What to write to and read from.
    pub fn card(&mut self) -> &mut File {
        &mut self.file
    }

    /// Lets go of it, and has the host look for the new slices.
    pub fn close(self) {
        drop(self.file);
        if self.disk.is_some() && cfg!(target_os = "linux") {
            // Whether the kernel reads the table now or when the card is plugged in again is all the same to the card.
            let _ = Command::new("blockdev").arg("--rereadpt").arg(&self.path).output();
        }
    }
}

fn facts(path: &Path, rdev: u64) -> Result<Facts> {
    let attempt = || format!("burning to {}", path.display());
    if cfg!(target_os = "freebsd") {
        freebsd::look(path).with_context(attempt)
    } else {
        linux::Host::default().look(rdev).with_context(attempt)
    }
}

/// Opens for reading and writing; a disk past the cache, and on Linux so that nothing can mount it meanwhile. FreeBSD's GEOM
/// sees to that by itself.
fn open(path: &Path, is_disk: bool) -> Result<File> {
    let mut flags = OFlags::empty();
    if is_disk {
        flags |= OFlags::DIRECT;
        if cfg!(target_os = "linux") {
            flags |= OFlags::EXCL;
        }
    }
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags.bits() as i32).open(path);
    opened
        .with_context(|| format!("opening {} for writing (as root, or as who may write it)", path.display()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn facts() -> Facts {
        Facts {
            name: "sdb".into(),
            model: Some("Generic CF".into()),
            removable: true,
            sector: 512,
            users: Vec::new(),
        }
    }

    fn refused(facts: &Facts) -> String {
        facts.check(Path::new("/dev/sdb"), false).unwrap_err().to_string()
    }

    #[test]
    fn what_may_not_be_written_is_refused() {
        facts().check(Path::new("/dev/sdb"), false).unwrap();
        let users = vec!["/dev/sdb1 is mounted on /mnt".to_owned(), "/dev/sdb2 is swap".to_owned()];
        let used = Facts { users, removable: false, ..facts() };
        assert_snapshot!(refused(&used), @"burning to /dev/sdb: it is in use: /dev/sdb1 is mounted on /mnt, /dev/sdb2 is swap; unmount it, or choose another disk");
        used.check(Path::new("/dev/sdb"), true).unwrap_err();
        let large = Facts { sector: 4096, ..facts() };
        assert_snapshot!(refused(&large), @"burning to /dev/sdb: its sectors have 4096 bytes, and the image's table counts sectors of 512; take another reader");
        let fixed = Facts { removable: false, ..facts() };
        assert_snapshot!(refused(&fixed), @"burning to /dev/sdb: it is not removable (Generic CF), so it may be a disk of this machine; if it is the card all the same, say --dangerously-write-fixed-disk");
        fixed.check(Path::new("/dev/sdb"), true).unwrap();
    }

    #[test]
    fn only_a_disk_or_a_file_that_is_there_and_large_enough_is_a_target() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        fs::write(place("image"), [0; 2048]).unwrap();
        fs::write(place("small"), [0; 1024]).unwrap();
        let image = Image::open(&place("image")).unwrap();
        let refused = |name: &str| {
            let error = format!("{:#}", Target::open(&place(name), &image, true).unwrap_err());
            error.replace(&dir.path().display().to_string(), "DIR")
        };
        assert_snapshot!(refused("none"), @"burning to DIR/none: there is no such device or file; plug the card in, or make a file of the card's size (`truncate -s 2048 DIR/none`)");
        assert_snapshot!(refused(""), @"burning to DIR/: it is neither a disk nor a file");
        assert_snapshot!(refused("image"), @"burning to DIR/image: it is the image itself");
        assert_snapshot!(refused("small"), @"burning to DIR/small: it has 1024 bytes (2 sectors) and the image 2048 bytes (4 sectors); take a larger card, or make [media] size smaller");
    }
}
