//! What cannot be written is refused with a helpful message.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ufs::{Content, Error, Kind, Memory, Meta, Params, Plan, Sink, Tree};

use crate::bytes::noise;

const SIZE: u64 = 4 << 20;

fn tree() -> Tree {
    Tree::new(Meta::new(0o755))
}

fn file(bytes: Vec<u8>) -> Kind {
    Kind::File(Content::Bytes(Arc::from(bytes)))
}

fn plan_error(tree: &Tree, params: &Params) -> Error {
    Plan::new(tree, params).expect_err("a plan")
}

#[test]
fn bad_names_are_refused() {
    let mut tree = tree();
    let root = tree.root();
    let long = [b'x'; 256];
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b", &long] {
        let error = tree.add(root, name, Meta::new(0o644), Kind::Fifo).expect_err("a node");
        assert!(matches!(error, Error::Name { .. }), "{error}");
        let error = tree.link(root, name, root).expect_err("a link");
        assert!(matches!(error, Error::Name { .. }), "{error}");
    }
    let node = tree.add(root, &long[..255], Meta::new(0o644), Kind::Fifo).unwrap();
    let error = tree.add(root, &long[..255], Meta::new(0o644), Kind::Fifo).expect_err("a node");
    assert!(error.to_string().contains("already taken"), "{error}");
    let error = tree.add(node, b"child", Meta::new(0o644), Kind::Fifo).expect_err("a node");
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
    let error = tree.link(root, b"again", root).expect_err("a link");
    assert!(matches!(error, Error::LinkToDirectory { .. }), "{error}");
}

