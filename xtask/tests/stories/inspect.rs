//! `cargo xtask inspect`: images and cards, read without mounting them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use lab::card::Card;
use sha2::{Digest, Sha256};

use crate::repository::{Repository, Run};

fn inspect(repository: &Repository, arguments: &[&str]) -> Run {
    Run::of(&mut repository.xtask("inspect", arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy of the latest full image, to damage.
fn copy(repository: &Repository) -> std::path::PathBuf {
    let to = repository.beside("damaged.img");
    let image = repository.latest(".full.img");
    Run::of(Command::new("cp").arg("--sparse=always").arg(image).arg(&to)).success();
    to
}

#[test]
fn a_full_image_shows_what_boots_and_what_its_slices_hold() {
    let Some(repository) = Repository::new() else { return };
    let definition = repository.beside("small.toml");
    fs::write(&definition, "[slices]\ncode = 40000\ndata = 8192\n[boot]\ndefault = 2\n").unwrap();
    repository.image(&["-c", text(&definition)]).success();
    let version = repository.version();
    let image = repository.latest(".full.img");
    let shown = inspect(&repository, &[text(&image)]).success();
    let state =
        format!("default slot 2, slot 1 good, slot 2 good, no update to a version before {version}\n");
    for part in [
        "image         full, 1981728 sectors (967.6 MiB)\n",
        "boot manager  Sluice's, copy at sector 8: whole, copy at sector 72: whole\n",
        "slice 1       slot 1: type 0xa5, from sector 58464, 40320 sectors",
        &format!("  system      sluice {version} for alix, commit "),
        "  files       UFS2 4096/512, ",
        "slice 3       /cfg: type 0xa5, ",
        "slice 4       /data: type 0xa5, ",
        &format!("boot state 1  number 1, {state}"),
        &format!("boot state 2  number 2, {state}"),
        &format!("boot state 3  number 3, {state}"),
        "boots next    slot 2, else slot 1\n",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    assert!(!shown.contains("active"), "{shown}");

    let slot = inspect(&repository, &[text(&repository.latest(".slot.img"))]).success();
    assert!(slot.starts_with("image         one slot, ") && slot.contains(&version), "{slot}");

    fs::write(&definition, "[slices]\ncode = 40000\nslots = 1\n").unwrap();
    repository.image(&["-c", text(&definition)]).success();
    let shown = inspect(&repository, &[text(&repository.latest(".full.img"))]).success();
    assert!(shown.contains("boots next    slot 1\n") && !shown.contains("slot 2"), "one slot: {shown}");

    fs::write(&definition, "[boot]\ncode = \"boot0sio\"\nticks = 36\npacket = false\n").unwrap();
    repository.image(&["-c", text(&definition)]).success();
    let shown = inspect(&repository, &[text(&repository.latest(".full.img"))]).success();
    let first = shown.lines().find(|line| line.starts_with("slice 1 ")).unwrap();
    assert!(shown.contains("boot code  ") && first.ends_with(", active"), "{shown}");
    assert!(!shown.contains("boot state"), "{shown}");
}

#[test]
fn damage_is_reported_in_its_place_and_the_rest_is_shown() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let image = copy(&repository);
    let file = OpenOptions::new().write(true).open(&image).unwrap();
    let shown = || inspect(&repository, &[text(&image)]).success();
    let card = Card::open(&image).unwrap();
    let second = card.partitions().unwrap().state[1].start;
    let first = card.slice(1).unwrap().start.0;

    file.write_all_at(b"x", 9 * 512 + 100).unwrap();
    assert!(shown().contains("copy at sector 8: DAMAGED: "), "{}", shown());
    file.write_all_at(&[0x55; 512], second.bytes()).unwrap();
    let after = shown();
    assert!(after.contains("boot state 2  INVALID: ") && after.contains("boot state 1  number 1"), "{after}");
    assert!(after.contains("boots next    slot 1"), "{after}");
    // The header of slot 1, then its label.
    file.write_all_at(b"x", (first + 16) * 512 + 20).unwrap();
    assert!(shown().contains("  system      unreadable: "), "{}", shown());
    file.write_all_at(&[0; 512], (first + 1) * 512).unwrap();
    let after = shown();
    assert_eq!(after.matches("  files       unreadable: ").count(), 1, "{after}");
    inspect(&repository, &[text(&image), "ls"]).refused(&["reading slot 1 of "]);
    inspect(&repository, &[text(&image), "ls", "--slot", "2"]).success();
    file.write_all_at(&[0; 512], 0).unwrap();
    inspect(&repository, &[text(&image)]).refused(&[
        "it is not a full image (no table of slices in sector 0), a slot image (no label in sector 1) or an update (.fw)",
    ]);
}

#[test]
fn every_file_is_extracted_as_the_specification_says() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let (full, slot) = (repository.latest(".full.img"), repository.latest(".slot.img"));
    let spec = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let mut files = BTreeMap::new();
    // All files but the specification itself, which cannot hold its own digest.
    for line in spec.lines().filter(|line| line.contains(" sha256=")) {
        let word = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)).unwrap().to_owned();
        files.insert(line.split(' ').next().unwrap().to_owned(), (word("sha256="), word("mode=")));
    }
    assert!(files.len() > 30);

    let dir = repository.beside("extracted");
    let said = inspect(&repository, &[text(&full), "extract", "/", text(&dir), "--slot", "2"]).success();
    assert!(said.contains("have an owner, flags or set-id bits in the image"), "{said}");
    for (path, (digest, mode)) in &files {
        let file = dir.join(path);
        assert_eq!(&hex::encode(Sha256::digest(fs::read(&file).unwrap())), digest, "{path}");
        let bits = u32::from_str_radix(mode, 8).unwrap() & 0o777;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, bits, "{path}");
    }
    let inode = |path: &str| fs::metadata(dir.join(path)).unwrap().ino();
    assert_eq!(inode("etc/rc.conf"), inode("conf/base/etc/rc.conf"), "names of one file stay so");
    assert_eq!(fs::read_link(dir.join("tmp")).unwrap(), Path::new("var/tmp"));
    inspect(&repository, &[text(&full), "extract", "/", text(&dir)])
        .refused(&["is not empty\nhint: extract into a new directory"]);

    let one = repository.beside("one");
    inspect(&repository, &[text(&slot), "extract", "/etc/rc.conf", text(&one)]).success();
    let rc_conf = fs::read_to_string(one.join("rc.conf")).unwrap();
    assert_eq!(inspect(&repository, &[text(&slot), "cat", "/etc/rc.conf"]).success(), rc_conf);

    let listed = inspect(&repository, &[text(&slot), "ls", "-R"]).success();
    for path in files.keys() {
        assert!(listed.lines().any(|line| line == &path[2..]), "{path} is not listed");
    }
    let listed = inspect(&repository, &[text(&slot), "ls", "-l", "/"]).success();
    assert!(listed.contains(" tmp -> var/tmp\n") && listed.contains("drwxr-x---"), "{listed}");
    assert_eq!(inspect(&repository, &[text(&full), "ls", "--cfg"]).success(), "", "/cfg starts empty");

    for (arguments, message) in [
        (vec!["cat", "/etc"], "reading /etc in slot 1 of "),
        (vec!["cat", "/etc"], "it is a directory\nhint: list it with `ls`"),
        (vec!["cat", "/tmp"], "it is a symbolic link to var/tmp\nhint: pass that path"),
        (vec!["cat", "/none"], "none"),
        (vec!["ls", "--data"], "there is no slice 4"),
        (vec!["ls", "--slot", "3"], "3 is not in 1..=2"),
        (vec!["ls", "--slot", "1", "--cfg"], "cannot be used with"),
    ] {
        inspect(&repository, &[&[text(&full)], arguments.as_slice()].concat()).refused(&[message]);
    }
    inspect(&repository, &[text(&slot), "ls", "--slot", "2"]).refused(&["it is the image of one slot"]);
    inspect(&repository, &[text(&slot), "--verify"]).refused(&["are for an update (.fw), which this is not"]);
    let update = repository.latest(".fw");
    inspect(&repository, &[text(&update), "ls"]).refused(&["an update has no file system to read"]);
    inspect(&repository, &[text(&repository.beside("none.img"))]).refused(&["No such file"]);
}

