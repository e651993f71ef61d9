//! `cargo xtask burn`: a used card becomes the appliance's, or does not boot at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::card::Card;
use lab::qemu::{Disk, Machine};

use crate::repository::{Repository, Run};

/// Old content of a card, in sectors more than the image has.
const MORE: u64 = 2048;
const OLD: u8 = 0xa5;
const CHUNK: usize = 1 << 20;

/// A repository with an image for a small card.
fn repository() -> Option<Repository> {
    let repository = Repository::new()?;
    let definition = repository.beside("small.toml");
    fs::write(&definition, "[media]\nsize = 204800\n[slices]\ncfg = 8192\ndata = 8192\n").unwrap();
    repository.image(&["-c", text(&definition)]).success();
    Some(repository)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn burn(repository: &Repository, arguments: &[&str]) -> Run {
    Run::of(repository.xtask("burn", arguments).stdin(Stdio::null()))
}

/// A file of a card that is full of something else.
fn used_card(repository: &Repository, bytes: u64) -> PathBuf {
    let path = repository.beside("card");
    let mut file = File::create(&path).unwrap();
    let old = vec![OLD; CHUNK];
    for at in (0..bytes).step_by(CHUNK) {
        file.write_all(&old[..(bytes - at).min(CHUNK as u64) as usize]).unwrap();
    }
    path
}

/// Every file of both slots.
fn files(repository: &Repository, disk: &Path) -> String {
    let of = |slot| {
        Run::of(&mut repository.xtask("inspect", &[text(disk), "ls", "-lR", "--slot", slot])).success()
    };
    of("1") + &of("2")
}

#[test]
fn a_used_card_gets_everything_that_matters_and_boots() {
    let Some(repository) = repository() else { return };
    let image = repository.latest(".full.img");
    let size = fs::metadata(&image).unwrap().len();
    let card = used_card(&repository, size + MORE * 512);
    let said = burn(&repository, &["--yes", text(&card), text(&image)]).success();
    assert!(said.contains("writing  100 %, ") && said.contains("checking  100 %, "), "{said}");
    assert!(said.contains("written and verified"), "{said}");

    let (burnt, wanted) = (fs::read(&card).unwrap(), fs::read(&image).unwrap());
    let kept = burnt.iter().filter(|byte| **byte == OLD).count() as u64;
    assert!(kept > size / 2, "free space of the file systems stays: {kept} of {size} bytes");
    let head = Card::open(&image).unwrap().slice(1).unwrap().start.bytes() as usize + 65536;
    assert!(burnt[..8192 * 512] == wanted[..8192 * 512], "MBR, boot manager and label");
    assert!(burnt[head - 65536..head] == wanted[head - 65536..head], "boot area and header");
    let partitions = Card::open(&image).unwrap().partitions().unwrap();
    for copy in partitions.state.iter().chain(&partitions.history) {
        let range = copy.start.bytes() as usize..copy.end().bytes() as usize;
        assert!(burnt[range.clone()] == wanted[range], "boot state and history");
    }
    assert!(burnt[burnt.len() - 33 * 512..].iter().all(|byte| *byte == 0), "no second GPT");
    let show = |disk: &Path| {
        let shown = Run::of(&mut repository.xtask("inspect", &[text(disk)])).success();
        shown.split_once('\n').unwrap().1.to_owned() // the first line has the size
    };
    assert_eq!(show(&card), show(&image));
    assert_eq!(files(&repository, &card), files(&repository, &image));
    for (slot, dir) in [("1", "one"), ("2", "two")] {
        let out = repository.beside(dir);
        let extract = ["extract", "/", text(&out), "--slot", slot];
        Run::of(repository.xtask("inspect", &[text(&card)]).args(extract)).success();
        let from = repository.beside(&format!("{dir}-of-image"));
        let extract = ["extract", "/", text(&from), "--slot", slot];
        Run::of(repository.xtask("inspect", &[text(&image)]).args(extract)).success();
        Run::of(Command::new("diff").arg("-r").arg("--no-dereference").arg(out).arg(from)).success();
    }

    let disk = Disk::thrown_away(&card);
    let mut guest = Machine::new().disk(disk).start(&repository.beside("serial.log")).unwrap();
    let line = format!("slot 1, version {}", repository.version());
    guest.console.expect(&line, Duration::from_secs(60)).unwrap();
}

#[test]
fn the_whole_image_is_written_with_all() {
    let Some(repository) = repository() else { return };
    let image = repository.latest(".full.img");
    let card = used_card(&repository, fs::metadata(&image).unwrap().len());
    burn(&repository, &["--yes", "--all", text(&card), text(&image)]).success();
    assert!(fs::read(card).unwrap() == fs::read(image).unwrap());
}

#[test]
fn what_is_not_a_card_or_an_image_is_refused_and_unchanged() {
    let Some(repository) = repository() else { return };
    let image = repository.latest(".full.img");
    let card = used_card(&repository, fs::metadata(&image).unwrap().len() - 512);
    let refused = |arguments: &[&str], parts: &[&str]| burn(&repository, arguments).refused(parts);
    refused(
        &["--yes", text(&card), text(&image)],
        &["it has 104857088 bytes (204799 sectors), and the image has 104857600 bytes (204800 sectors)"],
    );
    File::options().append(true).open(&card).unwrap().write_all(&[OLD; 512]).unwrap();
    refused(&[text(&card), text(&image)], &["standard input is not a terminal", "hint: pass --yes"]);
    let slot = repository.latest(".slot.img");
    refused(
        &["--yes", text(&card), text(&slot)],
        &["it is the image of one slot, and a card needs the full image"],
    );
    refused(&["--yes", text(&card), text(&repository.latest(".fw"))], &["it is not a full image"]);
    refused(
        &["--yes", text(&card), text(&repository.beside("none"))],
        &["reading the image", "No such file"],
    );
    refused(&["--yes", text(&image), text(&image)], &["it is the image itself"]);
    refused(&["--yes", text(&repository.beside("none")), text(&image)], &["there is no such device or file"]);
    assert!(fs::read(&card).unwrap().iter().all(|byte| *byte == OLD), "nothing was written");
}

#[test]
fn an_interrupted_card_does_not_boot_until_it_is_burnt_again() {
    let Some(repository) = repository() else { return };
    let image = repository.latest(".full.img");
    let card = used_card(&repository, fs::metadata(&image).unwrap().len());
    // The full pipe blocks its first line of progress, after the card's first sectors are written.
    let (mut said, mut full) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&full, true).unwrap();
    let fill = std::iter::repeat_with(|| full.write(&[b'.'; 4096])).find_map(Result::err).unwrap();
    assert_eq!(fill.kind(), ErrorKind::WouldBlock);
    rustix::io::ioctl_fionbio(&full, false).unwrap();
    let mut command = repository.xtask("burn", &["--yes", "--all", text(&card), text(&image)]);
    let mut child = command.stdin(Stdio::null()).stderr(full).spawn().unwrap();
    drop(command);
    let first = || {
        let mut sector = [0; 512];
        File::open(&card).unwrap().read_exact_at(&mut sector, 0).unwrap();
        sector
    };
    while first() == [OLD; 512] {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it wrote");
        std::thread::yield_now();
    }
    Run::of(Command::new("kill").args(["-INT", &child.id().to_string()])).success();
    let mut text_of = String::new();
    said.read_to_string(&mut text_of).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(text_of.contains("stopped while writing; "), "{text_of}");
    assert!(text_of.contains(" of 104857600 bytes were written, and the card will not boot"), "{text_of}");
    assert_eq!(first(), [0; 512]);

    burn(&repository, &["--yes", text(&card), text(&image)]).success();
    assert_eq!(first()[510..], [0x55, 0xaa]);
}

