//! Sets made of the miniature world's content, whole and spoilt.

use std::fs;
use std::io::Write;

use insta::assert_snapshot;
use liblzma::write::XzEncoder;
use rootfs::tree::{Attributes, Content, EntryKind, Kind, Principal, Tree, TreePath};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::world::miniature::hierarchy;

/// An archive on its way.
struct Archive(Builder<XzEncoder<Vec<u8>>>);

impl Archive {
    fn new() -> Self {
        Self(Builder::new(XzEncoder::new(Vec::new(), 0)))
    }

    /// A member of the type `kind`; `content` is a link's target.
    fn add(mut self, kind: EntryType, name: &str, attributes: &Attributes, content: &[u8]) -> Self {
        if attributes.flags != 0 {
            let names = rootfs::flags::names(attributes.flags);
            self.0.append_pax_extensions([("SCHILY.fflags", names.as_bytes())]).unwrap();
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode.into());
        let owner = |principal: &Principal| match principal {
            Principal::Name(name) => (name.clone(), 4711),
            Principal::Id(id) => (String::new(), u64::from(*id)),
        };
        let ((user, uid), (group, gid)) = (owner(&attributes.user), owner(&attributes.group));
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_username(&user).unwrap();
        header.set_groupname(&group).unwrap();
        let is_link = kind.is_symlink() || kind.is_hard_link();
        if is_link {
            header.set_link_name_literal(content).unwrap();
        }
        let content = if is_link { &[] } else { content };
        header.set_size(content.len() as u64);
        // Not `set_path`, which refuses what a test needs.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.add(EntryType::Regular, name, &Attributes::root(0o644), content)
    }

    fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap().finish().unwrap()
    }
}

/// base.txz of the miniature world, with what any world has besides.
fn base() -> Archive {
    let mut archive = Archive::new();
    for entry in hierarchy::layer().unwrap().entries {
        let name = format!("./{}", entry.path.as_str());
        archive = match entry.kind {
            EntryKind::Directory => archive.add(EntryType::Directory, &name, &entry.attributes, &[]),
            EntryKind::File(Content::Bytes(bytes)) => {
                archive.add(EntryType::Regular, &name, &entry.attributes, &bytes)
            }
            other => panic!("the miniature world has {other:?}"),
        };
    }
    archive
        .file("./bin/freebsd-version", b"#!/bin/sh\nUSERLAND_VERSION=\"13.2-RELEASE\"\n")
        .file("./boot/boot", &[0; 8192])
        .file("./boot/mbr", &[0; 512])
}

fn kernel(name: &str) -> Archive {
    let text = format!("\x7fELF\0@(#)FreeBSD 13.2-RELEASE releng/13.2-n254617-525ecfdad597 {name}\0");
    Archive::new().file("./boot/kernel/kernel", text.as_bytes())
}

/// A directory of sets, and a cache beside it.
struct SetsDirectory(tempfile::TempDir);

impl SetsDirectory {
    fn of(sets: &[(&str, Vec<u8>)]) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        let mut manifest = String::new();
        for (name, bytes) in sets {
            fs::write(directory.0.path().join(name), bytes).unwrap();
            let sum = hex::encode(Sha256::digest(bytes));
            manifest += &format!("{name}\t{sum}\t7\tset\t\"A set\"\ton\n");
        }
        fs::write(directory.0.path().join("MANIFEST"), manifest).unwrap();
        directory
    }

    fn open(&self) -> Result<World> {
        self.open_for(&product())
    }

    fn open_for(&self, product: &Product) -> Result<World> {
        let dir = self.0.path();
        let reporter = &Reporter::new(-2);
        let sets = Sets { dir, manifest: Manifest::read(dir)?, cache: dir.join("cache"), reporter };
        sets.world(product, &Toolchain::default())
    }

    fn refused(&self) -> String {
        format!("{:#}", self.open().unwrap_err()).replace(&self.0.path().display().to_string(), "DIR")
    }
}

fn product() -> Product {
    Product::load(&crate::workspace::root(), &[]).unwrap()
}

fn at(path: &str) -> TreePath {
    TreePath::parse(path).unwrap()
}

