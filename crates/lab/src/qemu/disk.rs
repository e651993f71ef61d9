//! A disk of the machine: an image file, and whether writes to it are kept.
//!
//! Images are raw. A disk that is used over several boots is a sparse copy, which tests can read and write with the
//! builder's code, without tools other than QEMU.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use bsd_disk::units::Sectors;

use super::option::escaped;

/// An image file as an IDE disk.
#[derive(Clone, Debug)]
pub struct Disk {
    image: PathBuf,
    keeps: bool,
    caches: bool,
    translated: bool,
    boots: bool,
    faults: Vec<Fault>,
}

/// What fails on a faulty disk.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Every write.
    Writes,
    /// Every read of this sector.
    ReadsOf(Sectors),
}

impl Disk {
    /// A disk whose writes are discarded when the machine ends; the image does not change.
    pub fn thrown_away(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            keeps: false,
            caches: false,
            translated: true,
            boots: false,
            faults: Vec::new(),
        }
    }

    /// A disk whose writes go to the image. Completed writes survive a power cut.
    pub fn kept(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            keeps: true,
            caches: false,
            translated: true,
            boots: false,
            faults: Vec::new(),
        }
    }

    /// Disables the BIOS's translation of heads, so that INT 13h/02h ends after 1024 cylinders of 16 heads (504 MiB).
    #[must_use]
    pub fn untranslated(mut self) -> Self {
        self.translated = false;
        self
    }

    /// Makes the BIOS boot it before other disks, as drive 0x80, whatever FreeBSD calls it.
    #[must_use]
    pub fn booted(mut self) -> Self {
        self.boots = true;
        self
    }

    /// Lets the host cache writes, as a disk with a write cache does. Otherwise it writes through, as a CompactFlash card does.
    #[must_use]
    pub fn cached(mut self) -> Self {
        self.caches = true;
        self
    }

    /// Makes every write fail. Only for a disk that is kept: discarded writes go elsewhere.
    #[must_use]
    pub fn failing_writes(mut self) -> Self {
        self.faults.push(Fault::Writes);
        self
    }

    /// Makes every read of sector `at` fail. Only for a disk that is kept.
    #[must_use]
    pub fn failing_reads_of(mut self, at: Sectors) -> Self {
        self.faults.push(Fault::ReadsOf(at));
        self
    }

    /// Adds the options for disk number `index`, from 0, as QEMU's `device`.
    pub fn arguments(&self, index: usize, device: &str, command: &mut Command) {
        // Killing QEMU is a power cut of the unit, not of this machine.
        let mode = match (self.keeps, self.caches) {
            (false, _) => "snapshot=on",
            (true, false) => "cache=writethrough",
            (true, true) => "cache=writeback",
        };
        let mut drive = OsString::from(format!("if=none,id=disk{index},format=raw,{mode},"));
        drive.push(self.faults());
        drive.push(escaped(&self.image));
        let translation = if self.translated { "" } else { ",bios-chs-trans=none" };
        let boot = if self.boots { ",bootindex=0" } else { "" };
        let (bus, unit) = (index / 2, index % 2);
        let device = format!("{device},drive=disk{index},bus=ide.{bus},unit={unit}{translation}{boot}");
        command.arg("-drive").arg(drive).arg("-device").arg(device);
    }

    /// The options before the path of the image: with faults, those of QEMU's fault injector.
    fn faults(&self) -> String {
        if self.faults.is_empty() {
            return "file=".to_owned();
        }
        let mut options = "file.driver=blkdebug,".to_owned();
        for (number, fault) in self.faults.iter().enumerate() {
            let what = match fault {
                Fault::Writes => "iotype=write".to_owned(),
                Fault::ReadsOf(at) => format!("iotype=read,file.inject-error.{number}.sector={}", at.0),
            };
            options += &format!("file.inject-error.{number}.event=none,file.inject-error.{number}.{what},");
        }
        options + "file.image.driver=file,file.image.filename="
    }
}

/// Bytes that are copied or skipped at a time.
const CHUNK: usize = 256 * 1024;

/// Copies an image; zeros become holes, so that the copy of a 1 GB card takes only what is on it.
///
/// # Errors
/// `from` cannot be read or `to` cannot be written.
pub fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("copying {} to {}", from.display(), to.display());
    let mut source = File::open(from).with_context(context)?;
    let mut target = File::create(to).with_context(context)?;
    target.set_len(source.metadata().with_context(context)?.len()).with_context(context)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = source.read(&mut buffer).with_context(context)?;
        if count == 0 {
            return Ok(());
        }
        let bytes = &buffer[..count];
        if bytes.iter().all(|&byte| byte == 0) {
            target.seek(SeekFrom::Current(count as i64)).with_context(context)?;
        } else {
            target.write_all(bytes).with_context(context)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_sparse_copy_has_the_bytes_and_not_the_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let mut bytes = vec![0; 5 * CHUNK + 7];
        bytes[3 * CHUNK + 1] = 1;
        fs::write(&from, &bytes).unwrap();
        copy_sparse(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes);
        assert!(fs::metadata(&to).unwrap().blocks() <= fs::metadata(&from).unwrap().blocks());
    }
}
