//! What Linux knows about a disk, from /sys and /proc.
//!
//! A disk is removable if its medium can be taken out (`removable`), if it is on USB, if it is an SD card (but not an
//! eMMC, which is soldered in), or if it is a loop device, which is a file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{major, minor};

use crate::disk_info::DiskInfo;

/// The files in which the kernel describes itself.
#[derive(Clone, Debug)]
pub struct Host {
    sys: PathBuf,
    mounts: PathBuf,
    swaps: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { sys: "/sys".into(), mounts: "/proc/self/mountinfo".into(), swaps: "/proc/swaps".into() }
    }
}

/// A disk, or one of its partitions.
struct Part {
    /// In /dev.
    name: String,
    /// `MAJOR:MINOR`.
    number: String,
    dir: PathBuf,
}

impl Host {
    /// Information on the disk with the device number `rdev`.
    ///
    /// # Errors
    /// It is a partition, or the kernel does not describe it.
    pub fn look(&self, rdev: u64) -> Result<DiskInfo> {
        let number = format!("{}:{}", major(rdev), minor(rdev));
        let link = self.sys.join("dev/block").join(&number);
        let dir = fs::canonicalize(&link).with_context(|| format!("looking for it in {}", link.display()))?;
        let name = device_name(&dir);
        if dir.join("partition").exists() {
            let whole = dir.parent().map(device_name).unwrap_or_default();
            bail!("it is a partition of /dev/{whole}\nhint: pass the whole disk");
        }
        let parts = parts(&dir, &number)?;
        let is_loop = name.starts_with("loop");
        let on_usb = dir.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"));
        let is_sd = name.starts_with("mmcblk") && text(&dir, "device/type").as_deref() == Some("SD");
        Ok(DiskInfo {
            model: model(&dir),
            removable: text(&dir, "removable").as_deref() == Some("1") || on_usb || is_sd || is_loop,
            sector: text(&dir, "queue/logical_block_size").and_then(|size| size.parse().ok()).unwrap_or(512),
            users: self.users(&parts)?,
            name,
        })
    }

    fn users(&self, parts: &[Part]) -> Result<Vec<String>> {
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        let (mounts, swaps) = (read(&self.mounts)?, read(&self.swaps)?);
        let mut users = Vec::new();
        for Part { name, number, dir } in parts {
            let device = format!("/dev/{name}");
            for (point, of, source) in mounts.lines().filter_map(mount) {
                // btrfs and the like have numbers of their own.
                if of == number || source == device {
                    users.push(format!("{device} is mounted on {point}"));
                }
            }
            if swaps.lines().any(|line| line.split_whitespace().next() == Some(&device)) {
                users.push(format!("{device} is swap"));
            }
            for holder in fs::read_dir(dir.join("holders")).into_iter().flatten().flatten() {
                users.push(format!("{device} is part of /dev/{}", holder.file_name().display()));
            }
        }
        Ok(users)
    }
}

/// The mount point, the device number and the source: `36 35 8:17 / /mnt rw shared:1 - ext4 /dev/sdb1 rw` (proc_pid_mountinfo(5)).
fn mount(line: &str) -> Option<(&str, &str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let (number, point) = (left.nth(2)?, left.nth(1)?);
    Some((point, number, right.split(' ').nth(1)?))
}

/// The disk in `dir` and its partitions.
fn parts(dir: &Path, number: &str) -> Result<Vec<Part>> {
    let mut parts = vec![Part { name: device_name(dir), number: number.to_owned(), dir: dir.to_owned() }];
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let part = entry.with_context(|| format!("reading {}", dir.display()))?.path();
        if part.join("partition").exists() {
            let number = text(&part, "dev").unwrap_or_default();
            parts.push(Part { name: device_name(&part), number, dir: part });
        }
    }
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(parts)
}