#[test]
fn a_product_without_a_kernel_needs_none_among_the_sets() {
    let directory = SetsDirectory::of(&[("base.txz", base().finish())]);
    assert_snapshot!(directory.refused(), @r"
    opening the sets in DIR: there is no kernel
    hint: put src.txz there to build `ALIX` from, or kernel.txz
    ");
    let mut product = product();
    product.kernel.config = None;
    let world = directory.open_for(&product).unwrap();
    assert_eq!((world.kernel, world.layers.len()), (None, 1));
    let both = SetsDirectory::of(&[("base.txz", base().finish()), ("kernel.txz", kernel("ALIX").finish())]);
    assert_eq!(both.open_for(&product).unwrap().layers.len(), 1);
}

#[test]
fn owners_modes_flags_and_links_are_the_archive_s() {
    let special = Attributes {
        user: "uucp".into(),
        group: Principal::Id(66),
        mode: 0o4555,
        flags: rootfs::flags::parse("schg,uarch").unwrap(),
    };
    let base = base()
        .add(EntryType::Regular, "./usr/bin/cu", &special, b"cu")
        .add(EntryType::Directory, "./boot", &Attributes::root(0o750), &[])
        .add(EntryType::Link, "./usr/bin/a name", &Attributes::root(0o644), b"./usr/bin/cu")
        .add(EntryType::Symlink, "./usr/bin/tip", &Attributes::root(0o755), b"../../some where")
        .finish();
    let directory = SetsDirectory::of(&[("base.txz", base), ("kernel.txz", kernel("ALIX").finish())]);
    let world = directory.open().unwrap();
    assert_eq!(
        (world.kind, &*world.version, world.kernel.as_deref()),
        ("sets", "13.2-RELEASE", Some("ALIX"))
    );
    let unlisted =
        ["/boot", "/boot/kernel"].map(|path| format!("{path} is not in METALOG: taken as root:wheel"));
    assert_eq!(world.notes, unlisted, "what kernel.txz does not name");
    assert_eq!(world.sysroot, None);
    let identity = world.identity;
    let tree = Tree::merge(world.layers).unwrap();
    let cu = tree.get(&at("usr/bin/cu")).unwrap();
    assert_eq!(cu.attributes, special);
    assert_eq!(tree.id(&at("usr/bin/cu")), tree.id(&at("usr/bin/a name")));
    let tip = &tree.get(&at("usr/bin/tip")).unwrap().kind;
    assert!(matches!(tip, Kind::Symlink(target) if target == "../../some where"), "{tip:?}");

    let miniature = Tree::merge(vec![hierarchy::layer().unwrap()]).unwrap();
    assert_eq!(tree.get(&at("boot")).unwrap().attributes.mode, 0o750, "the base set's word for it");
    for (path, id) in miniature.names().filter(|(path, _)| **path != at("boot")) {
        let (wanted, found) = (miniature.inode(id), tree.get(path).unwrap());
        assert_eq!(found.attributes, wanted.attributes, "{path}");
        if matches!(wanted.kind, Kind::File(_)) {
            assert_eq!(tree.read_text(path).unwrap(), miniature.read_text(path).unwrap(), "{path}");
        }
    }

    // Once unpacked, the archive is only checked.
    assert_eq!(directory.open().unwrap().identity, identity);
    assert_eq!(fs::read_dir(directory.0.path().join("cache")).unwrap().count(), 2);
}

#[test]
fn without_source_the_kernel_of_the_release_serves() {
    let directory =
        SetsDirectory::of(&[("base.txz", base().finish()), ("kernel.txz", kernel("GENERIC").finish())]);
    assert_eq!(directory.open().unwrap().kernel.as_deref(), Some("GENERIC"));
}

#[test]
fn the_kernels_directory_is_of_the_kernel_whichever_set_lists_it() {
    let layers = |base: Archive, kernel: Archive| {
        let directory = SetsDirectory::of(&[("base.txz", base.finish()), ("kernel.txz", kernel.finish())]);
        let tree = Tree::merge(directory.open().unwrap().layers).unwrap();
        let directory = tree.get(&at("boot/kernel")).unwrap();
        let paths: Vec<_> = tree.names().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths.iter().filter(|path| *path == "/boot/kernel").count(), 1);
        (tree.layer_name(directory.layer).to_owned(), directory.attributes.mode)
    };
    let listed = |archive: Archive, mode| {
        archive.add(EntryType::Directory, "./boot/kernel", &Attributes::root(mode), &[])
    };
    let of_kernel = |mode| ("kernel".to_owned(), mode);
    assert_eq!(layers(listed(base(), 0o750), kernel("ALIX")), of_kernel(0o750));
    assert_eq!(layers(base(), listed(kernel("ALIX"), 0o700)), of_kernel(0o700));
    assert_eq!(layers(listed(base(), 0o750), listed(kernel("ALIX"), 0o700)), of_kernel(0o700));
}

