//! FreeBSD packages: a repository of thirty, of which twenty can be installed and ten cannot, each for another reason.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;
use builder::packages::layer::{self, Installation};
use builder::packages::{self, InstallContext};
use builder::product::Packages;
use builder::toolchain::Group;
use freebsd_pkg::cache::Cache;
use freebsd_pkg::lock::Lock;
use freebsd_pkg::signature::Trust;
use freebsd_pkg::{list, local_database};
use isa::{Exception, Exceptions};
use rootfs::tree::{EntryKind, Kind, Layer, Principal, Tree, TreePath};
use serde_json::json;
use tempfile::TempDir;

use crate::mirror::{Mirror, Pack, Packing};
use crate::repository::{Repository, Run};
use crate::{readers, tools};

/// Packages that can be installed together.
pub const GOOD: &str =
    "bash\neasy-rsa\njq\nmpd5\nmtr\ntest/nginx>=1.24\nopenvpn\nunbound\nlibuv=1.46.0\nlibidn2\n";

/// The script that the ports framework generates for a port with `USERS=www GROUPS=www`.
const ACCOUNTS: &str = r#"if [ -n "${PKG_ROOTDIR}" ] && [ "${PKG_ROOTDIR}" != "/" ]; then
  PW="/usr/sbin/pw -R ${PKG_ROOTDIR}"
else
  PW=/usr/sbin/pw
fi
echo "===> Creating groups"
if ! ${PW} groupshow www >/dev/null 2>&1; then
  ${PW} groupadd www -g 80
fi
echo "===> Creating users"
if ! ${PW} usershow www >/dev/null 2>&1; then
  ${PW} useradd www -u 80 -g 80  -c "World Wide Web Owner" -d /nonexistent -s /usr/sbin/nologin
fi
"#;

const SAMPLE: &str = "-- args: etc/nginx/nginx.conf.sample\n  pkg.copy(sample_file, target_file)\n";

pub fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A program for i386 with this code in the function `scale`.
pub fn program(code: &[u8]) -> Vec<u8> {
    program_of(code, b"scale")
}

