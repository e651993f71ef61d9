//! `[media] label`: slices that the system finds by their names, on whatever drive the card is.

use std::fs;
use std::time::Duration;

use bsd_disk::geom_label::GeomLabel;
use bsd_disk::units::Sectors;
use builder::boot_state::{self, StateCopies};
use firmware::layout::HEADER_SECTOR;
use firmware::slot::{Slot, SlotHeader};
use firmware::state::store;
use lab::card::Card;
use lab::qemu::{Disk, Machine};

use crate::repository::{Repository, Run, target_dir};
use crate::test_disk::factory;

#[test]
fn labels_stand_behind_what_a_slot_holds_and_no_update_touches_them() {
    let Some(repository) = Repository::new() else { return };
    repository.write("label.toml", "[media]\nlabel = \"gw\"\n[slices]\ndata = 20160\n");
    repository.image(&["-c", "label.toml"]).success();
    let full = repository.latest(".full.img");
    let card = Card::open(&full).unwrap();
    for number in 1..=4 {
        let slice = card.slice(number).unwrap();
        let label = GeomLabel::decode(&card.read(slice.end() - Sectors(1), Sectors(1)).unwrap());
        assert_eq!(label, Some(GeomLabel { name: format!("gws{number}"), size: slice.size }));
    }
    // The image of a slot ends before the label, so a label is written once, with the card.
    let slice = card.slice(1).unwrap();
    let size = fs::metadata(repository.latest(".slot.img")).unwrap().len();
    assert_eq!(size, (slice.size - Sectors(1)).bytes());
    let header = SlotHeader::decode(&card.read(slice.start + HEADER_SECTOR, Sectors(1)).unwrap()).unwrap();
    assert_eq!(header.size.bytes(), size);
    let manifest = Run::of(repository.xtask("inspect", &[]).arg(repository.latest(".fw"))).success();
    assert!(manifest.contains("units with disk layout 2\n"), "{manifest}");
    let state = store::load(&mut StateCopies::open(&full).unwrap()).unwrap().state;
    let digest = card.slot_digest(Slot::First).unwrap();
    assert_eq!(state, factory(&repository.version(), Slot::First, [true; 2], Some(digest)));
    assert_eq!(card.slot_digest(Slot::Second).unwrap(), digest);

    let shown = Run::of(repository.xtask("inspect", &[]).arg(&full)).success();
    for label in ["label `gws1`\n", "label `gws2`\n", "label `gws3`\n", "label `gws4`\n"] {
        assert!(shown.contains(label), "{shown}");
    }
    let cat = |path: &str| Run::of(repository.xtask("inspect", &[]).arg(&full).args(["cat", path])).success();
    let fstab = cat("/etc/fstab");
    assert!(
        fstab.contains("\n/dev/label/gws3a /cfg ufs ") && fstab.contains("\n/dev/label/gws4 /data ufs "),
        "{fstab}"
    );
    assert_eq!(cat("/etc/nanobsd.conf"), "NANO_DRIVE=label/gw\n");
    assert_eq!(cat("/conf/default/etc/remount"), "/conf/mount_cfg /dev/label/gws3a\n");
    let summary = Run::of(&mut repository.xtask("summary", &["-c", "label.toml"])).success();
    assert!(summary.contains("\nmedia         label/gw, "), "{summary}");

    for slot in Slot::ALL {
        boot_state::prefer(&full, slot).unwrap();
        let log = target_dir().join("stories");
        fs::create_dir_all(&log).unwrap();
        let machine = Machine::new().disk(Disk::thrown_away(&full));
        let mut guest = machine.start(&log.join(format!("label-miniature-{slot}.serial.log"))).unwrap();
        guest.console.expect(&format!("slot {slot}: starting"), Duration::from_secs(60)).unwrap();
    }
}

#[test]
fn without_a_label_the_last_sector_is_the_slots() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let card = Card::open(&repository.latest(".full.img")).unwrap();
    let slice = card.slice(1).unwrap();
    assert_eq!(fs::metadata(repository.latest(".slot.img")).unwrap().len(), slice.size.bytes());
    assert_eq!(GeomLabel::decode(&card.read(slice.end() - Sectors(1), Sectors(1)).unwrap()), None);
}
