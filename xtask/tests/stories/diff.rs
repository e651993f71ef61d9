//! `cargo xtask diff`: what changed between two builds, whatever form they have.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::repository::Repository;

/// The exit code of `diff` and its output.
struct Outcome {
    code: i32,
    out: String,
    error: String,
}

fn diff(repository: &Repository, arguments: &[&str]) -> Outcome {
    let mut command = repository.xtask("diff", arguments);
    if !arguments.contains(&"--output") {
        command.arg("--output").arg(repository.firmware());
    }
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Two versions of a small product, and what is between them: everything that can happen to a path.
struct Pair {
    repository: Repository,
    versions: [String; 2],
}

impl Pair {
    fn new() -> Option<Self> {
        let repository = Repository::new()?;
        let site = |path: &str, text: &str| repository.write(&format!("site/usr/share/site/{path}"), text);
        let define = |more: &str| {
            let text = "[slices]\ncode = 40000\n[overlay]\nfolders = [\"overlay\", \"site\"]\n[customize]\nhooks = []\n";
            fs::write(repository.beside("small.toml"), format!("{text}{more}")).unwrap();
        };
        let build = || {
            repository.commit("Change the site");
            repository.image(&["-c", repository.beside("small.toml").to_str().unwrap()]).success();
            repository.version()
        };
        for (path, text) in [
            ("same", "same\n"),
            ("gone", "gone\n"),
            ("tuned", "speed=1\n"),
            ("grown", "one\n"),
            ("secret", "secret\n"),
            ("owned", "owned\n"),
            ("kind", "a file\n"),
        ] {
            site(path, text);
        }
        define("[[customize.step]]\nsymlink = \"/usr/share/site/link\"\nto = \"same\"\n");
        let first = build();

        site("tuned", "speed=2\n");
        site("grown", "one\ntwo\n");
        site("new", "x".repeat(2000).as_str());
        for gone in ["gone", "kind"] {
            fs::remove_file(repository.path().join("site/usr/share/site").join(gone)).unwrap();
        }
        repository.write("local/rc.conf.local", "hostname=\"branch7\"\n");
        let step = |step: &str| format!("[[customize.step]]\n{step}\n");
        define(
            &[
                "symlink = \"/usr/share/site/link\"\nto = \"grown\"",
                "symlink = \"/usr/share/site/kind\"\nto = \"same\"",
                "chmod = \"/usr/share/site/secret\"\nmode = \"0600\"",
                "chown = \"/usr/share/site/owned\"\nowner = \"root:operator\"",
            ]
            .map(step)
            .concat(),
        );
        let cfg = fs::read_to_string(repository.beside("small.toml")).unwrap();
        let cfg = cfg.replace("code = 40000\n", "code = 40000\ncfg_folder = \"local\"\n");
        fs::write(repository.beside("small.toml"), cfg).unwrap();
        let second = build();
        Some(Self { repository, versions: [first, second] })
    }

    fn diff(&self, arguments: &[&str]) -> Outcome {
        diff(&self.repository, arguments)
    }

    /// The file of one version that ends so.
    fn file(&self, version: usize, suffix: &str) -> PathBuf {
        let dir = self.repository.firmware().join(&self.versions[version]);
        let mut names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
        names.find(|path| !path.is_symlink() && path.to_string_lossy().ends_with(suffix)).unwrap()
    }

    /// `text` without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(self.repository.beside("").to_str().unwrap(), "/");
        let text = text.replace(&self.versions[0], "VERSION-A").replace(&self.versions[1], "VERSION-B");
        text.trim_end().to_owned()
    }

    /// The message with which `arguments` are refused.
    #[track_caller]
    fn refusal(&self, arguments: &[&str]) -> String {
        let shown = self.diff(arguments);
        assert_eq!((shown.code, shown.out.as_str()), (2, ""), "{}", shown.error);
        self.plain(&shown.error)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The lines from the one that is `first` to the next empty one.
fn part<'t>(text: &'t str, first: &str) -> &'t str {
    let at = text.find(&format!("{first}\n")).unwrap_or_else(|| panic!("no `{first}` in\n{text}"));
    text[at..].split("\n\n").next().unwrap().trim_end()
}

