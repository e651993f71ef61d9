//! Faults of packages, lists, lock files and the product definition; each message says what to do.

use std::fs;

use builder::packages::{InstallContext, Selection, layer, source};
use builder::product::Packages;
use freebsd_pkg::cache::Cache;
use freebsd_pkg::list;
use freebsd_pkg::lock::Lock;
use freebsd_pkg::signature::Trust;
use rootfs::tree::Layer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::EntryType;

use crate::mirror::{Key, Mirror, Pack, append};
use crate::packages::{Desk, program, text, world};

fn foo() -> Pack {
    Pack::new("foo", "1.0")
}

/// The message when `pack` is installed.
fn refusal(pack: &Pack) -> String {
    let desk = Desk::with(pack);
    desk.refusal(desk.install("foo\n"))
}

/// The message when a package with the archive `bytes` is installed.
fn refusal_of_archive(bytes: &[u8]) -> String {
    let mut desk = Desk::new();
    desk.mirror = Mirror::new(desk.dir.path().join("mirror"));
    desk.mirror.add_as(&foo(), bytes);
    desk.mirror.publish(&[]);
    desk.refusal(desk.install("foo\n"))
}

/// An archive of members of these types, each with `x` as its content or target.
fn archive(members: &[(&str, EntryType)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, entry_type) in members {
        let is_file = *entry_type == EntryType::Regular;
        let manifest =
            json!({ "name": "foo", "origin": "test/foo", "version": "1.0", "abi": "FreeBSD:13:i386" });
        let bytes = match *path {
            "+MANIFEST" => manifest.to_string().into_bytes(),
            _ if is_file => b"x".to_vec(),
            _ => Vec::new(),
        };
        let target = if is_file || path.ends_with("none") { "" } else { "x" };
        append(&mut tar, path, *entry_type, &bytes, target, 0o644, "root:wheel");
    }
    tar.into_inner().unwrap()
}

#[test]
fn an_archive_that_is_not_a_package_is_refused() {
    use EntryType::{Char, Regular, Symlink};
    let manifest = ("+MANIFEST", Regular);
    insta::assert_snapshot!(refusal_of_archive(b""), @"unpacking the package foo 1.0: it is not a package: the archive contains no +MANIFEST");
    insta::assert_snapshot!(refusal_of_archive(b"no archive at all"), @"unpacking the package foo 1.0: reading the archive: it is damaged: failed to read entire block");
    insta::assert_snapshot!(refusal_of_archive(&archive(&[("/x", Regular)])), @"unpacking the package foo 1.0: it is not a package: the archive does not begin with +MANIFEST");
    insta::assert_snapshot!(refusal_of_archive(&archive(&[("+COMPACT_MANIFEST", Regular)])), @"unpacking the package foo 1.0: it is not a package: the archive contains no +MANIFEST");
    insta::assert_snapshot!(refusal_of_archive(&archive(&[manifest, ("/dev/x", Char)])), @"unpacking the package foo 1.0: /dev/x: it is not a file, directory or link, but of the tar type Char");
    insta::assert_snapshot!(refusal_of_archive(&archive(&[manifest, ("/none", Symlink)])), @"unpacking the package foo 1.0: /none: a link without a target");
    let whole = archive(&[manifest, ("/x", Regular)]);
    let at = whole.windows(3).position(|window| window == b"/x\0").unwrap();
    // The archive with other bytes at `offset` in the header of /x, and the matching checksum.
    let with = |offset: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at + offset..at + offset + bytes.len()].copy_from_slice(bytes);
        changed[at + 148..at + 156].fill(b' ');
        let checksum: u32 = changed[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
        changed[at + 148..at + 156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
        changed
    };
    insta::assert_snapshot!(refusal_of_archive(&with(1, &[0xff])), @"unpacking the package foo 1.0: the name `/�` is not UTF-8");
    insta::assert_snapshot!(refusal_of_archive(&with(100, b"rwx")), @"unpacking the package foo 1.0: /x: numeric field was not a number: rwx0644 when getting mode for /x");
    insta::assert_snapshot!(refusal_of_archive(&whole[..at + 300]), @"unpacking the package foo 1.0: reading the archive: it is damaged: failed to read entire block");
}

