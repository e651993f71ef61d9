//! What FreeBSD knows about a disk, from its own commands: `sysctl kern.geom.conftxt` lists the disk and everything made
//! of it, slices and labels, by their depth; `mount -p` and `swapinfo` list what is in use. GEOM itself refuses writes to
//! what is mounted for writing, but not to what is mounted read-only.
//!
//! A disk is removable if it is on USB (`umass-sim`), an SD card (`mmcsd`) or a file (`md`).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::disk_info::DiskInfo;

/// The output of the commands.
struct CommandOutput {
    /// `sysctl -n kern.geom.conftxt`
    geoms: String,
    /// `mount -p`
    mounts: String,
    /// `swapinfo`
    swaps: String,
    /// `camcontrol devlist -v`
    buses: String,
}

/// Information on the disk at `path`.
///
/// # Errors
/// It is not a disk, is a slice of one, or a command failed.
pub fn look(path: &Path) -> Result<DiskInfo> {
    let path = std::fs::canonicalize(path).context("finding it")?;
    let name = path.strip_prefix("/dev").context("looking for it in /dev")?.to_string_lossy().into_owned();
    let output = CommandOutput {
        geoms: run("sysctl", &["-n", "kern.geom.conftxt"])?,
        mounts: run("mount", &["-p"])?,
        swaps: run("swapinfo", &[])?,
        // A machine without CAM has no card reader on USB either.
        buses: run("camcontrol", &["devlist", "-v"]).unwrap_or_default(),
    };
    disk_info(&name, &output)
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("running {program}"))?;
    ensure!(output.status.success(), "running {program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn disk_info(name: &str, output: &CommandOutput) -> Result<DiskInfo> {
    // `0 DISK da0 1014644736 512 hd 32 sc 63`, then what is made of it, with a greater depth.
    let geoms: Vec<(u32, Vec<&str>)> = output.geoms.lines().filter_map(geom).collect();
    let Some(at) = geoms.iter().position(|(depth, words)| *depth == 0 && words.get(1) == Some(&name)) else {
        match geoms.iter().position(|(_, words)| words.get(1) == Some(&name)) {
            Some(at) => {
                let disk = geoms[..at].iter().rev().find(|(depth, _)| *depth == 0);
                let whole = disk.and_then(|(_, words)| words.get(1)).unwrap_or(&"?");
                bail!("it is part of /dev/{whole}\nhint: pass the whole disk")
            }
            None => bail!("GEOM knows no disk {name}"),
        }
    };
    let sector = geoms[at].1.get(3).and_then(|word| word.parse().ok()).unwrap_or(512);
    let mut names = vec![name];
    names.extend(
        geoms[at + 1..]
            .iter()
            .take_while(|(depth, _)| *depth > 0)
            .filter_map(|(_, words)| words.get(1).copied()),
    );
    names.dedup();
    let mut users = Vec::new();
    for name in names {
        let device = format!("/dev/{name}");
        let first = |line: &str| line.split_whitespace().next() == Some(&*device);
        for line in output.mounts.lines().filter(|line| first(line)) {
            let point = line.split_whitespace().nth(1).unwrap_or("?");
            users.push(format!("{device} is mounted on {point}"));
        }
        if output.swaps.lines().any(first) {
            users.push(format!("{device} is swap"));
        }
    }
    let bus = bus(&output.buses, name);
    let removable =
        bus.as_ref().is_some_and(|(_, usb)| *usb) || is_kind(name, "mmcsd") || is_kind(name, "md");
    Ok(DiskInfo { name: name.to_owned(), model: bus.map(|(model, _)| model), removable, sector, users })
}

/// The depth of a line and the words after it.
fn geom(line: &str) -> Option<(u32, Vec<&str>)> {
    let (depth, rest) = line.split_once(' ')?;
    Some((depth.parse().ok()?, rest.split(' ').collect()))
}

/// Whether `name` is `kind` and a number.
fn is_kind(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The model of a disk, and whether its bus is USB: `scbus2 on umass-sim0 bus 0:`, then for each disk
/// `<Generic CF Reader 1.00>  at scbus2 target 0 lun 0 (da0,pass2)`.
fn bus(buses: &str, name: &str) -> Option<(String, bool)> {
    let mut usb = false;
    for line in buses.lines() {
        if line.starts_with("scbus") {
            usb = line.contains(" on umass-sim");
        }
        let names =
            line.rsplit_once('(').and_then(|(_, names)| names.split_once(')')).map(|(names, _)| names);
        if names.is_some_and(|names| names.split(',').any(|other| other == name)) {
            let model = line.strip_prefix('<').and_then(|line| line.split_once('>')).map(|(model, _)| model);
            return Some((model.unwrap_or_default().to_owned(), usb));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn machine() -> CommandOutput {
        CommandOutput {
            geoms: "0 DISK da0 1014644736 512 hd 32 sc 63\n\
                    1 PART da0s1 400000000 512 i 1 o 32256 ty freebsd xs MBR xt 165\n\
                    2 PART da0s1a 399991808 512 i 1 o 8192 ty freebsd-ufs xs BSD xt 7\n\
                    3 LABEL ufsid/64a0b1c2d3e4f506 399991808 512 i 0 o 0\n\
                    0 DISK ada0 64023257088 512 hd 16 sc 63\n\
                    1 PART ada0p2 4294967296 512 i 2 o 544768 ty freebsd-swap xs GPT xt x\n\
                    1 PART ada0p3 59000000000 512 i 3 o 4295512064 ty freebsd-ufs xs GPT xt x\n\
                    2 LABEL gpt/root 59000000000 512 i 0 o 0\n\
                    0 MD md0 1048576 4096 u 0 s 4096 f 0 fs 0 l 1048576 t malloc\n"
                .into(),
            mounts: "/dev/gpt/root\t/\tufs\trw\t1 1\ndevfs\t/dev\tdevfs\trw\t0 0\n\
                     /dev/ufsid/64a0b1c2d3e4f506 /mnt ufs ro 0 0\n"
                .into(),
            swaps: "Device          512-blocks     Used    Avail Capacity\n/dev/ada0p2       8388608        0  8388608     0%\n"
                .into(),
            buses: "scbus0 on ahcich0 bus 0:\n<SSD 64G 1.0>  at scbus0 target 0 lun 0 (pass0,ada0)\n\
                    scbus2 on umass-sim0 bus 0:\n<Generic CF Reader 1.00>  at scbus2 target 0 lun 0 (da0,pass2)\n"
                .into(),
        }
    }

    #[test]
    fn a_mounted_label_is_a_use_of_its_disk() {
        let look = |name| {
            let info = disk_info(name, &machine()).unwrap();
            format!(
                "{} {} {} {}",
                info.model.unwrap_or_default(),
                info.removable,
                info.sector,
                info.users.join(", ")
            )
        };
        assert_snapshot!(look("da0"), @"Generic CF Reader 1.00 true 512 /dev/ufsid/64a0b1c2d3e4f506 is mounted on /mnt");
        assert_snapshot!(look("ada0"), @"SSD 64G 1.0 false 512 /dev/ada0p2 is swap, /dev/gpt/root is mounted on /");
        assert_eq!(look("md0"), " true 4096 ");
    }

    #[test]
    fn a_slice_or_something_unknown_is_refused() {
        let refused = |name| disk_info(name, &machine()).unwrap_err().to_string();
        assert_snapshot!(refused("da0s1"), @r"
        it is part of /dev/da0
        hint: pass the whole disk
        ");
        assert_snapshot!(refused("null"), @"GEOM knows no disk null");
    }
}