/// `text` with another word for each shortened digest.
fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let replace = |line: &str| {
        let words = line.split(' ').map(|word| if is_digest(word) { "DIGEST" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(replace).collect::<Vec<_>>().join("\n")
}

/// `text` with `N` for every number, for where in a file something lies.
fn without_numbers(text: &str) -> String {
    let mut plain = text.replace(|byte: char| byte.is_ascii_digit(), "N");
    while plain.contains("NN") {
        plain = plain.replace("NN", "N");
    }
    plain
}

/// Path, change, bytes, and what differs, of all paths outside of `/cfg`.
fn changes(json: &str) -> Vec<(String, String, i64, String)> {
    let value: Value = serde_json::from_str(json).unwrap();
    let paths = value["paths"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let mut changes: Vec<_> = paths
        .map(|path| {
            let differs = path["differs"].as_array().unwrap().iter().map(word).collect::<Vec<_>>().join(" ");
            (word(&path["path"]), word(&path["change"]), path["delta"].as_i64().unwrap(), differs)
        })
        .filter(|(path, ..)| !path.starts_with("/cfg/"))
        .collect();
    changes.sort();
    changes
}

#[test]
fn changes_are_shown_by_layer_by_path_and_by_size() {
    let Some(pair) = Pair::new() else { return };
    let [a, b] = pair.versions.each_ref().map(String::as_str);
    let shown = pair.diff(&[a, b]);
    assert_eq!((shown.code, shown.error.as_str()), (1, ""));
    let head: Vec<&str> = shown.out.lines().take(3).collect();
    let out = pair.repository.firmware().display().to_string();
    assert_eq!(
        head,
        [
            format!("A  {a}  ({out}/{a})").as_str(),
            &format!("B  {b}  ({out}/{b})"),
            "compared: manifest, card, slot, paths, layers"
        ]
    );
    assert!(part(&shown.out, "manifest").ends_with(&format!("\n  version: {a} -> {b}")), "{}", shown.out);
    insta::assert_snapshot!(part(&shown.out, "layer site"), @r"
        layer site
          -        -5 B  /usr/share/site/gone
          ~        +4 B  /usr/share/site/grown  content
          +    +2.0 KiB  /usr/share/site/new
          ~              /usr/share/site/owned  owner 0:0 -> 0:5
          ~              /usr/share/site/secret  mode 0644 -> 0600
          ~              /usr/share/site/tuned  content
        ");
    insta::assert_snapshot!(part(&shown.out, "layer customize"), @r"
        layer customize
          ~        -7 B  /usr/share/site/kind  type file -> link, mode 0644 -> 0755
          ~              /usr/share/site/link  link same -> grown
        ");
    insta::assert_snapshot!(part(&shown.out, "layer (/cfg)"), @r"
        layer (/cfg)
          +       +19 B  /cfg/rc.conf.local
        ");
    let table: Vec<Vec<&str>> = shown.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |layer: &str| table.iter().rfind(|row| row.first() == Some(&layer)).unwrap()[1..].join(" ");
    insta::assert_snapshot!(row("site"), @"1 1 4 +1.9 KiB 42 B 2.0 KiB");

    let shown = pair.diff(&["--by", "size", a, b]);
    let sizes: Vec<&str> = shown.out.lines().filter(|line| line.contains("/site")).collect();
    insta::assert_snapshot!(sizes.join("\n"), @r"
        +    +2.0 KiB  site         /usr/share/site/new
        ~        +4 B  site         /usr/share/site/grown  content
        ~              customize    /usr/share/site/link  link same -> grown
        ~              site         /usr/share/site/owned  owner 0:0 -> 0:5
        ~              site         /usr/share/site/secret  mode 0644 -> 0600
        ~              site         /usr/share/site/tuned  content
        -        -5 B  site         /usr/share/site/gone
        ~        -7 B  customize    /usr/share/site/kind  type file -> link, mode 0644 -> 0755
        ");

    // The other way round the same has gone.
    let shown = pair.diff(&[b, a]);
    insta::assert_snapshot!(part(&shown.out, "layer site"), @r"
        layer site
          +        +5 B  /usr/share/site/gone
          ~        -4 B  /usr/share/site/grown  content
          ~        +7 B  /usr/share/site/kind  type link -> file, mode 0755 -> 0644
          -    -2.0 KiB  /usr/share/site/new
          ~              /usr/share/site/owned  owner 0:5 -> 0:0
          ~              /usr/share/site/secret  mode 0600 -> 0644
          ~              /usr/share/site/tuned  content
        ");
}

#[test]
fn programs_read_it_as_json() {
    let Some(pair) = Pair::new() else { return };
    let [a, b] = pair.versions.each_ref().map(String::as_str);
    let shown = pair.diff(&["--json", a, b]);
    assert_eq!((shown.code, shown.error.as_str()), (1, ""));
    let value: Value = serde_json::from_str(&shown.out).unwrap();
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "b", "compared", "facts", "layers", "paths", "same", "total"]);
    assert_eq!(
        (&value["same"], &value["a"]["name"], &value["b"]["name"]),
        (&false.into(), &a.into(), &b.into())
    );
    let find = |list: &str, key: &str, name: &str| {
        let found = value[list].as_array().unwrap().iter().find(|item| item[key] == name).unwrap();
        pair.plain(&serde_json::to_string_pretty(found).unwrap())
    };
    insta::assert_snapshot!(find("facts", "name", "version"), @r#"
        {
          "a": "VERSION-A",
          "b": "VERSION-B",
          "name": "version",
          "of": "manifest"
        }
        "#);
    insta::assert_snapshot!(find("paths", "path", "/usr/share/site/kind"), @r#"
        {
          "a": {
            "flags": "none",
            "gid": 0,
            "mode": "0644",
            "names": 1,
            "sha256": "da69f286f03c0d2131b3f95afe7c8d31b4f65cbf5ca49a12c41d8bf02d366a34",
            "size": 7,
            "type": "file",
            "uid": 0
          },
          "b": {
            "flags": "none",
            "gid": 0,
            "link": "same",
            "mode": "0755",
            "names": 1,
            "size": 0,
            "type": "link",
            "uid": 0
          },
          "change": "changed",
          "delta": -7,
          "differs": [
            "type",
            "mode"
          ],
          "layer": "customize",
          "path": "/usr/share/site/kind"
        }
        "#);
    insta::assert_snapshot!(find("layers", "name", "site"), @r#"
        {
          "added": 1,
          "bytes_a": 42,
          "bytes_b": 2034,
          "changed": 4,
          "delta": 1992,
          "name": "site",
          "paths_a": 8,
          "paths_b": 7,
          "removed": 1
        }
        "#);
}

#[test]
fn images_updates_specifications_and_cards_have_the_same_paths() {
    let Some(pair) = Pair::new() else { return };
    let suffixes = [".full.img", ".slot.img", ".fw", "slot.mtree"];
    let by_version = pair.diff(&["--json", &pair.versions[0], &pair.versions[1]]);
    let wanted = changes(&by_version.out);
    let names: Vec<&str> = wanted.iter().map(|(path, ..)| path.as_str()).collect();
    assert!(
        names.contains(&"/usr/share/site/tuned") && names.contains(&"/usr/share/sluice/slot.mtree"),
        "{names:?}"
    );
    for one in suffixes {
        for other in suffixes {
            let (one, other) = (pair.file(0, one), pair.file(1, other));
            let shown = pair.diff(&["--json", text(&one), text(&other)]);
            assert_eq!(shown.code, 1, "{}", shown.error);
            assert_eq!(changes(&shown.out), wanted, "{} and {}", one.display(), other.display());
            // One version in two forms is the same.
            let shown = pair.diff(&[text(&one), text(&pair.file(0, "slot.mtree"))]);
            assert_eq!(shown.code, 0, "{}{}", shown.out, shown.error);
        }
    }
    let shown = pair.diff(&[text(&pair.file(0, ".fw")), text(&pair.file(1, ".fw"))]);
    assert!(shown.out.contains("compared: slot, update, paths, layers\n"), "{}", shown.out);
    assert!(part(&shown.out, "update").contains("\n  image digest: "), "{}", shown.out);

    let manifests = [0, 1].map(|version| pair.file(version, "manifest.json"));
    let shown = pair.diff(&[text(&manifests[0]), text(&manifests[1])]);
    assert_eq!(shown.code, 1, "{}", shown.error);
    assert!(shown.out.contains("compared: manifest, layers\n"), "{}", shown.out);
    let row = shown.out.lines().find(|line| line.starts_with("site ")).unwrap();
    assert_eq!(row.split_whitespace().take(4).collect::<Vec<_>>(), ["site", "-", "-", "-"]);
}

#[test]
fn the_exit_code_is_that_of_diff() {
    let Some(pair) = Pair::new() else { return };
    let [a, b] = pair.versions.each_ref().map(String::as_str);
    let shown = pair.diff(&[a, a]);
    assert_eq!((shown.code, shown.error.as_str()), (0, ""));
    let last = shown.out.lines().last().unwrap();
    assert!(last.starts_with("no difference: ") && last.contains(" paths, "), "{}", shown.out);
    for (arguments, code) in [([a, a], 0), ([a, b], 1), ([a, "none"], 2)] {
        let shown = pair.diff(&[&["-q"], arguments.as_slice()].concat());
        assert_eq!((shown.code, shown.out.as_str()), (code, ""), "{arguments:?}");
    }
    let json = pair.diff(&["--json", a, a]).out;
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&value["same"], value["facts"].as_array().unwrap().len()), (&true.into(), 0));
}

#[test]
fn the_slots_of_an_updated_card_can_be_compared() {
    let Some(pair) = Pair::new() else { return };
    let card = pair.repository.beside("card.img");
    fs::copy(pair.file(0, ".full.img"), &card).unwrap();
    let card = text(&card);
    assert_eq!(pair.diff(&[card, card, "--slot-b", "2"]).code, 0);

    let manifest: Value = serde_json::from_slice(&fs::read(pair.file(0, "manifest.json")).unwrap()).unwrap();
    let start = manifest["partitions"][1]["start_sector"].as_u64().unwrap();
    let slot = fs::read(pair.file(1, ".slot.img")).unwrap();
    let mut file = File::options().write(true).open(card).unwrap();
    file.seek(SeekFrom::Start(start * 512)).unwrap();
    file.write_all(&slot).unwrap();
    let shown = pair.diff(&[card, card, "--slot-b", "2", "--json"]);
    assert_eq!(shown.code, 1, "{}", shown.error);
    let by_version = pair.diff(&["--json", &pair.versions[0], &pair.versions[1]]);
    assert_eq!(changes(&shown.out), changes(&by_version.out));
    let slot = pair.file(1, ".slot.img");
    assert_eq!(pair.diff(&[card, text(&slot), "--slot-a", "2"]).code, 0);
    // Everything outside the examined slot is compared, too.
    let shown = pair.diff(&[text(&pair.file(0, ".full.img")), card]);
    assert_eq!(shown.code, 1);
    assert!(part(&shown.out, "card").contains("\n  slice 2 system: sluice "), "{}", shown.out);
    assert!(!shown.out.contains("\nlayer "), "{}", shown.out);
}

#[test]
fn a_changed_byte_is_found_on_a_card_and_damage_outside_the_slot_is_no_obstacle() {
    let Some(pair) = Pair::new() else { return };
    let original = pair.file(1, ".full.img");
    let card = pair.repository.beside("card.img");
    let bytes = fs::read(&original).unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(pair.file(1, "manifest.json")).unwrap()).unwrap();
    let start =
        |slice: usize| manifest["partitions"][slice - 1]["start_sector"].as_u64().unwrap() as usize * 512;
    let find = |from: usize, what: &[u8]| {
        from + bytes[from..].windows(what.len()).position(|window| window == what).unwrap()
    };
    let with = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        fs::write(&card, changed).unwrap();
        let shown = pair.diff(&[text(&original), text(&card)]);
        assert_eq!(shown.code, 1, "{}{}", shown.out, shown.error);
        let differs = shown.out.split_once("\n\n").unwrap().1;
        without_digests(&pair.plain(differs.split("\n\nlayer   ").next().unwrap()))
    };
    insta::assert_snapshot!(with(3, b"x"), @r"
        card
          code in sector 0: sha256 DIGEST -> sha256 DIGEST
        ");
    insta::assert_snapshot!(with(find(start(1), b"speed=2\n") + 6, b"9"), @r"
        layer site
          ~              /usr/share/site/tuned  content
        ");
    insta::assert_snapshot!(with(find(start(2), b"speed=2\n") + 6, b"9"), @r"
        card
          slice 2 content: sha256 DIGEST -> sha256 DIGEST
        ");
    insta::assert_snapshot!(with(find(start(3), b"branch7") + 6, b"9"), @r"
        layer (/cfg)
          ~              /cfg/rc.conf.local  content
        ");
    // The root directories: the length of the first entry.
    insta::assert_snapshot!(without_numbers(&with(find(start(2), b"boot\0") - 4, b"\xff\xff")), @r"
        card
          slice N content: shaN DIGEST -> UNREADABLE: listing the files of slot N of /card.img: reading directory N: the entry at byte N has an invalid length
        ");
    insta::assert_snapshot!(with(find(start(3), b"rc.conf.local\0") - 4, b"\xff\xff"), @r"
        card
          /cfg content: (absent) -> UNREADABLE: listing the files of /cfg of /card.img: reading directory 2: the entry at byte 24 has an invalid length

        layer (/cfg)
          -              /cfg/.  dir
          -       -19 B  /cfg/rc.conf.local
        ");
}

#[test]
fn an_image_with_a_damaged_specification_is_still_compared() {
    let Some(pair) = Pair::new() else { return };
    let image = pair.repository.beside("damaged.img");
    let mut bytes = fs::read(pair.file(0, ".slot.img")).unwrap();
    let record = b"#mtree 2.0\n. type=dir";
    let at = bytes.windows(record.len()).position(|window| window == record).unwrap();
    bytes[at] = b'x';
    fs::write(&image, bytes).unwrap();
    let shown = pair.diff(&[text(&pair.file(0, ".slot.img")), text(&image)]);
    assert_eq!(shown.code, 1);
    insta::assert_snapshot!(part(&shown.out, "slot"), @r"
        slot
          specification: (absent) -> UNREADABLE: reading the specification /usr/share/sluice/slot.mtree, line 1: unknown keyword `2.0` of /xmtree; a slot.mtree has type, uid, gid, mode, flags, nlink, size, sha256, link, device and tags
        ");
    insta::assert_snapshot!(part(&shown.out, "layer nanobsd"), @r"
        layer nanobsd
          ~              /usr/share/sluice/slot.mtree  content
        ");
    let shown = pair.diff(&["--json", text(&image), text(&pair.file(1, ".slot.img"))]);
    let by_version = pair.diff(&["--json", &pair.versions[0], &pair.versions[1]]);
    assert_eq!(changes(&shown.out), changes(&by_version.out));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let Some(pair) = Pair::new() else { return };
    let a = pair.versions[0].as_str();
    let make = |name: &str, bytes: &[u8]| {
        let path = pair.repository.beside(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let refusal = |path: &Path| pair.refusal(&[a, text(path)]);
    let full = pair.file(0, ".full.img");
    let slot = pair.file(0, ".slot.img");
    let begin = |path: &Path, bytes: u64| {
        let mut part = Vec::new();
        File::open(path).unwrap().take(bytes).read_to_end(&mut part).unwrap();
        part
    };

    insta::assert_snapshot!(pair.refusal(&[a, "1.2.3"]), @"error: looking for the build `1.2.3`: there is no such file, and no such version in /out, which has VERSION-A, VERSION-B");
    insta::assert_snapshot!(pair.refusal(&["1.2.3", a, "--output", "/nowhere"]), @"error: looking for the build `1.2.3`: there is no such file, and no such version in /nowhere, which has no builds");
    insta::assert_snapshot!(refusal(&pair.repository.firmware()), @r"
        error: reading the build in /out: it has neither slot.mtree nor manifest.json
        hint: pass the directory of one version
        ");
    insta::assert_snapshot!(refusal(&make("empty", b"")), @"error: inspecting /empty: it is not a full image (no table of slices in sector 0), a slot image (no label in sector 1) or an update (.fw)");
    insta::assert_snapshot!(refusal(&make("notes.txt", &[b'n'; 4096])), @"error: inspecting /notes.txt: it is not a full image (no table of slices in sector 0), a slot image (no label in sector 1) or an update (.fw)");
    insta::assert_snapshot!(refusal(&make("short.full.img", &begin(&full, 4096))), @"error: reading slot 1 of /short.full.img: reading its label: the image is truncated");
    insta::assert_snapshot!(without_numbers(&refusal(&make("half.full.img", &begin(&full, 58_464 * 512 + 200_000)))), @"error: listing the files of slot N of /half.full.img: reading N bytes at offset N: the image is truncated");
    insta::assert_snapshot!(refusal(&make("short.slot.img", &begin(&slot, 70_000))), @"error: reading slot 1 of /short.slot.img: its label has no partition `a` within the slice; the image may be truncated");
    insta::assert_snapshot!(refusal(&make("half.slot.img", &begin(&slot, 300_000))), @"error: reading slot 1 of /half.slot.img: its label has no partition `a` within the slice; the image may be truncated");
    insta::assert_snapshot!(pair.refusal(&[a, text(&slot), "--slot-b", "2"]), @"error: looking for slot 2 in /out/VERSION-A/sluice-alix-VERSION-A.slot.img: it is the image of one slot");
    insta::assert_snapshot!(pair.refusal(&[a, a, "--slot-a", "1"]), @"error: selecting slot 1 of /out/VERSION-A: only the image of a card has two slots");
    insta::assert_snapshot!(pair.refusal(&[a, a, "--slot-a", "3"]), @r"
        error: invalid value '3' for '--slot-a <N>': 3 is not in 1..=2

        For more information, try '--help'.
        ");
    insta::assert_snapshot!(pair.refusal(&[a, a, "--json", "--quiet"]), @r"
        error: the argument '--json' cannot be used with '--quiet...'

        Usage: cargo xtask diff --json --output <DIR> <A> <B>

        For more information, try '--help'.
        ");
    insta::assert_snapshot!(pair.refusal(&[a, a, "--by", "colour"]), @r"
        error: invalid value 'colour' for '--by <KEY>'
          [possible values: path, size]

        For more information, try '--help'.
        ");

    insta::assert_snapshot!(refusal(&make("cut.json", b"{\"version\": \"1.2.3\"")), @"error: reading the manifest /cut.json: EOF while parsing an object at line 1 column 19");
    insta::assert_snapshot!(refusal(&make("other.json", b"{\"name\": \"x\"}")), @"error: reading the manifest /other.json: it has no `version`");
    insta::assert_snapshot!(refusal(&make("odd.mtree", b"#mtree 2.0\n. type=dir mode=0755\n./a type=dor\n")), @"error: reading the specification /odd.mtree, line 3: unknown type `dor` of /a; a slot.mtree has dir, file, link, char, block and fifo");
    insta::assert_snapshot!(refusal(&make("binary.mtree", b"#mtree 2.0\n\xff")), @"error: reading /binary.mtree: stream did not contain valid UTF-8");
    let bare = make("bare.json", b"{\"version\": \"1.2.3\"}");
    insta::assert_snapshot!(pair.refusal(&[text(&bare), text(&pair.file(0, "slot.mtree"))]), @r"
        error: comparing /bare.json with /out/VERSION-A/slot.mtree: the inputs have no data in common
        hint: pass version directories
        ");
}

#[test]
fn an_update_is_accepted_only_if_it_is_valid_and_its_key_is_known() {
    let Some(pair) = Pair::new() else { return };
    let update = pair.file(0, ".fw");
    let bytes = fs::read(&update).unwrap();
    let make = |name: &str, bytes: &[u8]| {
        let path = pair.repository.beside(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let refusal = |path: &Path| pair.refusal(&[text(path), &pair.versions[0]]);
    insta::assert_snapshot!(refusal(&make("none.fw", b"")), @r"
    error: unpacking the update /none.fw: reading a bundle: it ends in the middle of the header; the file is incomplete
    hint: download it again
    ");
    insta::assert_snapshot!(without_numbers(&refusal(&make("cut.fw", &bytes[..bytes.len() - 1]))), @r"
    error: unpacking the update /cut.fw: at byte N, where chunk N should be: reading a bundle: it ends in the middle of chunk N; the file is incomplete
    hint: download it again
    ");
    let mut flipped = bytes.clone();
    flipped[200] ^= 1;
    insta::assert_snapshot!(refusal(&make("flipped.fw", &flipped)), @r"
    error: unpacking the update /flipped.fw: checking a bundle: its signature does not match; the manifest was changed after it was signed
    hint: download it again; if that does not help, ask whoever made it
    ");

    // On another engineer's machine the development key is not known.
    let other = |more: &[&str]| {
        let mut command = pair.repository.xtask("diff", &[text(&update), text(&pair.file(0, "slot.mtree"))]);
        command.args(more).env("SLUICE_CONFIG_DIR", pair.repository.beside("other"));
        let output = command.output().unwrap();
        (output.status.code(), pair.plain(&String::from_utf8(output.stderr).unwrap()))
    };
    let (code, error) = other(&[]);
    assert_eq!(code, Some(2));
    let id = error.split("with the key ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    insta::assert_snapshot!(error.replace(&id, "ID"), @r"
        error: unpacking the update /out/VERSION-A/sluice-alix-VERSION-A.fw: checking its signature: checking a bundle: it is signed with the key ID, which is not among the trusted keys
        hint: if you trust the key, pass it with --key FILE
        hint: use a bundle for this product, or first install a release that adds this key
        ");
    let key = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys/development.pub");
    assert_eq!(other(&["--key", text(&key)]), (Some(0), String::new()));
    let missing = pair.repository.beside("missing.pub");
    insta::assert_snapshot!(other(&["--key", text(&missing)]).1, @"error: reading the public key /missing.pub: No such file or directory (os error 2)");
}