#[test]
fn a_package_with_an_invalid_manifest_is_refused() {
    let sample = "-- args: etc/none.sample\n  pkg.copy(sample_file, target_file)\n";
    insta::assert_snapshot!(refusal(&foo().file("/usr/local/x", "").flags("glued")), @"unpacking the package foo 1.0: /usr/local/x: unknown file flag `glued`; chflags(1) has schg, sunlnk, uchg, nodump, ...");
    insta::assert_snapshot!(refusal(&foo().says_inside("lua_scripts", json!({ "post-install": [sample] }))), @"package `foo`: its script copies /usr/local/etc/none.sample, which the package does not contain");
    insta::assert_snapshot!(refusal(&foo().says_inside("scripts", json!({ "pre-install": "pw useradd\n" }))), @"package `foo`: reading its pre-install script: `pw useradd` has no name");
    insta::assert_snapshot!(refusal(&foo().says_inside("abi", json!("FreeBSD:13:amd64"))), @"package `foo` is built for FreeBSD:13:amd64, but packages.abi is FreeBSD:13:i386");
    let with_attribute = |key: &str, value: Value| {
        foo().directory("/var/x").says_inside("directories", json!({ "/var/x": { key: value } }))
    };
    insta::assert_snapshot!(refusal(&with_attribute("perm", json!("rwx"))), @"registering the package `foo`: reading the attributes of /var/x in its manifest: the mode `rwx` is not octal: invalid digit found in string");
    insta::assert_snapshot!(refusal(&with_attribute("fflags", json!(-1))), @"registering the package `foo`: reading the attributes of /var/x in its manifest: the file flags `-1` are neither names nor a 32-bit number");
    insta::assert_snapshot!(refusal(&with_attribute("fflags", json!("glued"))), @"registering the package `foo`: reading the attributes of /var/x in its manifest: unknown file flag `glued`; chflags(1) has schg, sunlnk, uchg, nodump, ...");
    let with_checksum = |sum: &str| foo().says_inside("files", json!({ "/usr/local/share/foo/README": sum }));
    insta::assert_snapshot!(refusal(&with_checksum("3$abc")), @"unpacking the package foo 1.0: /usr/local/share/foo/README: checksum `3$abc` is of type 3; only SHA-256 (0, 1), BLAKE2b (2) and BLAKE2s (5) as text are supported");
    insta::assert_snapshot!(refusal(&with_checksum("1$abc")), @"unpacking the package foo 1.0: /usr/local/share/foo/README: checksum `1$abc` does not have the 64 digits of its type");
}