/// A loop device, which is detached when this is dropped.
struct Loop(String);

impl Loop {
    /// `None` if this process may not make one.
    fn of(file: &Path) -> Option<Self> {
        let made = Command::new("losetup").args(["--find", "--show", "--partscan"]).arg(file).output().ok();
        let made = made.filter(|made| made.status.success());
        if made.is_none() {
            let _ = writeln!(std::io::stderr(), "skipped: no loop device can be made here");
        }
        made.map(|made| Self(String::from_utf8(made.stdout).unwrap().trim().to_owned()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn a_mounted_disk_is_refused_and_burnt_when_it_is_not() {
    let Some(repository) = repository() else { return };
    let image = repository.latest(".full.img");
    let card = used_card(&repository, fs::metadata(&image).unwrap().len());
    let Some(device) = Loop::of(&card) else { return };
    let point = repository.beside("mnt");
    fs::create_dir(&point).unwrap();
    Run::of(Command::new("mkfs.ext4").args(["-q", "-F", &device.0])).success();
    Run::of(Command::new("mount").arg(&device.0).arg(&point)).success();
    let refused = burn(&repository, &["--yes", "--dangerously-write-fixed-disk", &device.0, text(&image)]);
    Run::of(Command::new("umount").arg(&point)).success();
    refused.refused(&[&format!("it is in use: {} is mounted on {}", device.0, text(&point))]);

    burn(&repository, &["--yes", &device.0, text(&image)]).success();
    assert_eq!(files(&repository, Path::new(&device.0)), files(&repository, &image));
    drop(device);
    assert_eq!(files(&repository, &card), files(&repository, &image));
}