#[test]
fn attributes_that_would_need_fsck_are_refused() {
    let mut tree = tree();
    let root = tree.root();
    let snapshot = Meta { flags: 0x20_0000, ..Meta::new(0o644) };
    let cases = [
        (Meta::new(0o10644), Kind::Fifo, "outside 7777"),
        (snapshot, Kind::Fifo, "SF_SNAPSHOT"),
        (Meta::new(0o644), Kind::Symlink(Vec::new()), "1 to 1023 bytes"),
        (Meta::new(0o644), Kind::Symlink(vec![b'a'; 1024]), "1 to 1023 bytes"),
        (Meta::new(0o644), Kind::Symlink(b"a\0b".to_vec()), "NUL"),
        (Meta::new(0o644), Kind::CharDevice(u64::MAX), "no device"),
    ];
    for (meta, kind, words) in cases {
        let error = tree.add(root, b"x", meta, kind).expect_err("a node");
        assert!(error.to_string().starts_with("adding /x: ") && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn bad_parameters_are_refused() {
    let good = Params::new(SIZE);
    let cases = [
        Params { block_size: 2048, ..good.clone() },
        Params { block_size: 131_072, ..good.clone() },
        Params { block_size: 5000, ..good.clone() },
        Params { fragment_size: 256, ..good.clone() },
        Params { block_size: 8192, ..good.clone() },
        Params { fragment_size: 8192, ..good.clone() },
        Params { size: SIZE + 1, ..good.clone() },
        Params { size: 0, ..good.clone() },
        Params { size: 65536, ..good.clone() },
        Params { size: u64::MAX - 511, ..good.clone() },
        Params { bytes_per_inode: 0, ..good.clone() },
        Params { bytes_per_inode: u32::MAX, ..good.clone() },
        Params { min_free: 100, ..good.clone() },
        Params { label: Some(String::new()), ..good.clone() },
        Params { label: Some("a b".to_owned()), ..good.clone() },
        Params { label: Some("x".repeat(32)), ..good.clone() },
    ];
    for params in cases {
        let error = plan_error(&tree(), &params);
        assert!(matches!(error, Error::Params { .. }), "{params:?}: {error}");
        assert!(error.to_string().starts_with("checking parameters: "), "{error}");
    }
}

#[test]
fn a_tree_that_is_too_large_is_refused_with_the_minimum_size_that_holds_it() {
    let mut tree = tree();
    tree.add(tree.root(), b"big", Meta::new(0o644), file(noise(1, 10 << 20))).unwrap();
    let error = plan_error(&tree, &Params::new(SIZE));
    let Error::TooSmall { size, missing, minimum } = error else { panic!("{error}") };
    assert_eq!((size, size + missing), (SIZE, minimum));
    assert!(Plan::new(&tree, &Params::new(minimum)).is_ok());
    assert!(Plan::new(&tree, &Params::new(minimum - 4096)).is_err());
    assert!(minimum < 12 << 20);
}

#[test]
fn too_many_inodes_are_refused_with_their_number() {
    let mut tree = tree();
    for number in 0..2000 {
        let name = format!("{number}");
        tree.add(tree.root(), name.as_bytes(), Meta::new(0o644), file(Vec::new())).unwrap();
    }
    let error = plan_error(&tree, &Params::new(SIZE));
    let Error::TooFewInodes { needed: 2001, available, missing, minimum, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(available + missing, 2001);
    assert!(Plan::new(&tree, &Params::new(minimum)).is_ok());
    assert!(Plan::new(&tree, &Params { bytes_per_inode: 1024, ..Params::new(SIZE) }).is_ok());
}

#[test]
fn more_links_than_ufs_counts_are_refused() {
    let mut tree = tree();
    let root = tree.root();
    let node = tree.add(root, b"file", Meta::new(0o644), file(Vec::new())).unwrap();
    for number in 1..32767 {
        tree.link(root, format!("{number}").as_bytes(), node).unwrap();
    }
    assert!(Plan::new(&tree, &Params::new(SIZE)).is_ok());
    tree.link(root, b"one more", node).unwrap();
    let error = plan_error(&tree, &Params::new(SIZE));
    assert!(matches!(error, Error::TooManyLinks { links: 32768, limit: 32767, .. }), "{error}");
}

#[test]
fn a_host_file_that_changes_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, noise(1, 5000)).unwrap();
    let mut tree = tree();
    let kind = Kind::File(Content::Host { path: path.clone(), size: 5000 });
    tree.add(tree.root(), b"file", Meta::new(0o644), kind).unwrap();
    let plan = Plan::new(&tree, &Params::new(SIZE)).unwrap();
    for size in [4999, 5001, 0] {
        std::fs::write(&path, noise(1, size)).unwrap();
        let error = plan.write(&Memory::new(SIZE as usize)).expect_err("a changed file");
        let Error::SizeChanged { path: shown, planned: 5000, found } = error else { panic!("{error}") };
        assert_eq!((shown, found), (path.clone(), size as u64));
    }
    std::fs::remove_file(&path).unwrap();
    let error = plan.write(&Memory::new(SIZE as usize)).expect_err("a missing file");
    assert_eq!(error.to_string(), format!("reading {}", path.display()));
    assert!(
        std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("No such file"))
    );
}

#[test]
fn data_written_into_a_planned_hole_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut bytes = noise(1, 2 << 20);
    bytes[..1 << 20].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let mut tree = tree();
    let kind = Kind::File(Content::Host { path: path.clone(), size: 2 << 20 });
    tree.add(tree.root(), b"file", Meta::new(0o644), kind).unwrap();
    let plan = Plan::new(&tree, &Params::new(SIZE)).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"alive", 4096).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let error = plan.write(&Memory::new(SIZE as usize)).expect_err("a changed file");
    assert!(matches!(error, Error::Modified { .. }), "{error}");
}

#[test]
fn a_missing_host_file_is_named() {
    let mut tree = tree();
    let kind = Kind::File(Content::Host { path: PathBuf::from("/no/such/file"), size: 2 << 20 });
    tree.add(tree.root(), b"file", Meta::new(0o644), kind).unwrap();
    let error = plan_error(&tree, &Params::new(SIZE));
    assert_eq!(error.to_string(), "reading /no/such/file");
    assert!(
        std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("No such file"))
    );
}

struct Full;

impl Sink for Full {
    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_sink_that_refuses_ends_the_write() {
    let plan = Plan::new(&tree(), &Params::new(SIZE)).unwrap();
    let error = plan.write(&Full).expect_err("a full sink");
    assert!(matches!(error, Error::Write { .. }), "{error}");
}