#[test]
fn a_sparse_file_is_extracted_with_its_holes() {
    let Some(repository) = Repository::new() else { return };
    let hole = repository.path().join("site/usr/share/site/hole");
    fs::create_dir_all(hole.parent().unwrap()).unwrap();
    let file = fs::File::create(&hole).unwrap();
    file.set_len(300_000_000).unwrap();
    file.write_all_at(b"in the middle", 150_000_000).unwrap();
    let definition = repository.beside("site.toml");
    fs::write(&definition, "[overlay]\nfolders = [\"overlay\", \"site\"]\n").unwrap();
    repository.image(&["-c", text(&definition)]).success();
    let dir = repository.beside("extracted");
    let path = "/usr/share/site/hole";
    inspect(&repository, &[text(&repository.latest(".slot.img")), "extract", path, text(&dir)]).success();
    let extracted = fs::File::open(dir.join("hole")).unwrap();
    let metadata = extracted.metadata().unwrap();
    assert_eq!(metadata.len(), 300_000_000);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} bytes are on the disk", metadata.blocks() * 512);
    let mut middle = [0; 13];
    extracted.read_exact_at(&mut middle, 150_000_000).unwrap();
    assert_eq!(&middle, b"in the middle");
}

#[test]
fn an_update_is_described_in_plain_words() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let shown = inspect(&repository, &[text(&repository.latest(".fw"))]).success();
    for part in ["built         2026-01-02T03:04:05Z\n", "fits          units with disk layout 1\n"] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
}
