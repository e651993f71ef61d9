//! `cargo xtask sizes`: what fills the slot, against the budgets and the last release.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::repository::{Repository, Run};

fn sizes(repository: &Repository, arguments: &[&str]) -> Run {
    let mut command = repository.xtask("sizes", arguments);
    if !arguments.contains(&"--output") {
        command.arg("--output").arg(repository.firmware());
    }
    Run::of(&mut command)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Replaces `from`, which is there, in the product definition.
fn define(repository: &Repository, from: &str, to: &str) {
    let definition = fs::read_to_string(repository.path().join("appliance/appliance.toml")).unwrap();
    assert!(definition.contains(from), "{from}");
    repository.write("appliance/appliance.toml", &definition.replace(from, to));
}

/// A small product with files of known sizes in `/usr/share/site`.
fn product() -> Option<Repository> {
    let repository = Repository::new()?;
    define(&repository, "\ncode = 0 ", "\ncode = 40000 ");
    define(&repository, "folders = [\"overlay\"]", "folders = [\"overlay\", \"site\"]");
    let site = |path: &str, bytes: usize| {
        repository.write(&format!("site/usr/share/site/{path}"), &"x".repeat(bytes));
    };
    site("grown", 100_000);
    site("gone", 3_000);
    site("deep/er/same", 5_000);
    repository.commit("Add a site");
    Some(repository)
}

/// Builds a release of what is committed, and changes the site.
fn release(repository: &Repository) {
    let key = repository.product_key("product");
    repository.tag("v0.1.0");
    repository.image(&["--release", "--sign-key", text(&key)]).success();
    repository.write("site/usr/share/site/grown", &"x".repeat(160_000));
    repository.write("site/usr/share/site/new", &"x".repeat(2_000));
    fs::remove_file(repository.path().join("site/usr/share/site/gone")).unwrap();
    repository.commit("Change the site");
    repository.image(&[]).success();
}

/// The lines in which one of `names` is a word, without the share, which depends on the compiler of the services.
fn rows(shown: &str, names: &[&str]) -> String {
    let row = |name: &&str| {
        let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut row =
            lines.find(|words| words.contains(name)).unwrap_or_else(|| panic!("no `{name}` in\n{shown}"));
        if let Some(percent) = row.iter().position(|word| *word == "%") {
            row.drain(percent - 1..=percent);
        }
        row.join(" ")
    };
    names.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// The line that begins with `name`.
fn line<'t>(shown: &'t str, name: &str) -> &'t str {
    let line = shown.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no `{name}` in\n{shown}"))
}