#[test]
fn scripts_that_do_not_run_and_later_releases_cause_warnings() {
    let messages = |pack: &Pack| {
        let installed = Desk::with(pack).install("foo\n").unwrap();
        [installed.warnings, installed.notes].concat().join("\n")
    };
    insta::assert_snapshot!(messages(&foo().says_inside("annotations", json!({ "FreeBSD_version": "1303001" }))), @"package `foo` was built on FreeBSD 13.3, but the world is 13.2-RELEASE: it may use functions that the world does not have");
    insta::assert_snapshot!(messages(&foo().says_inside("lua_scripts", json!({ "post-install": ["os.remove(\"/x\")\n"] }))), @r#"package `foo`: its post-install script is not run: `os.remove("/x")`; it uses pkg's Lua and cannot run on the unit"#);
    insta::assert_snapshot!(messages(&foo().file("/usr/local/bin/foo", program(&[0xff, 0xff, 0xff, 0xc3]))), @"package `foo`: /usr/local/bin/foo has 2 bytes of code that cannot be decoded, the first at 0x00000000: probably data");
}

#[test]
fn a_package_that_needs_accounts_is_refused_if_the_world_has_none() {
    let pack = foo().says("users", json!(["www"]));
    let desk = Desk::with(&pack);
    let lock = desk.lock("foo\n").unwrap();
    let (from, _) = source(desk.dir.path(), &desk.product).unwrap();
    desk.cache.fetch(&lock, &from, |_| {}).unwrap();
    let attempt = |below: &[Layer]| {
        let context = InstallContext { below, above: &[], world: "miniature", time: 0 };
        desk.refusal(layer::install(&desk.product, &lock, &desk.cache.packages(&lock).unwrap(), &context))
    };
    insta::assert_snapshot!(attempt(&[]), @"the packages need accounts, but no layer has /etc/master.passwd");
    insta::assert_snapshot!(attempt(&[world()]), @"adding the accounts of the package `foo`: it needs the user `www`, which the image does not have and its pre-install script does not create");
}

#[test]
fn a_catalogue_with_bad_entries_is_refused() {
    let mut desk = Desk::new();
    let sum = "0".repeat(64);
    let line = |rest: Value| {
        let mut line = json!({ "name": "foo", "origin": "test/foo", "version": "1.0", "abi": "FreeBSD:13:i386", "sum": sum });
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        format!("{line}\n")
    };
    let mut attempt = |lines: &str, requested: &str| {
        desk.mirror.says(lines);
        desk.mirror.publish(&[]);
        desk.refusal(desk.lock(requested))
    };
    insta::assert_snapshot!(attempt(&line(json!({})), "foo\n"), @"locking foo 1.0: the catalogue does not give the path of its archive");
    insta::assert_snapshot!(attempt(&line(json!({ "path": "../foo.pkg" })), "foo\n"), @"locking foo 1.0: the path `../foo.pkg` is outside the repository");
    insta::assert_snapshot!(attempt(&line(json!({ "path": "All/foo-1.0.pkg", "sum": "4$x" })), "foo\n"), @"locking foo 1.0: checksum `4$x` is of type 4; only SHA-256 (0, 1), BLAKE2b (2) and BLAKE2s (5) as text are supported");
    let blake = format!("2$2${}", "y".repeat(103));
    insta::assert_snapshot!(attempt(&line(json!({ "path": "All/gone-1.0.pkg", "sum": blake })), "foo\n"), @"
locking foo 1.0: the repository [desk]/mirror no longer has All/gone-1.0.pkg
hint: run `cargo xtask pkg lock` to choose from what it has now
");
    insta::assert_snapshot!(attempt(&line(json!({ "path": "All/libuv-1.46.0.pkg", "sum": blake })), "foo\n").split(": its").next().unwrap(), @"locking foo 1.0: All/libuv-1.46.0.pkg does not match the catalogue");
    insta::assert_snapshot!(attempt(&line(json!({ "path": "x" })), "www/foo\n"), @"resolving pkglist against the repository [desk]/mirror: line 1 of pkglist: the repository has no package with the origin `www/foo`");
    insta::assert_snapshot!(attempt(&line(json!({ "requires": ["mta"] })), "foo\n"), @"resolving pkglist against the repository [desk]/mirror: foo requires `mta`, which no package of the repository provides");
    let provider =
        |name: &str| line(json!({ "name": name, "origin": format!("mail/{name}"), "provides": ["mta"] }));
    let both = [line(json!({ "requires": ["mta"] })), provider("exim"), provider("postfix")].concat();
    insta::assert_snapshot!(attempt(&both, "foo\n"), @"
resolving pkglist against the repository [desk]/mirror: foo requires `mta`, which several packages provide: exim, postfix
hint: add one of them to pkglist
");
    insta::assert_snapshot!(attempt(&format!("{}no json\n", line(json!({}))), "foo\n"), @"reading the catalogue of the repository [desk]/mirror: line 2: expected ident at line 1 column 2");
}

#[test]
fn a_malformed_repository_is_refused() {
    let mut desk = Desk::new();
    let attempt = |desk: &Desk, members: &[(&str, Vec<u8>)]| {
        desk.mirror.publish(members);
        desk.refusal(desk.lock("libuv\n"))
    };
    let twice = [("signature", text("x")), ("signature", text("y"))];
    insta::assert_snapshot!(attempt(&desk, &twice), @"reading the catalogue of the repository [desk]/mirror: its archive contains signature twice");
    insta::assert_snapshot!(attempt(&desk, &[("packagesite.yaml", text(""))]), @"reading the catalogue of the repository [desk]/mirror: its archive contains packagesite.yaml twice");
    insta::assert_snapshot!(attempt(&desk, &[("it.sig", vec![0; (1 << 20) + 1])]), @"reading the catalogue of the repository [desk]/mirror: reading it.sig of the archive: it is larger than 1048576 bytes");

    fs::write(desk.dir.path().join("key.pem"), Key::number(0).public()).unwrap();
    desk.product.trust = Trust::Key("key.pem".into());
    insta::assert_snapshot!(attempt(&desk, &[("signature", text("$PKGSIGN:gost$x"))]), @"verifying the signature of the repository [desk]/mirror: reading the member `signature`: it uses `gost`; only rsa, ecdsa and eddsa are supported");
    let trusted = desk.dir.path().join("keys/trusted");
    fs::create_dir_all(&trusted).unwrap();
    desk.product.trust = Trust::Fingerprints("keys".into());
    fs::write(trusted.join("it"), "function: sha256\n").unwrap();
    insta::assert_snapshot!(attempt(&desk, &[]), @"verifying the signature of the repository [desk]/mirror: reading the fingerprint [desk]/keys/trusted/it: it has no `fingerprint:`");
    fs::write(trusted.join("it"), "{").unwrap();
    insta::assert_snapshot!(attempt(&desk, &[]), @"verifying the signature of the repository [desk]/mirror: reading the fingerprint [desk]/keys/trusted/it: parsing it as JSON: EOF while parsing an object at line 1 column 1");
    fs::write(trusted.join("it"), [0xff]).unwrap();
    insta::assert_snapshot!(attempt(&desk, &[]), @"verifying the signature of the repository [desk]/mirror: reading the fingerprint [desk]/keys/trusted/it: stream did not contain valid UTF-8");
    let sum = hex::encode(Sha256::digest("no key"));
    fs::write(trusted.join("it"), format!("function: sha256\nfingerprint: {sum}\n")).unwrap();
    insta::assert_snapshot!(attempt(&desk, &[("it.sig", text("x")), ("it.pub", text("no key"))]), @"verifying the signature of the repository [desk]/mirror: reading the key `it`: it is not an RSA public key in PEM (`BEGIN PUBLIC KEY`), but the repository is signed with RSA");

    let conf = desk.mirror.path().join("meta.conf");
    fs::write(&conf, vec![b'#'; (1 << 20) + 1]).unwrap();
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading meta.conf of the repository [desk]/mirror: it is larger than 1048576 bytes");
    fs::write(&conf, "{ \"version\": 2,").unwrap();
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading meta.conf of the repository [desk]/mirror: parsing it as JSON: EOF while parsing a value at line 1 column 15");
    fs::write(&conf, "version = 2;\nmanifests = \"../x.yaml\";\n").unwrap();
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading meta.conf of the repository [desk]/mirror: the path `../x.yaml` is outside the repository");
}

#[test]
fn a_package_that_cannot_be_fetched_is_reported() {
    let desk = Desk::with(&foo());
    let lock = desk.lock("foo\n").unwrap();
    let (from, _) = source(desk.dir.path(), &desk.product).unwrap();
    fs::write(desk.dir.path().join("file"), "").unwrap();
    let cache = Cache::new(desk.dir.path().join("file/cache"));
    insta::assert_snapshot!(desk.refusal(cache.fetch(&lock, &from, |_| {})), @"creating the package cache [desk]/file/cache: Not a directory (os error 20)");
    fs::write(desk.mirror.archive(&foo()), "another").unwrap();
    insta::assert_snapshot!(desk.refusal(desk.cache.fetch(&lock, &from, |_| {})), @"
fetching foo 1.0: All/foo-1.0.pkg of the repository [desk]/mirror has the SHA-256 [sha256], but pkglist.lock pins [sha256]
hint: if the repository has another package of this version now, run `cargo xtask pkg lock`; otherwise it was damaged in transit
");
    fs::remove_file(desk.mirror.archive(&foo())).unwrap();
    insta::assert_snapshot!(desk.refusal(desk.cache.fetch(&lock, &from, |_| {})), @"
the repository [desk]/mirror no longer has All/foo-1.0.pkg
hint: run `cargo xtask pkg lock` to choose from what it has now
");
}

#[test]
fn a_missing_or_malformed_lock_file_is_reported() {
    let desk = Desk::new();
    let root = desk.dir.path();
    let attempt = |product: &Packages| desk.refusal(Selection::read(root, product, None));
    insta::assert_snapshot!(attempt(&desk.product), @"reading the package list [desk]/pkglist: No such file or directory (os error 2)");
    fs::write(root.join("pkglist"), "foo\n").unwrap();
    insta::assert_snapshot!(attempt(&desk.product), @"
pkglist lists packages, but pkglist.lock is missing
hint: run `cargo xtask pkg lock`, and commit pkglist.lock
");
    insta::assert_snapshot!(desk.refusal(Lock::read(&root.join("pkglist.lock"))), @"
reading the lock file [desk]/pkglist.lock: No such file or directory (os error 2)
hint: `cargo xtask pkg lock` creates it from pkglist
");
    fs::write(root.join("pkglist.lock"), "format = 1\nnothing = 2\n").unwrap();
    insta::assert_snapshot!(attempt(&desk.product), @"
reading the lock file [desk]/pkglist.lock: TOML parse error at line 2, column 1
  |
2 | nothing = 2
  | ^^^^^^^
unknown field `nothing`, expected one of `format`, `repository`, `signature`, `abi`, `list`, `package`
hint: `cargo xtask pkg lock` recreates it from pkglist
");
    fs::write(root.join("pkglist"), [0xff]).unwrap();
    insta::assert_snapshot!(desk.refusal(list::read(&root.join("pkglist"))), @"reading the package list [desk]/pkglist: stream did not contain valid UTF-8");
    fs::write(root.join("pkglist"), "").unwrap();
    fs::remove_file(root.join("pkglist.lock")).unwrap();
    let product = Packages { run_scripts: vec!["foo".into()], ..desk.product.clone() };
    insta::assert_snapshot!(attempt(&product), @"packages.run_scripts lists packages, but pkglist is empty");
}

#[test]
fn run_scripts_lists_only_packages_with_scripts() {
    let mut desk = Desk::with(&foo());
    desk.product.run_scripts = vec!["bar".into()];
    insta::assert_snapshot!(desk.refusal(desk.install("foo\n")), @"
packages.run_scripts: no package `bar` is locked
hint: `cargo xtask pkg list` shows the locked packages
");
    desk.product.run_scripts = vec!["foo".into()];
    insta::assert_snapshot!(desk.refusal(desk.install("foo\n")), @"
packages.run_scripts: package `foo` has no shell script that needs to run
hint: remove it from packages.run_scripts
");
}
