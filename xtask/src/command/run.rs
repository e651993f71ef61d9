//! `cargo xtask run`: boots an image in QEMU, with the unit's serial console on this terminal.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bsd_disk::boot0::Boot0Options;
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use builder::{board, boot_state};
use clap::value_parser;
use firmware::slot::Slot;
use lab::qemu::{Disk, Forward, Machine, copy_sparse};
use report::Reporter;
use tempfile::TempDir;

/// The suffix of full images.
const FULL_IMAGE: &str = ".full.img";

/// Boot the latest full image in QEMU, with its serial console on this terminal
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Boot the full image in FILE [default: that of the latest build]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Keep what the device writes in the image; otherwise it is discarded
    #[arg(long)]
    keep: bool,
    /// Start slot N (1 or 2), by making it the default on the disk
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=2))]
    slot: Option<u8>,
    /// Memory of the device, in MiB
    #[arg(long, value_name = "MIB", default_value_t = board::DEFAULT.machine.memory)]
    memory: u32,
    /// Connect the network card em0 to a network with DHCP
    #[arg(long)]
    net: bool,
    /// Forward TCP port HOST of this machine's loopback to port GUEST of the device; implies --net; may be given several times
    #[arg(long, value_name = "HOST:GUEST")]
    forward: Vec<Forward>,
    /// The QEMU program to run
    #[arg(long, value_name = "FILE", default_value = board::DEFAULT.machine.program)]
    qemu: PathBuf,
}

impl Args {
    /// Boots the image and returns when QEMU ends.
    ///
    /// # Errors
    /// There is no valid image, or QEMU cannot be started or fails.
    pub fn run(self, reporter: &Reporter) -> Result<()> {
        let image = match self.image {
            Some(image) => image,
            None => latest_image(&builder::workspace::target().join("firmware").join("latest"))?,
        };
        check_image(&image)?;
        let (disk, _scratch) = prepare_disk(&image, self.keep, self.slot)?;
        let mut machine = Machine::new().program(self.qemu).memory(self.memory).disk(disk);
        if self.net || !self.forward.is_empty() {
            machine = machine.network(self.forward);
        }
        reporter.progress(format_args!(
            "booting {} (Ctrl-A x ends QEMU, Ctrl-A c opens its monitor)",
            image.display()
        ));
        let status = machine.run_on_terminal()?;
        if !status.success() {
            bail!("running {} in QEMU: it ended with {status}; see its messages above", image.display());
        }
        Ok(())
    }
}

/// The full image in the directory of the latest build.
fn latest_image(directory: &Path) -> Result<PathBuf> {
    let hint = "hint: build one with `cargo xtask image`, or pass one with --image FILE";
    let Ok(entries) = fs::read_dir(directory) else {
        bail!("looking for an image: there is no {}\n{hint}", directory.display());
    };
    let mut images: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(FULL_IMAGE)))
        .collect();
    images.sort();
    match images.as_slice() {
        [image] => Ok(image.clone()),
        [] => bail!("looking for an image: {} has no *{FULL_IMAGE}\n{hint}", directory.display()),
        several => {
            let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            bail!(
                "looking for an image: there are several: {}\nhint: choose one with --image FILE",
                names.join(", ")
            )
        }
    }
}

/// Checks that the file can be a disk: with a slot image or a truncated file, the BIOS would only be silent.
fn check_image(image: &Path) -> Result<()> {
    let context = || format!("reading the image {}", image.display());
    let mut sector = [0; MBR_BYTES];
    fs::File::open(image).and_then(|mut file| file.read_exact(&mut sector)).with_context(context)?;
    Mbr::parse(&sector).with_context(|| format!("{}: is this a full image?", context()))?;
    Ok(())
}

/// The disk of the machine, and the directory that holds it if it is a copy.
fn prepare_disk(image: &Path, keep: bool, slot: Option<u8>) -> Result<(Disk, Option<TempDir>)> {
    let Some(slot) = slot else {
        return Ok((if keep { Disk::kept(image) } else { Disk::thrown_away(image) }, None));
    };
    if keep {
        activate(image, slot)?;
        return Ok((Disk::kept(image), None));
    }
    let scratch = tempfile::tempdir().context("making a directory for a copy of the image")?;
    let copy = scratch.path().join("disk.img");
    copy_sparse(image, &copy)?;
    activate(&copy, slot)?;
    Ok((Disk::kept(copy), Some(scratch)))
}

