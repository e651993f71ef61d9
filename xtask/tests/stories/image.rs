//! `cargo xtask image` of the miniature world, from its command line to the device that boots.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use bsd_disk::mbr::{MBR_BYTES, Mbr};
use builder::boot_state::{self, StateCopies};
use firmware::slot::Slot;
use firmware::state::store;
use lab::card::Card;
use lab::qemu::{Disk, Machine};

use crate::repository::{Repository, Run};
use crate::test_disk::factory;

/// Far more than a boot program needs, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_full_image_boots_and_names_slot_and_version() {
    let Some(repository) = Repository::new() else { return };
    let text = repository.image(&[]).success();
    let version = repository.version();
    assert!(version.starts_with("0.1.0-dev.1+g"), "{version}");
    assert!(
        text.contains(&format!("sluice {version} for alix")) && text.contains("cargo xtask burn /dev/... "),
        "{text}"
    );

    let log = repository.beside("serial.log");
    let disk = Disk::thrown_away(repository.latest(".full.img"));
    let mut guest = Machine::new().disk(disk).start(&log).unwrap();
    let menu = guest.console.expect("to choose, 2 s: ", PATIENCE).unwrap();
    let wanted = format!("\r\n 1  {version}  good, default\r\n 2  {version}  good\r\n");
    assert!(menu.contains(&wanted), "{menu}");
    guest.console.expect(&format!("slot 1, version {version}"), PATIENCE).unwrap();
}

#[test]
fn the_boot_manager_and_its_state_are_in_the_image_and_only_there_where_they_are_asked_for() {
    let Some(repository) = Repository::new() else { return };
    let config = repository.beside("boot.toml");
    let boot = |definition: &str, line: &str| {
        fs::write(&config, definition).unwrap();
        repository.image(&["-c", config.to_str().unwrap()]).success();
        let image = repository.latest(".full.img");
        let disk = Disk::thrown_away(&image);
        let mut guest = Machine::new().disk(disk).start(&repository.beside("serial.log")).unwrap();
        guest.console.expect(line, PATIENCE).unwrap();
        (image, guest.console.transcript())
    };
    let (image, _) = boot("[boot]\ndefault = 2\nticks = 1\n", "sluice miniature: slot 2");
    let mut sector = [0; MBR_BYTES];
    fs::File::open(&image).unwrap().read_exact(&mut sector).unwrap();
    assert_eq!(Mbr::parse(&sector).unwrap().active(), None);
    let loaded = store::load(&mut StateCopies::open(&image).unwrap()).unwrap();
    assert_eq!((loaded.sequence, loaded.copy, loaded.is_intact()), (3, 2, true));
    let digest = |image: &Path| Card::open(image).unwrap().slot_digest(Slot::First).unwrap();
    assert_eq!(loaded.state, factory(&repository.version(), Slot::Second, [true; 2], Some(digest(&image))));

    let (image, _) = boot("[slices]\nslots = 1\n[boot]\nticks = 1\n", "sluice miniature: slot 1");
    let loaded = store::load(&mut StateCopies::open(&image).unwrap()).unwrap();
    assert_eq!(
        loaded.state,
        factory(&repository.version(), Slot::First, [true, false], Some(digest(&image)))
    );

    let (image, menu) =
        boot("[slices]\nfill_second = false\n[boot]\nticks = 36\n", "sluice miniature: slot 1");
    assert!(menu.contains("\r\n 2  "), "{menu}");
    let loaded = store::load(&mut StateCopies::open(&image).unwrap()).unwrap();
    assert_eq!(
        loaded.state,
        factory(&repository.version(), Slot::First, [true, false], Some(digest(&image)))
    );
    let shown = Run::of(&mut repository.xtask("inspect", &[image.to_str().unwrap()])).success();
    let second = shown.split("slot 2: type 0xa5").nth(1).unwrap();
    assert!(second.split("\nslice 3 ").next().unwrap().contains("  system      unreadable: "), "{shown}");
    assert!(shown.contains("slot 1 good, slot 2 bad"), "{shown}");

    let (image, text) = boot("[boot]\ncode = \"boot0sio\"\ndefault = 2\n", "sluice miniature: slot 2");
    assert!(!text.contains("Sluice boot manager"), "{text}");
    assert!(!boot_state::is_used(&image).unwrap());
    store::load(&mut StateCopies::open(&image).unwrap()).unwrap_err();
}