fn model(dir: &Path) -> Option<String> {
    if let Some(file) = text(dir, "loop/backing_file") {
        return Some(format!("a loop device of {file}"));
    }
    let words: Vec<String> =
        ["device/vendor", "device/model", "device/name"].iter().filter_map(|name| text(dir, name)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// An attribute, if it is there and not empty.
fn text(dir: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(dir.join(name)).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The kernel writes the slash of a name as `!`.
fn device_name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().replace('!', "/")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use insta::assert_snapshot;
    use rustix::fs::makedev;

    use super::*;

    /// A machine with a card reader on USB, an SD card, an eMMC, a loop device and a disk of its own.
    fn machine() -> (tempfile::TempDir, Host) {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let disk = |device: &str, number: &str, files: &[(&str, &str)]| {
            for (name, text) in [("dev", number), ("removable", "0\n"), ("queue/logical_block_size", "512\n")]
                .iter()
                .chain(files)
            {
                write(&format!("sys/devices/{device}/{name}"), text);
            }
            fs::create_dir_all(dir.path().join("sys/dev/block")).unwrap();
            let link = dir.path().join("sys/dev/block").join(number);
            symlink(dir.path().join("sys/devices").join(device), link).unwrap();
        };
        disk("ata1/block/sda", "8:0", &[("device/model", "DISK 2000 \n")]);
        disk("ata1/block/sda/sda1", "8:1", &[("partition", "1\n")]);
        disk(
            "usb1/1-1/block/sdb",
            "8:16",
            &[("device/vendor", "Generic\n"), ("device/model", "CF Reader\n")],
        );
        disk("usb1/1-1/block/sdb/sdb1", "8:17", &[("partition", "1\n")]);
        disk("usb1/1-1/block/sdb/sdb2", "8:18", &[("partition", "2\n")]);
        disk("usb1/1-1/block/sdb/sdb3", "8:19", &[("partition", "3\n"), ("holders/dm-0/dev", "253:0\n")]);
        disk("mmc0/block/mmcblk0", "179:0", &[("device/type", "MMC\n"), ("device/name", "ABCDEF\n")]);
        disk("mmc1/block/mmcblk1", "179:8", &[("device/type", "SD\n"), ("device/name", "SC16G\n")]);
        disk("virtual/block/loop0", "7:0", &[("loop/backing_file", "/tmp/card.img\n")]);
        disk(
            "pci/block/cciss!c0d0",
            "104:0",
            &[("removable", "1\n"), ("queue/logical_block_size", "4096\n")],
        );
        write(
            "mounts",
            "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
             36 28 8:17 / /mnt/old rw - vfat /dev/sdb1 rw\n\
             37 28 0:44 / /pool rw - btrfs /dev/mmcblk1 rw\n",
        );
        write("swaps", "Filename Type Size Used Priority\n/dev/sdb2    partition 1 0 -2\n");
        let at = |name: &str| dir.path().join(name);
        let host = Host { sys: at("sys"), mounts: at("mounts"), swaps: at("swaps") };
        (dir, host)
    }

    #[test]
    fn every_use_of_a_disk_and_its_partitions_is_found() {
        let (_dir, host) = machine();
        let users = |major, minor| host.look(makedev(major, minor)).unwrap().users.join("\n");
        assert_eq!(users(8, 0), "/dev/sda1 is mounted on /");
        assert_snapshot!(users(8, 16), @r"
        /dev/sdb1 is mounted on /mnt/old
        /dev/sdb2 is swap
        /dev/sdb3 is part of /dev/dm-0
        ");
        assert_eq!(users(179, 8), "/dev/mmcblk1 is mounted on /pool");
        assert_eq!(users(7, 0), "");
    }

    #[test]
    fn cards_are_distinguished_from_disks_of_the_machine() {
        let (_dir, host) = machine();
        let look = |major, minor| {
            let info = host.look(makedev(major, minor)).unwrap();
            (info.name, info.model.unwrap_or_default(), info.removable, info.sector)
        };
        let info = |name: &str, model: &str, removable, sector| {
            (name.to_owned(), model.to_owned(), removable, sector)
        };
        assert_eq!(look(8, 0), info("sda", "DISK 2000", false, 512));
        assert_eq!(look(8, 16), info("sdb", "Generic CF Reader", true, 512));
        assert_eq!(look(179, 0), info("mmcblk0", "ABCDEF", false, 512));
        assert_eq!(look(179, 8), info("mmcblk1", "SC16G", true, 512));
        assert_eq!(look(7, 0), info("loop0", "a loop device of /tmp/card.img", true, 512));
        assert_eq!(look(104, 0), info("cciss/c0d0", "", true, 4096));
    }

    #[test]
    fn a_partition_is_not_a_card() {
        let (_dir, host) = machine();
        let error = host.look(makedev(8, 17)).unwrap_err().to_string();
        assert_snapshot!(error, @r"
        it is a partition of /dev/sdb
        hint: pass the whole disk
        ");
        assert!(host.look(makedev(9, 9)).is_err());
    }
}
