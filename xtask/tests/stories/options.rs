//! The option letters of `image`, which are nanobsd.sh's: what each leaves on disk.

use std::collections::BTreeSet;
use std::fs;

use builder::boot_state::StateCopies;
use firmware::slot::Slot;
use firmware::state::store;
use lab::card::Card;

use crate::repository::Repository;
use crate::test_disk::factory;

/// The files of the latest build, the images by what their names end in.
fn left(repository: &Repository) -> BTreeSet<String> {
    let stem = format!("sluice-alix-{}", repository.version());
    let dir = fs::read_dir(repository.firmware().join("latest")).unwrap();
    let names = dir.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "_.inputs").map(|name| name.replace(&stem, "")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().copied().chain(["manifest.json", "slot.mtree"]).map(str::to_owned).collect()
}

/// The images that the manifest of the latest build tells of.
fn told(repository: &Repository) -> usize {
    let text = fs::read(repository.latest("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    manifest["images"].as_array().unwrap().len()
}

#[test]
fn an_image_that_is_not_wanted_is_not_made() {
    let Some(repository) = Repository::new() else { return };
    let full = set(&[".full.img", "_.disk.full"]);
    let slot = set(&[".slot.img", ".fw", "_.disk.image", "_.fw"]);

    let text = repository.image(&["-i"]).success();
    assert_eq!((left(&repository), told(&repository)), (slot.clone(), 2));
    assert!(text.contains("bundle") && !text.contains(".full.img") && !text.contains("xtask burn"), "{text}");
    assert!(repository.image(&["--no-full"]).success().contains("is up to date"));

    let text = repository.image(&["-f"]).success();
    assert_eq!((left(&repository), told(&repository)), (full.clone(), 1));
    assert!(!text.contains("bundle") && !text.contains(".slot.img") && !text.contains("to a unit"), "{text}");
    assert!(repository.image(&["--no-slot"]).success().contains("is up to date"));
    let state = |repository: &Repository| {
        store::load(&mut StateCopies::open(&repository.latest(".full.img")).unwrap()).unwrap().state
    };
    assert_eq!(state(&repository), factory(&repository.version(), Slot::First, [true; 2], None));

    // All of it again: the full image then tells what its slots hold.
    repository.image(&[]).success();
    assert_eq!((left(&repository), told(&repository)), (full.union(&slot).cloned().collect(), 3));
    let digest = Card::open(&repository.latest(".full.img")).unwrap().slot_digest(Slot::First).unwrap();
    assert_eq!(state(&repository), factory(&repository.version(), Slot::First, [true; 2], Some(digest)));
    // What is there serves whoever wants less.
    assert!(repository.image(&["-i"]).success().contains("is up to date"));
}

#[test]
fn letters_that_make_no_sense_together_are_refused() {
    let Some(repository) = Repository::new() else { return };
    let text = repository.image(&["-i", "-f"]).refused(&[]);
    assert_eq!(
        text,
        "error: building images: -i skips the full image and -f the slot image, so there is nothing to build\n\
         hint: drop one of the two options\n"
    );
    for letter in ["-i", "-f"] {
        repository.image(&["--release", letter]).refused(&["cannot be used with", "--release"]);
    }
    assert!(!repository.firmware().exists(), "nothing was begun");
}