#[test]
fn growth_since_the_last_release_is_shown_by_layer_directory_and_file() {
    let Some(repository) = product() else { return };
    release(&repository);
    let shown = sizes(&repository, &[]).success();
    let version = repository.version();
    assert_eq!(line(&shown, "build "), format!("build     {version}"));
    assert_eq!(line(&shown, "growth "), "growth    since 0.1.0");
    let files = ["/usr/share/site/grown", "/usr/share/site/deep/er/same"];
    insta::assert_snapshot!(rows(&shown, &["site", files[0], files[1]]), @r"
        site 6 163.1 KiB +57.6 KiB
        156.2 KiB +58.6 KiB /usr/share/site/grown (site)
        4.9 KiB /usr/share/site/deep/er/same (site)
        ");
    assert!(shown.contains("  /usr/share\n") && !shown.contains("/usr/share/site\n"), "two levels: {shown}");
    let grew = shown.split("file that grew most\n").nth(1).unwrap();
    let grew = grew.lines().filter(|line| line.contains("/site/")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(grew, @r"
        156.2 KiB   +58.6 KiB  /usr/share/site/grown  (site)
          2.0 KiB    +2.0 KiB  /usr/share/site/new  (site)
        ");

    let shown = sizes(&repository, &["--depth", "5", "--top", "1"]).success();
    insta::assert_snapshot!(rows(&shown, &["/usr/share/site", "/usr/share/site/deep/er"]), @r"
        163.1 KiB +57.6 KiB /usr/share/site
        4.9 KiB /usr/share/site/deep/er
        ");
    assert_eq!(
        shown.split("largest file\n").nth(1).unwrap().split("\n\n").next().unwrap().lines().count(),
        1
    );
    assert_eq!(shown.split("grew most\n").nth(1).unwrap().lines().count(), 1);

    // Of the release itself nothing comes before it.
    let shown = sizes(&repository, &["0.1.0"]).success();
    insta::assert_snapshot!(line(&shown, "growth "), @"growth    unknown: no earlier release is tagged; --since VERSION|FILE compares with another build");
    assert!(!shown.contains("grew most"), "{shown}");
}

#[test]
fn a_missing_release_is_reported_and_any_other_build_will_do() {
    let Some(repository) = product() else { return };
    repository.image(&[]).success();
    let first = repository.version();
    let growth = |arguments: &[&str]| {
        let shown = sizes(&repository, arguments).success();
        line(&shown, "growth ").replace(text(&repository.firmware()), "/out").replace(&first, "FIRST")
    };
    insta::assert_snapshot!(growth(&[]), @"growth    unknown: no earlier release is tagged; --since VERSION|FILE compares with another build");

    release(&repository);
    // A newer release, of which there is only the tag.
    define(&repository, "version = \"0.1.0\"", "version = \"0.2.0\"");
    repository.commit("Begin 0.2.0");
    repository.tag("v0.2.0");
    repository.write("site/usr/share/site/newer", "newer\n");
    repository.commit("Change the site again");
    repository.image(&[]).success();
    insta::assert_snapshot!(growth(&[]), @"growth    since 0.1.0; the last release, 0.2.0, is not in /out; build it from its tag, or pass another build with --since");
    insta::assert_snapshot!(growth(&["--since", &first]), @"growth    since FIRST");
    // The specification of a release is enough.
    let kept = repository.beside("kept.mtree");
    fs::copy(repository.firmware().join("0.1.0/slot.mtree"), &kept).unwrap();
    let directory = sizes(&repository, &["--since", "0.1.0"]).success();
    let file = sizes(&repository, &["--since", text(&kept)]).success();
    let from = |shown: &str| shown[shown.find("\n  ").unwrap()..].to_owned();
    assert_eq!(from(&directory), from(&file));
    fs::remove_dir_all(repository.firmware().join("0.1.0")).unwrap();
    insta::assert_snapshot!(growth(&[]), @"growth    unknown: the last release, 0.2.0, is not in /out; build it from its tag, or pass another build with --since");
}

#[test]
fn an_exceeded_budget_is_shown() {
    let Some(repository) = product() else { return };
    repository.image(&[]).success();
    let shown = sizes(&repository, &[]).success();
    let slot = line(&shown, "slot ");
    assert!(slot.contains("; 0 % of its budget of 381.5 MiB, 380.") && slot.ends_with(" left"), "{slot}");
    let service = line(&shown, "service ");
    assert!(service.starts_with("service   /usr/sbin/sluice: ") && service.ends_with(" left"), "{service}");

    let tight = repository.beside("tight.toml");
    fs::write(&tight, "[budget]\nslot_bytes = 102400\nservice_bytes = 1024\n").unwrap();
    let shown = sizes(&repository, &["-c", text(&tight)]).success();
    for (name, budget) in [("slot ", "100.0 KiB"), ("service ", "1.0 KiB")] {
        let line = line(&shown, name);
        assert!(
            line.contains(&format!(" % of its budget of {budget}, ")) && line.ends_with(" OVER IT"),
            "{line}"
        );
    }
    // Nothing but files: the budget counts the file system, too.
    let shown = sizes(&repository, &["-c", text(&tight), text(&repository.latest("slot.mtree"))]).success();
    let slot = line(&shown, "slot ");
    assert!(slot.ends_with(" of files; the budget, 100.0 KiB, counts the file system too"), "{slot}");
}

#[test]
fn every_form_of_a_build_has_the_same_sizes() {
    let Some(repository) = product() else { return };
    repository.image(&[]).success();
    let json = |arguments: &[&str]| {
        let shown = sizes(&repository, &[&["--json"], arguments].concat()).success();
        serde_json::from_str::<Value>(&shown).unwrap()
    };
    let directory = json(&[]);
    for suffix in [".full.img", ".slot.img", ".fw", "slot.mtree"] {
        let other = json(&[text(&repository.latest(suffix))]);
        for key in ["content", "layers", "services", "tree", "largest"] {
            assert_eq!(other[key], directory[key], "{key} of {suffix}");
        }
        if suffix != "slot.mtree" {
            assert_eq!(other["room"], directory["room"], "{suffix}");
        }
    }
    let manifest = text(&repository.latest("manifest.json")).to_owned();
    let other = json(&[&manifest]);
    assert_eq!((&other["layers"], &other["room"]), (&directory["layers"], &directory["room"]));
    assert_eq!(other["has_paths"], false);
    let shown = sizes(&repository, &[&manifest]).success();
    assert!(
        shown.ends_with("\nA manifest lists no paths; pass the directory of the version to see them.\n"),
        "{shown}"
    );
}

#[test]
fn programs_read_it_as_json() {
    let Some(repository) = product() else { return };
    release(&repository);
    let shown = sizes(&repository, &["--json", "--depth", "3"]).success();
    let value: Value = serde_json::from_str(&shown).unwrap();
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"build content grown has_paths largest layers note room room_growth service_budget services since slot_budget tree");
    assert_eq!((&value["since"], &value["note"]), (&"0.1.0".into(), &Value::Null));
    assert_eq!(value["slot_budget"], 400_000_000);
    let room = &value["room"];
    assert!(room["used"].as_u64().unwrap() > value["content"]["bytes"].as_u64().unwrap(), "{room}");
    let find = |list: &str, key: &str, name: &str| {
        let found = value[list].as_array().unwrap().iter().find(|item| item[key] == name).unwrap();
        found.to_string()
    };
    insta::assert_snapshot!(find("layers", "name", "site"), @r#"{"bytes":167000,"growth":59000,"name":"site","paths":6}"#);
    insta::assert_snapshot!(find("tree", "path", "/usr/share/site"), @r#"{"bytes":167000,"depth":3,"growth":59000,"path":"/usr/share/site"}"#);
    insta::assert_snapshot!(find("largest", "path", "/usr/share/site/grown"), @r#"{"bytes":160000,"growth":60000,"layer":"site","path":"/usr/share/site/grown"}"#);
    insta::assert_snapshot!(find("grown", "path", "/usr/share/site/new"), @r#"{"bytes":2000,"growth":2000,"layer":"site","path":"/usr/share/site/new"}"#);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let Some(repository) = product() else { return };
    let make = |name: &str, text: &str| -> PathBuf {
        let path = repository.beside(name);
        fs::write(&path, text).unwrap();
        path
    };
    let refusal = |arguments: &[&str]| {
        let refused = sizes(&repository, arguments).refused(&[]);
        refused.replace(text(&repository.beside("")), "/").trim_end().to_owned()
    };
    insta::assert_snapshot!(refusal(&[]), @r"
        error: looking for the latest build: there is no /out/latest
        hint: run `cargo xtask image`
        ");
    insta::assert_snapshot!(refusal(&["--output", "/nowhere"]), @r"
        error: looking for the latest build: there is no /nowhere/latest
        hint: run `cargo xtask image`
        ");
    insta::assert_snapshot!(refusal(&["0.9.0"]), @"error: looking for the build `0.9.0`: there is no such file, and no such version in /out, which has no builds");
    repository.image(&[]).success();
    let version = repository.version();
    insta::assert_snapshot!(refusal(&["--since", "0.9.0"]).replace(&version, "VERSION"), @"error: opening the earlier build: looking for the build `0.9.0`: there is no such file, and no such version in /out, which has VERSION");
    insta::assert_snapshot!(refusal(&["--since", text(&make("notes.txt", "notes"))]), @"error: opening the earlier build: inspecting /notes.txt: it is not a full image (no table of slices in sector 0), a slot image (no label in sector 1) or an update (.fw)");
    insta::assert_snapshot!(refusal(&[text(&make("bare.json", "{\"version\": \"1.2.3\"}"))]), @"error: measuring /bare.json: it lists neither paths nor layers");
    insta::assert_snapshot!(refusal(&["-c", text(&make("bad.toml", "[budget]\nslot = 1\n"))]), @r"
        error: in the product definition /bad.toml: TOML parse error at line 2, column 1
          |
        2 | slot = 1
          | ^^^^
        unknown field `slot`, expected `slot_bytes` or `service_bytes`
        did you mean `slot_bytes`?
        ");
    insta::assert_snapshot!(refusal(&["--top", "many"]), @r"
        error: invalid value 'many' for '--top <N>': invalid digit found in string

        For more information, try '--help'.
        ");
    // A release whose directory is damaged.
    repository.tag("v0.1.0");
    fs::create_dir(repository.firmware().join("0.1.0")).unwrap();
    fs::write(repository.firmware().join("0.1.0/slot.mtree"), "#mtree 2.0\n. type=dir\n").unwrap();
    insta::assert_snapshot!(refusal(&[]), @"error: opening the earlier build: reading the specification /out/0.1.0/slot.mtree, line 2: / has no `mode=`");
    // An unpacked archive of the sources has no tags.
    fs::rename(repository.path().join(".git"), repository.beside("git")).unwrap();
    insta::assert_snapshot!(refusal(&[]), @r"
        error: looking for an earlier release: reading the release tags in /sluice: fatal: not a git repository (or any of the parent directories): .git
        hint: --since VERSION|FILE needs no tags
        ");
    sizes(&repository, &["--since", &version]).success();
}