#[test]
fn a_set_that_lacks_or_is_another_is_told() {
    let whole = || vec![("base.txz", base().finish()), ("kernel.txz", kernel("ALIX").finish())];
    let spoilt = |spoil: &dyn Fn(&Path)| {
        let directory = SetsDirectory::of(&whole());
        spoil(directory.0.path());
        directory.refused()
    };
    let no_manifest = spoilt(&|dir| fs::remove_file(dir.join("MANIFEST")).unwrap());
    assert_snapshot!(no_manifest, @r"
    opening the sets in DIR: there is no MANIFEST with their checksums
    hint: fetch it from where the sets are from
    ");
    let no_base = spoilt(&|dir| fs::remove_file(dir.join("base.txz")).unwrap());
    assert_snapshot!(no_base, @r"
    opening the sets in DIR: there is no base.txz
    hint: fetch it from where MANIFEST is from
    ");
    let no_kernel = spoilt(&|dir| fs::remove_file(dir.join("kernel.txz")).unwrap());
    assert_snapshot!(no_kernel, @r"
    opening the sets in DIR: there is no kernel
    hint: put src.txz there to build `ALIX` from, or kernel.txz
    ");
    let bad_line = spoilt(&|dir| fs::write(dir.join("MANIFEST"), "base.txz 12ab\n").unwrap());
    assert_snapshot!(bad_line, @"reading DIR/MANIFEST, line 1: `base.txz 12ab` is not a file and its SHA-256 with a tab between");
    let unlisted = spoilt(&|dir| {
        let text = fs::read_to_string(dir.join("MANIFEST")).unwrap();
        fs::write(dir.join("MANIFEST"), text.lines().next_back().unwrap()).unwrap();
    });
    assert_snapshot!(unlisted, @r"
    looking for the checksum of base.txz: DIR/MANIFEST does not list it, only: kernel.txz
    hint: take both from one release
    ");
    let changed = spoilt(&|dir| {
        fs::write(dir.join("base.txz"), "x").unwrap();
        let sum = "0".repeat(64);
        fs::write(dir.join("MANIFEST"), format!("base.txz\t{sum}\n")).unwrap();
    });
    assert_snapshot!(changed, @r"
    checking DIR/base.txz: its SHA-256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, and DIR/MANIFEST has 0000000000000000000000000000000000000000000000000000000000000000
    hint: fetch it again
    ");
}

#[test]
fn a_damaged_or_hostile_archive_leaves_nothing_behind() {
    let refused = |base: Vec<u8>| {
        let directory = SetsDirectory::of(&[("base.txz", base)]);
        let said = directory.refused();
        assert_eq!(fs::read_dir(directory.0.path().join("cache")).unwrap().count(), 0);
        said
    };
    let root = Attributes::root(0o755);
    let whole = base().finish();
    assert_snapshot!(refused(whole[..whole.len() / 2].to_vec()), @"unpacking DIR/base.txz: ./etc/gettytab: reading the archive: it is damaged: premature eof");
    assert_snapshot!(refused(base().file("./../etc/passwd", b"x").finish()), @"unpacking DIR/base.txz: ./../etc/passwd: path `./../etc/passwd` contains `..`: paths in an image start at its root");
    let link = base().add(EntryType::Symlink, "./way", &root, b"/tmp").file("./way/out", b"x");
    assert_snapshot!(refused(link.finish()), @"unpacking DIR/base.txz: ./way/out: it lies below /way, which is no directory");
    let hard = base().add(EntryType::Link, "./shadow", &root, b"/etc/shadow");
    assert_snapshot!(refused(hard.finish()), @"unpacking DIR/base.txz: ./shadow: it is a hard link to /etc/shadow, which is no file of the set before it");
    let over = base().file("./etc/group", b"x");
    assert_snapshot!(refused(over.finish()), @"unpacking DIR/base.txz: ./etc/group: it is in the archive twice");
    let device = base().add(EntryType::Char, "./dev/null", &root, b"");
    assert_snapshot!(refused(device.finish()), @"unpacking DIR/base.txz: ./dev/null: it is neither file, directory nor link, but of the tar type Char");
    let mut flags = Archive::new();
    flags.0.append_pax_extensions([("SCHILY.fflags", &b"shiny"[..])]).unwrap();
    assert_snapshot!(refused(flags.file("./bin/sh", b"x").finish()), @"unpacking DIR/base.txz: ./bin/sh: unknown file flag `shiny`; chflags(1) has schg, sunlnk, uchg, nodump, ...");
    assert_snapshot!(refused(Archive::new().finish()), @"unpacking DIR/base.txz: the archive holds nothing");
    let mut plain = XzEncoder::new(Vec::new(), 0);
    plain.write_all(&[b'x'; 2000]).unwrap();
    assert_snapshot!(refused(plain.finish().unwrap()), @"unpacking DIR/base.txz: reading the archive: it is damaged: numeric field was not a number: xxxxxxxx when getting cksum for xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}