/// Makes `slot` the default: in the boot state of our boot manager, or else active in the MBR, and the default of
/// FreeBSD's boot0 if that is used.
fn activate(image: &Path, slot: u8) -> Result<()> {
    if boot_state::is_used(image)? {
        let slot = Slot::from_number(slot).with_context(|| format!("there is no slot {slot}"))?;
        return boot_state::prefer(image, slot);
    }
    let context = || format!("making slot {slot} active in {}", image.display());
    let mut file = OpenOptions::new().read(true).write(true).open(image).with_context(context)?;
    let mut sector = [0; MBR_BYTES];
    file.read_exact(&mut sector).with_context(context)?;
    let mut mbr = Mbr::parse(&sector).with_context(context)?;
    mbr.set_active(slot).with_context(context)?;
    if let Ok(mut options) = Boot0Options::read(&mbr) {
        options.default_slice = slot;
        options.apply(&mut mbr).with_context(context)?;
    }
    file.seek(SeekFrom::Start(0)).with_context(context)?;
    file.write_all(&mbr.encode()).with_context(context)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use bsd_disk::geometry::Geometry;
    use bsd_disk::units::Sectors;
    use firmware::boot_manager;
    use firmware::layout::{DataSize, LABEL_SECTOR, Layout, Request, SlotCount};
    use firmware::state::{Mark, store};

    use super::*;

    fn layout() -> Layout {
        Layout::plan(&Request {
            media: Sectors::from_mib(16),
            geometry: Geometry { sectors: 63, heads: 16 },
            slots: SlotCount::Two,
            code: None,
            cfg: Sectors::from_mib(1),
            data: DataSize::None,
        })
        .unwrap()
    }

    /// A directory with an image of two slots, slot 1 active.
    fn directory() -> (TempDir, PathBuf) {
        let layout = layout();
        let mut mbr =
            Mbr::with_code(&[0xeb, 0xfe]).unwrap().with_slices(layout.slices(), layout.geometry).unwrap();
        mbr.set_active(1).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("sluice-0.1.0.full.img");
        fs::write(&image, mbr.encode()).unwrap();
        fs::write(dir.path().join("sluice-0.1.0.slot.img"), []).unwrap();
        (dir, image)
    }

    #[test]
    fn the_full_image_is_found_or_its_absence_reported_with_a_hint() {
        let (dir, image) = directory();
        assert_eq!(latest_image(dir.path()).unwrap(), image);
        fs::write(dir.path().join("b.full.img"), []).unwrap();
        assert!(latest_image(dir.path()).unwrap_err().to_string().contains("--image FILE"));
        for empty in [dir.path().join("none"), tempfile::tempdir().unwrap().path().to_owned()] {
            let error = latest_image(&empty).unwrap_err().to_string();
            assert!(error.contains("cargo xtask image"), "{error}");
        }
    }

    #[test]
    fn choosing_a_slot_does_not_change_the_image_without_keep() {
        let (_dir, image) = directory();
        let before = fs::read(&image).unwrap();
        let (_disk, scratch) = prepare_disk(&image, false, Some(2)).unwrap();
        let copy = fs::read(scratch.unwrap().path().join("disk.img")).unwrap();
        assert_eq!(Mbr::parse(&copy).unwrap().active(), Some(2));
        assert_eq!(fs::read(&image).unwrap(), before);
        prepare_disk(&image, true, Some(2)).unwrap();
        assert_eq!(fs::read(&image).unwrap(), copy);
    }

    #[test]
    fn with_the_boot_manager_a_slot_is_the_default_of_its_state() {
        let (_dir, image) = directory();
        let file = OpenOptions::new().write(true).open(&image).unwrap();
        file.set_len(Sectors::from_mib(16).bytes()).unwrap();
        file.write_all_at(&boot_manager::seal(&[boot_manager::MAGIC_VALUE; 64].concat()).unwrap(), 8 * 512)
            .unwrap();
        let layout = layout();
        let label = layout.partitions().label(&layout.cfg, layout.geometry).unwrap();
        file.write_all_at(&label.encode(), (layout.cfg.start + LABEL_SECTOR).bytes()).unwrap();
        let before = fs::read(&image).unwrap()[..512].to_vec();
        for slot in [Slot::Second, Slot::First] {
            prepare_disk(&image, true, Some(slot.number())).unwrap();
            let loaded = store::load(&mut boot_state::StateCopies::open(&image).unwrap()).unwrap();
            assert_eq!((loaded.state.default, loaded.state.mark(slot)), (slot, Mark::Good));
        }
        assert_eq!(fs::read(&image).unwrap()[..512], before);
    }

    #[test]
    fn a_slot_image_is_not_a_disk() {
        let (dir, _) = directory();
        let slot = dir.path().join("sluice-0.1.0.slot.img");
        assert!(check_image(&slot).is_err());
        fs::write(&slot, [0; 1024]).unwrap();
        let error = format!("{:#}", check_image(&slot).unwrap_err());
        assert!(error.contains("is this a full image?"), "{error}");
    }
}
