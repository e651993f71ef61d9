//! Digests are as fine as what they guard: what cannot change an image or a service makes nothing anew.

use std::fs;
use std::path::Path;

use builder::compiled_from;
use sources::Closure;

use crate::repository::Repository;

/// Adds a line to a file of the repository.
fn append(root: &Path, path: &str, line: &str) {
    let path = root.join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::write(path, text + line + "\n").unwrap();
}

/// The digest of what `package` is compiled from.
fn digest(root: &Path, package: &str, profile: &str) -> String {
    Closure::read(root, package, profile).unwrap().digest(root).unwrap()
}

/// Holds `package` to: an edit of `others` leaves its digest as it is, one of `own` does not.
fn hold(root: &Path, package: &str, profile: &str, others: &[&str], own: &[&str]) {
    let before = digest(root, package, profile);
    for path in others {
        append(root, path, "// One more line.");
        assert_eq!(digest(root, package, profile), before, "{path} is none of {package}'s sources");
    }
    let mut seen = vec![before];
    for path in own {
        append(root, path, "// One more line.");
        let now = digest(root, package, profile);
        assert!(!seen.contains(&now), "{path} is one of {package}'s sources");
        seen.push(now);
    }
}

#[test]
fn after_an_edit_of_a_scenario_or_a_help_text_images_are_up_to_date() {
    let Some(repository) = Repository::new() else { return };
    let root = &repository.path();
    // Whatever else is edited, the version is the same from here on.
    append(root, "README.md", "One more line.");
    repository.image(&[]).success();
    for path in ["crates/lab/src/scenarios/boot.rs", "xtask/src/command/image.rs", "docs/diff.md"] {
        append(root, path, "// One more line.");
        let said = repository.image(&[]).success();
        assert!(said.contains(" is up to date: "), "{path}: {said}");
    }
    // This builder does not make what the sources of another one make.
    append(root, "crates/ufs/src/plan.rs", "// One more line.");
    repository.image(&[]).refused(&["compiled from other sources\nhint: run `cargo xtask`"]);
}

#[test]
fn after_an_edit_of_an_updater_test_nothing_is_compiled_for_the_device() {
    let Some(repository) = Repository::new() else { return };
    let root = &repository.path();
    repository.image(&[]).success();
    let tests = "appliance/src/update/tests";
    let test = fs::read_dir(root.join(tests)).unwrap().map(|entry| entry.unwrap().file_name());
    let test = test.filter_map(|name| name.into_string().ok()).find(|name| name.ends_with(".rs")).unwrap();
    append(root, &format!("{tests}/{test}"), "// One more line.");
    let said = repository.image(&["-v"]).success();
    assert!(said.contains("building ") && !said.contains("compiling for the device"), "{said}");
}

#[test]
fn the_builders_digest_is_that_of_the_crates_that_make_images() {
    let Some(repository) = Repository::new() else { return };
    let root = &repository.path();
    assert_eq!(digest(root, "builder", ""), compiled_from::digest());
    let others = [
        "crates/lab/src/scenarios/boot.rs",
        "crates/burn/src/lib.rs",
        "crates/builder/src/customize/tests.rs",
        "crates/builder/benches/image.rs",
        "xtask/src/main.rs",
        "appliance/src/main.rs",
        "docs/customize.md",
    ];
    let own = [
        "crates/builder/src/customize/shims/sed",
        "crates/builder/src/world/miniature/mbr.S",
        "crates/ufs/src/plan.rs",
        "firmware/boot/manager.S",
    ];
    hold(root, "builder", "", &others, &own);
}

#[test]
fn the_services_digest_is_that_of_what_is_compiled_for_the_device() {
    let Some(repository) = Repository::new() else { return };
    let root = &repository.path();
    let before = digest(root, "appliance", "device");
    let edit = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert!(text.contains(from), "{path}: {from}");
        fs::write(root.join(path), text.replace(from, to)).unwrap();
        digest(root, "appliance", "device")
    };
    assert_eq!(edit("Cargo.toml", "[profile.dev]\nopt-level = 0", "[profile.dev]\nopt-level = 1"), before);
    assert_eq!(
        edit("appliance/Cargo.toml", "[dev-dependencies]\n", "[dev-dependencies]\nhex = \"0.4\"\n"),
        before
    );
    assert_ne!(edit("Cargo.toml", "opt-level = \"s\"", "opt-level = \"z\""), before);
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let of = |name: &str| {
        let entry = lock
            .split("[[package]]\n")
            .find(|entry| entry.starts_with(&format!("name = \"{name}\"")))
            .unwrap();
        entry.lines().find(|line| line.starts_with("checksum")).unwrap().to_owned()
    };
    let now = digest(root, "appliance", "device");
    assert_eq!(edit("Cargo.lock", &of("iced-x86"), "checksum = \"0\""), now, "only the builder has it");
    assert_ne!(edit("Cargo.lock", &of("ureq"), "checksum = \"0\""), now);

    let others = [
        "appliance/src/update/tests/mod.rs",
        "appliance/appliance.toml",
        "crates/rootfs/src/lib.rs",
        "crates/builder/src/services/mod.rs",
    ];
    let own = ["appliance/src/update/payload.rs", "firmware/src/lib.rs", "crates/bsd-disk/src/lib.rs"];
    hold(root, "appliance", "device", &others, &own);
}