#[test]
fn a_card_of_64_mb_holds_two_slots_and_data() {
    let Some(repository) = Repository::new() else { return };
    let config = repository.beside("small.toml");
    let small = "[media]\ndevice = \"Soekris net4526\"\n[slices]\ncode = 40000\ndata = -1\n";
    fs::write(&config, small).unwrap();
    repository.image(&["-c", config.to_str().unwrap()]).success();
    let image = repository.latest(".full.img");
    assert_eq!(fs::metadata(&image).unwrap().len(), 125_056 * 512);
    let shown = Run::of(&mut repository.xtask("inspect", &[image.to_str().unwrap()])).success();
    assert!(shown.contains("slice 4       /data: type 0xa5, "), "{shown}");
    let listed = repository.xtask("inspect", &[image.to_str().unwrap(), "ls", "--data"]).status().unwrap();
    assert!(listed.success());
    for (slot, key) in [(1, "1\r"), (2, "2\r")] {
        let mut guest =
            Machine::new().disk(Disk::thrown_away(&image)).start(&repository.beside("serial.log")).unwrap();
        guest.console.expect("to choose, 2 s: ", PATIENCE).unwrap();
        guest.console.send(key).unwrap();
        guest.console.expect(&format!("sluice miniature: slot {slot}"), PATIENCE).unwrap();
    }
}

#[test]
fn cfg_and_data_start_with_the_folders_that_the_product_names() {
    let Some(repository) = Repository::new() else { return };
    let config = repository.beside("folders.toml");
    let build = |definition: &str| {
        fs::write(&config, definition).unwrap();
        repository.image(&["-c", config.to_str().unwrap()])
    };
    let both =
        "[slices]\ncode = 40000\ndata = 8192\ncfg_folder = \"site/cfg\"\ndata_folder = \"site/data\"\n";
    build(both).refused(&["slices.cfg_folder: reading the overlay ", "site/cfg"]);

    repository.write("site/cfg/rc.conf.local", "hostname=\"branch7\"\n");
    repository.write("site/cfg/local/on-start", "#!/bin/sh\n");
    let program = repository.path().join("site/cfg/local/on-start");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    repository.write("site/data/.gitkeep", "");
    repository.write("site/data/www/index.html", "hello\n");
    build(both).success();
    let read = |arguments: &[&str]| {
        let image = repository.latest(".full.img");
        let arguments = [&[image.to_str().unwrap()], arguments].concat();
        Run::of(&mut repository.xtask("inspect", &arguments)).success()
    };
    assert_eq!(read(&["cat", "/rc.conf.local", "--cfg"]), "hostname=\"branch7\"\n");
    assert_eq!(read(&["cat", "/www/index.html", "--data"]), "hello\n");
    let listed = read(&["ls", "-l", "-R", "--cfg"]);
    assert!(
        listed.contains("-rwxr-xr-x    1     0     0 ") && listed.contains(" local/on-start\n"),
        "{listed}"
    );
    assert_eq!(read(&["ls", "-R", "--data"]), "www\nwww/index.html\n");
    let disk = Disk::thrown_away(repository.latest(".full.img"));
    let mut guest = Machine::new().disk(disk).start(&repository.beside("serial.log")).unwrap();
    guest.console.expect("sluice miniature: slot 1", PATIENCE).unwrap();

    repository.write("site/cfg/rc.conf.local", "changed\n");
    let text = build(both).success();
    assert!(!text.contains("is up to date"), "{text}");
    assert_eq!(read(&["cat", "/rc.conf.local", "--cfg"]), "changed\n");
    repository.write("site/cfg/too-large", &"x".repeat(2 << 20));
    build(both).refused(&["laying out the file system of /cfg (slices.cfg, slices.cfg_folder)"]);
}

#[test]
fn a_build_leaves_both_images_sparse_and_a_manifest_that_tells_of_them() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(repository.latest("manifest.json")).unwrap()).unwrap();
    for (index, suffix) in [".full.img", ".slot.img", ".fw"].into_iter().enumerate() {
        let image = repository.latest(suffix);
        let metadata = fs::metadata(&image).unwrap();
        assert_eq!(manifest["images"][index]["bytes"], metadata.len());
        let is_sparse = metadata.blocks() * 512 < metadata.len() / 4;
        assert!(is_sparse || suffix == ".fw", "{} is not sparse", image.display());
        assert!(manifest["images"][index]["sha256"].is_null(), "only releases are hashed");
    }
    assert_eq!(fs::metadata(repository.latest(".full.img")).unwrap().len(), 1_981_728 * 512);
    for (link, suffix) in [("_.disk.full", ".full.img"), ("_.disk.image", ".slot.img"), ("_.fw", ".fw")] {
        let target = fs::read_link(repository.firmware().join("latest").join(link)).unwrap();
        assert!(target.to_string_lossy().ends_with(suffix));
    }
}