/// A program for i386 with this code in the function `function`; without a name, the program is as after `strip`.
fn program_of(code: &[u8], function: &[u8]) -> Vec<u8> {
    use object::write::{Object, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
    let mut file = Object::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
    let section = file.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
    file.set_section_data(section, code, 1);
    if function.is_empty() {
        return file.write().unwrap();
    }
    file.add_symbol(Symbol {
        name: function.to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    file.write().unwrap()
}

/// The thirty packages.
fn packs() -> Vec<Pack> {
    let ret = program(&[0xc3]);
    let mut packs = vec![
        Pack::new("nginx", "1.24.0_2,3")
            .needs(&["pcre2"])
            .file("/usr/local/sbin/nginx", ret.clone())
            .with("root:wheel", 0o555)
            .hard_link("/usr/local/sbin/nginx-debug", "/usr/local/sbin/nginx")
            .symlink("/usr/local/bin/nginx", "../sbin/nginx")
            .file("/usr/local/etc/rc.d/nginx", text("#!/bin/sh\n. /etc/rc.subr\n"))
            .with("root:wheel", 0o555)
            .file("/usr/local/etc/nginx/nginx.conf.sample", text("worker_processes 1;\n"))
            .with("root:www", 0o640)
            .file("/usr/local/libexec/guard", text("guarded\n"))
            .with("root:wheel", 0o4555)
            .flags("schg")
            .directory("/var/log/nginx")
            .with("www:www", 0o750)
            .says("users", json!(["www"]))
            .says("groups", json!(["www"]))
            .says_inside("scripts", json!({ "pre-install": ACCOUNTS }))
            .says_inside("lua_scripts", json!({ "post-install": [SAMPLE] }))
            .says_inside("messages", json!([{ "message": "Be careful.", "type": "install" }])),
        Pack::new("pcre2", "10.42")
            .file("/usr/local/lib/libpcre2.so.0", ret.clone())
            .file("/usr/local/libdata/ldconfig/pcre2", text("/usr/local/lib\n")),
        Pack::new("bash", "5.2.15")
            .needs(&["readline", "gettext-runtime"])
            .packed(Packing::Xz)
            .file("/usr/local/bin/bash", ret.clone())
            .with("root:wheel", 0o555)
            .says_inside(
                "lua_scripts",
                json!({ "post-install": ["-- args: bin/bash\n shells_path = \"/etc/shells\"\n"] }),
            ),
        Pack::new("mpd5", "5.9_16")
            .file("/usr/local/etc/rc.d/mpd5", text("#!/bin/sh\n"))
            .says_inside("scripts", json!({ "post-install": "/usr/local/sbin/mpd5 --rebuild %25\n" })),
        Pack::new("mtr", "0.95").packed(Packing::Plain),
        Pack::new("unbound", "1.17.1_2").needs(&["expat", "libevent", "libnghttp2"]),
        Pack::new("openvpn", "2.6.5").needs(&["lzo2", "easy-rsa"]),
        Pack::new("jq", "1.6").needs(&["oniguruma"]).file("/usr/local/bin/jq", ret).packed(Packing::Gzip),
        Pack::new("libidn2", "2.3.4").needs(&["libunistring"]).packed(Packing::Bzip2),
        Pack::new("libuv", "1.46.0"),
        Pack::new("readline", "8.2.1").needs(&["ncurses"]),
    ];
    for (name, version) in [
        ("ncurses", "6.4"),
        ("gettext-runtime", "0.22"),
        ("expat", "2.5.0"),
        ("libevent", "2.1.12_1"),
        ("libnghttp2", "1.57.0"),
        ("lzo2", "2.10"),
        ("easy-rsa", "3.1.5"),
        ("oniguruma", "6.9.8"),
        ("libunistring", "1.1"),
    ] {
        packs.push(Pack::new(name, version));
    }
    packs.extend([
        Pack::new("nginx-lite", "1.24.0").says("conflicts", json!(["nginx-[0-9]*"])),
        Pack::new("squid", "6.1"),
        Pack::new("haproxy", "2.8.1").needs(&["lua54"]),
        Pack::new("monitor", "1.0").needs(&["agent"]),
        Pack::new("agent", "3.1").abi("FreeBSD:13:amd64"),
        Pack::new("shadow", "4.13").file("/etc/gettytab", text("mine\n")),
        Pack::new("gojq", "0.12").file("/usr/local/bin/jq", text("mine\n")),
        // movaps %xmm1,%xmm0; ret
        Pack::new("ffmpeg", "6.0").file("/usr/local/lib/libswscale.so.7", program(&[0x0f, 0x28, 0xc1, 0xc3])),
        Pack::new("orphan", "1.0").says("users", json!(["ghost"])),
        Pack::new("liar", "2.0").says_inside("version", json!("1.0")),
    ]);
    assert_eq!(packs.len(), 30);
    packs
}

/// A repository, and an engineer's product definition and package cache.
pub struct Desk {
    pub dir: TempDir,
    pub mirror: Mirror,
    pub product: Packages,
    pub cache: Cache,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::new(dir.path().join("mirror"));
        for pack in packs() {
            mirror.add(&pack);
            if pack.name == "squid" {
                fs::write(mirror.archive(&pack), b"another squid").unwrap();
            }
        }
        mirror.publish(&[]);
        let product = Packages {
            board: builder::board::DEFAULT,
            repository: Some("mirror".into()),
            abi: "FreeBSD:13:i386".into(),
            trust: Trust::Nobody,
            run_scripts: Vec::new(),
            exceptions: Exceptions::default(),
        };
        let cache = Cache::new(dir.path().join("cache"));
        Self { dir, mirror, product, cache }
    }

    /// With `pack` as the only package of the repository.
    pub fn with(pack: &Pack) -> Self {
        let mut desk = Self::new();
        desk.mirror = Mirror::new(desk.dir.path().join("mirror"));
        desk.mirror.add(pack);
        desk.mirror.publish(&[]);
        desk
    }

    pub fn lock(&self, requested: &str) -> Result<Lock> {
        packages::lock(self.dir.path(), &self.product, &list::parse("pkglist", requested)?, &self.cache)
    }

    pub fn install(&self, requested: &str) -> Result<Installation> {
        let lock = self.lock(requested)?;
        let (source, _) = packages::source(self.dir.path(), &self.product)?;
        self.cache.fetch(&lock, &source, |_| {})?;
        let below = [world()];
        let context =
            InstallContext { below: &below, above: &[], world: "13.2-RELEASE", time: 1_700_000_000 };
        layer::install(&self.product, &lock, &self.cache.packages(&lock)?, &context)
    }

    /// The message of a refusal, without the parts that differ from run to run.
    #[track_caller]
    pub fn refusal<T>(&self, result: Result<T>) -> String {
        let Err(error) = result else { panic!("this should have been refused") };
        let text = format!("{error:#}").replace(&self.dir.path().display().to_string(), "[desk]");
        let is_sha256 = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut plain = String::new();
        for word in text.split_inclusive(|byte: char| !byte.is_ascii_alphanumeric()) {
            let bare = word.trim_end_matches(|byte: char| !byte.is_ascii_alphanumeric());
            plain.push_str(&if is_sha256(bare) { word.replace(bare, "[sha256]") } else { word.to_owned() });
        }
        plain
    }
}

/// The files of a world that matter to packages.
pub fn world() -> Layer {
    let mut layer = Layer::new("world");
    for (path, text) in [
        ("etc/master.passwd", "root:*:0:0::0:0:Charlie &:/root:/bin/sh\n"),
        ("etc/passwd", "root:*:0:0:Charlie &:/root:/bin/sh\n"),
        ("etc/group", "wheel:*:0:root\n"),
        ("etc/pwd.db", "a database"),
        ("etc/gettytab", "default:\n"),
        ("etc/shells", "/bin/sh\n"),
    ] {
        layer.push(path_of(path), EntryKind::File(text.into()), 0o644);
    }
    layer
}

pub fn path_of(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

#[test]
fn twenty_of_thirty_packages_are_installed_with_all_of_their_content() {
    let desk = Desk::new();
    let lock = desk.lock(GOOD).unwrap();
    let chosen: Vec<String> = lock
        .packages
        .iter()
        .map(|package| format!("{} {} <- {}", package.name, package.version, package.why.join(", ")))
        .collect();
    insta::assert_snapshot!(chosen.join("\n"));

    let installed = desk.install(GOOD).unwrap();
    assert_eq!(installed.layers.len(), 20);
    insta::assert_snapshot!(installed.warnings.join("\n"), @"package `mpd5`: its post-install script is not run: `/usr/local/sbin/mpd5 --rebuild %`; packages.run_scripts can run it at every start");
    let layers = [world()].into_iter().chain(installed.layers).chain([installed.top]).collect();
    let mut tree = Tree::merge(layers).unwrap();
    tree.resolve_owners().unwrap();

    let text = |path: &str| tree.read_text(&path_of(path)).unwrap();
    let inode = |path: &str| tree.get(&path_of(path)).unwrap_or_else(|| panic!("{path} is missing")).clone();
    let owner =
        |path: &str| (inode(path).attributes.user, inode(path).attributes.group, inode(path).attributes.mode);
    let (root, www) = (Principal::Id(0), Principal::Id(80));
    assert_eq!(owner("usr/local/sbin/nginx"), (root.clone(), root.clone(), 0o555));
    assert_eq!(owner("usr/local/etc/nginx/nginx.conf"), (root.clone(), www.clone(), 0o640));
    assert_eq!(owner("var/log/nginx"), (www.clone(), www, 0o750));
    assert_eq!(
        (owner("usr/local/libexec/guard").2, inode("usr/local/libexec/guard").attributes.flags),
        (0o4555, 0x2_0000)
    );
    assert!(matches!(inode("usr/local/bin/nginx").kind, Kind::Symlink(target) if target == "../sbin/nginx"));
    let id = |path: &str| tree.names().find(|(name, _)| name.as_str() == path).unwrap().1;
    assert_eq!(id("usr/local/sbin/nginx"), id("usr/local/sbin/nginx-debug"));
    assert_eq!(text("usr/local/libdata/ldconfig/pcre2"), "/usr/local/lib\n");
    assert_eq!(
        ["bash", "jq", "libidn2", "mtr"].map(|name| text(&format!("usr/local/share/{name}/README"))).concat(),
        "This is bash.\nThis is jq.\nThis is libidn2.\nThis is mtr.\n"
    );
    assert_eq!(text("etc/group"), "wheel:*:0:root\nwww:*:80:\n");
    assert!(
        text("etc/master.passwd")
            .ends_with("\nwww:*:80:80::0:0:World Wide Web Owner:/nonexistent:/usr/sbin/nologin\n")
    );
    assert_eq!(text("etc/shells"), "/bin/sh\n/usr/local/bin/bash\n");
    assert!(
        tree.get(&path_of("etc/accounts.changed")).is_some(),
        "pwd.db must be rebuilt with the new accounts"
    );
    assert!(tree.read(&path_of(local_database::PATH)).unwrap().starts_with(b"SQLite format 3\0"));
}

#[test]
fn ten_of_thirty_packages_are_refused_each_with_its_reason() {
    let desk = Desk::new();
    for (name, requested) in [
        ("a conflict", "nginx\nnginx-lite\n"),
        ("a wrong checksum", "squid\n"),
        ("a missing dependency", "haproxy\n"),
        ("another system", "monitor\n"),
        ("another system requested", "agent\n"),
        ("a file of the world", "shadow\n"),
        ("a file of another package", "jq\ngojq\n"),
        ("code for another processor", "ffmpeg\n"),
        ("a missing account", "orphan\n"),
        ("an archive of another version", "liar\n"),
    ] {
        insta::assert_snapshot!(name.replace(' ', "_"), desk.refusal(desk.install(requested)));
    }
}

#[test]
fn code_for_another_processor_passes_if_the_product_excuses_its_symbol() {
    let mut desk = Desk::new();
    let exception = |symbol: &str| Exception {
        path: "usr/local/lib/libswscale.so.7".into(),
        symbol: symbol.into(),
        reason: "runs only if cpuid reports SSE".into(),
    };
    desk.product.exceptions = Exceptions(vec![exception("scale")]);
    desk.install("ffmpeg\n").unwrap();
    let notes = desk.install("jq\n").unwrap().notes.join("\n");
    insta::assert_snapshot!(notes, @"packages.isa excuses scale in usr/local/lib/libswscale.so.7, where it is not needed");
    desk.product.exceptions = Exceptions(vec![exception("other")]);
    assert!(desk.install("ffmpeg\n").is_err());

    desk.mirror = Mirror::new(desk.dir.path().join("mirror"));
    let stripped = program_of(&[0x0f, 0x28, 0xc1, 0xc3], b"");
    desk.mirror.add(&Pack::new("ffmpeg", "6.1").file("/usr/local/lib/libswscale.so.7", stripped));
    desk.mirror.publish(&[]);
    desk.product.exceptions = Exceptions(vec![exception("scale")]);
    insta::assert_snapshot!(desk.refusal(desk.install("ffmpeg\n")), @"
package `ffmpeg`: /usr/local/lib/libswscale.so.7 contains 1 instruction that the Geode LX does not have
  0x00000000 movaps %xmm1,%xmm0 (SSE)
hint: use a package that was built for it (CPUTYPE?=pentium-mmx); if the code never runs there, add its file and symbol to [[packages.isa]]; code without a symbol is matched only by `*`
");
    desk.product.exceptions = Exceptions(vec![exception("*")]);
    desk.install("ffmpeg\n").unwrap();
}

#[test]
fn a_script_in_run_scripts_runs_at_every_start() {
    let mut desk = Desk::new();
    desk.product.run_scripts = vec!["mpd5".into()];
    let installed = desk.install("mpd5\n").unwrap();
    assert_eq!(installed.warnings, [""; 0]);
    let paths: Vec<String> = installed.top.entries.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(
        paths,
        ["/usr/share/sluice/packages/mpd5.0.sh", "/etc/rc.d/sluice_packages", "/var/db/pkg/local.sqlite"]
    );
}

#[test]
fn a_sample_does_not_overwrite_a_file_of_the_overlay() {
    let desk = Desk::new();
    let lock = desk.lock("nginx\n").unwrap();
    let (source, _) = packages::source(desk.dir.path(), &desk.product).unwrap();
    desk.cache.fetch(&lock, &source, |_| {}).unwrap();
    let mut overlay = Layer::new("overlay");
    overlay.push(path_of("etc/local/nginx/nginx.conf"), EntryKind::File("own".into()), 0o644);
    let (below, above) = ([world()], [overlay]);
    let context = InstallContext { below: &below, above: &above, world: "miniature", time: 0 };
    let installed =
        layer::install(&desk.product, &lock, &desk.cache.packages(&lock).unwrap(), &context).unwrap();
    insta::assert_snapshot!(installed.notes.join("\n"), @"package `nginx`: /usr/local/etc/nginx/nginx.conf.sample is not copied to /usr/local/etc/nginx/nginx.conf, which exists");
    let copied = |layer: &Layer| layer.entries.iter().any(|entry| entry.path.name() == "nginx.conf");
    assert!(!installed.layers.iter().any(copied));
}

#[test]
fn packages_of_another_release_are_refused() {
    let desk = Desk::new();
    let lock = desk.lock("libuv\n").unwrap();
    let (source, _) = packages::source(desk.dir.path(), &desk.product).unwrap();
    desk.cache.fetch(&lock, &source, |_| {}).unwrap();
    let context = InstallContext { below: &[], above: &[], world: "14.0-RELEASE", time: 0 };
    let result = layer::install(&desk.product, &lock, &desk.cache.packages(&lock).unwrap(), &context);
    insta::assert_snapshot!(desk.refusal(result), @"packages.abi is FreeBSD:13:i386, but the world is FreeBSD 14.0-RELEASE: packages of another major release do not run on it");
}

#[test]
fn the_cache_is_checked_and_can_be_filled_again() {
    let desk = Desk::new();
    let lock = desk.lock("libuv\nlibidn2\n").unwrap();
    insta::assert_snapshot!(desk.refusal(desk.cache.packages(&lock)), @"
libidn2 2.3.4 and 2 more are missing from the package cache [desk]/cache
hint: run `cargo xtask pkg fetch`
");
    let (source, _) = packages::source(desk.dir.path(), &desk.product).unwrap();
    assert_eq!(desk.cache.fetch(&lock, &source, |_| {}).unwrap().0, 3);
    assert_eq!(desk.cache.fetch(&lock, &source, |_| {}).unwrap().0, 0);
    let archive = desk.cache.archive(&lock.get("libuv").unwrap().sha256);
    let mut bytes = fs::read(&archive).unwrap();
    bytes[20] ^= 1;
    fs::write(&archive, bytes).unwrap();
    insta::assert_snapshot!(desk.refusal(desk.cache.packages(&lock)), @"
unpacking the package libuv 1.46.0: [desk]/cache/[sha256].pkg has been changed: its SHA-256 is [sha256]
hint: remove it and run `cargo xtask pkg fetch`
");
}

#[test]
fn an_archive_that_differs_from_its_manifest_is_refused() {
    let refusal = |pack: Pack| {
        let desk = Desk::with(&pack);
        desk.refusal(desk.install(&format!("{}\n", pack.name)))
    };
    let pack = || Pack::new("foo", "1.0");
    let missing = json!({ "/usr/local/share/foo/README": "-", "/usr/local/bin/foo": "-" });
    insta::assert_snapshot!(refusal(pack().says_inside("files", json!({}))), @"unpacking the package foo 1.0: /usr/local/share/foo/README: its manifest does not list it");
    insta::assert_snapshot!(refusal(pack().says_inside("files", missing)), @"unpacking the package foo 1.0: its manifest lists /usr/local/bin/foo, which is missing from the archive");
    insta::assert_snapshot!(refusal(pack().says_inside("files", json!({ "/usr/local/share/foo/README": "0".repeat(64) }))), @"unpacking the package foo 1.0: /usr/local/share/foo/README: its checksum is [sha256], but should be [sha256]");
    insta::assert_snapshot!(refusal(pack().file("/usr/../../etc/x", "")), @"package `foo` contains /usr/../../etc/x: path `/usr/../../etc/x` contains `..`: paths in an image start at its root");
    insta::assert_snapshot!(refusal(pack().says_inside("name", json!(7)).says_inside("origin", json!(null))), @"unpacking the package foo 1.0: parsing the manifest: invalid type: null, expected a string at line 1 column 382");
    insta::assert_snapshot!(refusal(pack().hard_link("/usr/local/x", "/usr/local/y")), @"unpacking the package foo 1.0: /usr/local/x: it is a hard link to /usr/local/y, but no such file precedes it in the package");
}

#[test]
fn an_image_contains_its_packages_and_needs_no_repository() {
    let Some(toolchain) = tools::find(&[Group::Test]) else { return };
    let Some(repository) = Repository::new() else { return };
    let mut mirror = Mirror::new(repository.beside("mirror"));
    packs().iter().for_each(|pack| mirror.add(pack));
    mirror.publish(&[]);
    let config = repository.beside("packages.toml");
    fs::write(&config, format!("[packages]\nrepository = \"{}\"\n", mirror.path().display())).unwrap();
    let cache = repository.beside("cache");
    let (config, cache) = (config.to_str().unwrap().to_owned(), cache.to_str().unwrap().to_owned());
    let packages = |arguments: &[&str]| {
        Run::of(repository.xtask("pkg", arguments).args(["-c", &config, "--cache", &cache]))
    };
    let image = || repository.image(&["-c", &config, "--package-cache", &cache]);

    repository.write("pkglist", GOOD);
    image().refused(&["pkglist.lock is missing", "hint: run `cargo xtask pkg lock`"]);
    let text = packages(&["lock"]).success();
    assert!(
        text.contains("20 packages, pkglist.lock is written") && text.contains("+ nginx 1.24.0_2,3"),
        "{text}"
    );
    assert!(packages(&["lock"]).success().contains("is up to date"));
    packages(&["lock", "--check"]).success();
    repository.write("pkglist", "bash\n");
    packages(&["lock", "--check"])
        .refused(&["pkglist.lock is out of date: pkglist or the repository has changed"]);
    repository.write("pkglist", GOOD);
    image().refused(&["bash 5.2.15 and 19 more are missing from the package cache", "cargo xtask pkg fetch"]);
    assert!(packages(&["fetch"]).success().contains("20 of 20 packages fetched"));
    assert!(packages(&["list"]).success().contains("20 packages: "));
    assert_eq!(packages(&["why", "ncurses"]).success(), "pkglist -> bash -> readline -> ncurses\n");
    packages(&["why", "emacs"]).refused(&["no package `emacs` is locked"]);

    fs::remove_dir_all(mirror.path()).unwrap();
    let text = image().success();
    assert!(
        text.contains("20 packages, ") && text.contains("`mpd5`: its post-install script is not run"),
        "{text}"
    );
    let spec = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let lines: BTreeMap<&str, &str> = spec.lines().filter_map(|line| line.split_once(' ')).collect();
    for (path, parts) in [
        ("./usr/local/sbin/nginx", &["uid=0 gid=0 mode=0555", "nlink=2"][..]),
        ("./usr/local/libexec/guard", &["mode=4555 flags=schg"]),
        ("./usr/local/etc", &["link=../../etc/local"]),
        ("./etc/local/rc.d/nginx", &["mode=0555"]),
        ("./etc/local/nginx/nginx.conf", &["gid=80 mode=0640"]),
        ("./conf/base/var/log/nginx", &["uid=80 gid=80 mode=0750"]),
        ("./conf/base/var/db/pkg/local.sqlite", &["type=file uid=0 gid=0"]),
    ] {
        let line = lines.get(path).unwrap_or_else(|| panic!("{path} is not in the image"));
        assert!(parts.iter().all(|part| line.contains(part)), "{path} {line}");
    }
    readers::agree(&toolchain, &repository);
    assert!(image().success().contains("is up to date"));

    repository.write("pkglist", "bash\nnginx\n");
    image().refused(&[
        "pkglist has changed since pkglist.lock was written",
        "added `nginx`",
        "cargo xtask pkg lock",
    ]);
    repository.write("pkglist", "bash\nno package\n");
    image().refused(&["pkglist, line 2: `no package` is not the name or origin of a package"]);
}