#[test]
fn a_second_build_finds_all_up_to_date_and_a_changed_overlay_file_is_built_from_there() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let first = fs::metadata(repository.latest(".full.img")).unwrap().ino();
    let text = repository.image(&[]).success();
    assert!(text.contains("is up to date"), "{text}");
    assert_eq!(
        fs::metadata(repository.latest(".full.img")).unwrap().ino(),
        first,
        "nothing is written again"
    );

    repository.write("overlay/etc/issue", "changed\n");
    let text = repository.image(&["-v"]).success();
    assert!(repository.version().ends_with(".dirty"), "{}", repository.version());
    let text = text + &repository.image(&["-v"]).success();
    repository.write("overlay/etc/issue", "changed again\n");
    let text = text + &repository.image(&["-v"]).success();
    assert!(text.contains("changed: overlay") && !text.contains("compiling"), "{text}");
}

#[test]
fn the_same_commit_gives_the_same_images_in_any_folder() {
    let digest = |repository: &Repository| {
        repository.image(&[]).success();
        [".full.img", ".slot.img", ".fw", "slot.mtree", "manifest.json"]
            .map(|suffix| fs::read(repository.latest(suffix)).unwrap())
    };
    let (Some(one), Some(other)) = (Repository::new(), Repository::new()) else { return };
    assert!(digest(&one) == digest(&other), "two copies of one commit gave different images");
}

#[test]
fn a_release_is_a_tagged_commit_without_changes() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&["--release"]).refused(&["release 0.1.0", "tag v0.1.0"]);
    let key = repository.product_key("product");
    let release = ["--release", "--sign-key", key.to_str().unwrap()];
    repository.tag("v0.1.0");
    let text = repository.image(&release).success();
    assert!(text.contains("no unit runs it"), "{text}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(repository.latest("manifest.json")).unwrap()).unwrap();
    for (index, suffix) in [".full.img", ".slot.img", ".fw"].into_iter().enumerate() {
        let sum = Run::of(std::process::Command::new("sha256sum").arg(repository.latest(suffix))).success();
        assert_eq!(manifest["images"][index]["sha256"], sum.split(' ').next().unwrap());
    }
    repository.image(&["--release", "--kernel", "GENERIC"]).refused(&["cannot be used with"]);
    assert_eq!(repository.version(), "0.1.0");
    repository.write("overlay/etc/issue", "changed\n");
    repository.image(&release).refused(&["not committed", "git status"]);
    assert_eq!(repository.version(), "0.1.0");
}

#[test]
fn bad_input_is_refused_by_name_and_latest_stays() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let version = repository.version();
    let cases: [(&str, &[&str]); 7] = [
        ("[media]\nsiez = 1\n", &["bad.toml", "line 2, column 1", "did you mean `size`?"]),
        ("[media]\nsize = 30000\n[slices]\ncode = 40000\n", &["sectors", "[media]"]),
        ("[slices]\ncode = 1000\n", &["its content needs at least", "largest layers are", "[slices] code"]),
        ("[media]\nheads = 300\n", &["heads"]),
        ("[media]\nsectors = 1\nheads = 1\n", &["larger than 1 heads with 1 sectors per track can address"]),
        (
            "[overlay.rules.\"/etc/rc.conf\"]\nuser = \"nosuch\"\n",
            &["/etc/rc.conf", "`nosuch`", "/etc/master.passwd"],
        ),
        ("[budget]\nslot_bytes = 1000\n", &["budget.slot_bytes", "largest layers"]),
    ];
    let bad = tempfile::tempdir().unwrap();
    let file = bad.path().join("bad.toml");
    for (text, parts) in cases {
        fs::write(&file, text).unwrap();
        repository.image(&["-c", file.to_str().unwrap()]).refused(parts);
        assert_eq!(repository.version(), version, "latest moved after {text}");
    }
    let left: Vec<_> =
        fs::read_dir(repository.firmware()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "only the version and latest: {left:?}");
}
