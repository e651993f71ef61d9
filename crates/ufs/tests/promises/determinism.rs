//! The same tree and parameters give the same bytes.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use ufs::{Content, Kind, Memory, Meta, Params, Plan, Tree};

use crate::bytes::noise;
use crate::roundtrip::everything;
use crate::sample::SIZES;

const SIZE: u64 = 24 << 20;

fn bytes(tree: &Tree, params: &Params, threads: usize) -> Vec<u8> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let memory = Memory::new(params.size as usize);
        Plan::new(tree, params).unwrap().write(&memory).unwrap();
        memory.into_bytes()
    })
}

fn many(order: &[usize]) -> Tree {
    let mut tree = Tree::new(Meta::new(0o755));
    for &number in order {
        let top = format!("d{}", number % 7);
        let parent = match tree.child(tree.root(), top.as_bytes()) {
            Some(parent) => parent,
            None => tree.add(tree.root(), top.as_bytes(), Meta::new(0o755), Kind::Directory).unwrap(),
        };
        let content = Content::Bytes(Arc::from(noise(number as u64, number * 37)));
        let name = format!("f{number}");
        tree.add(parent, name.as_bytes(), Meta::new(0o644), Kind::File(content)).unwrap();
    }
    tree
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let tree = everything().tree;
    let params = Params::new(SIZE);
    let one = bytes(&tree, &params, 1);
    for threads in [2, 3, 8] {
        assert!(one == bytes(&tree, &params, threads), "{threads} threads");
    }
}

#[test]
fn the_order_of_insertion_does_not_matter() {
    let forward: Vec<usize> = (0..500).collect();
    let mut shuffled = forward.clone();
    shuffled.sort_by_key(|number| number * 7919 % 503);
    let params = Params::new(SIZE);
    assert!(bytes(&many(&forward), &params, 2) == bytes(&many(&shuffled), &params, 2));
}

#[test]
fn which_name_of_a_hard_link_came_first_does_not_matter() {
    let make = |first: &str, second: &str| {
        let mut tree = Tree::new(Meta::new(0o755));
        let root = tree.root();
        let content = Content::Bytes(Arc::from(&b"x"[..]));
        let node = tree.add(root, first.as_bytes(), Meta::new(0o644), Kind::File(content)).unwrap();
        tree.link(root, second.as_bytes(), node).unwrap();
        bytes(&tree, &Params::new(SIZE), 1)
    };
    assert!(make("a", "b") == make("b", "a"));
}

#[test]
fn where_content_comes_from_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("content");
    let mut content = noise(3, 3_000_000);
    content[1_000_000..2_000_000].fill(0);
    std::fs::write(&path, [&content[..], &content[..]].concat()).unwrap();
    let whole = directory.path().join("whole");
    std::fs::write(&whole, &content).unwrap();
    let size = content.len() as u64;
    let image = |content: Content| {
        let mut tree = Tree::new(Meta::new(0o755));
        tree.add(tree.root(), b"file", Meta::new(0o644), Kind::File(content)).unwrap();
        bytes(&tree, &Params::new(SIZE), 2)
    };
    let memory = image(Content::Bytes(content.into()));
    assert!(memory == image(Content::Host { path: whole, size }));
    assert!(memory == image(Content::Part { path, offset: size, size }));
}

#[test]
fn attributes_and_paths_decide_the_identity_of_a_file_system() {
    let id = |params: &Params, mode: u16| {
        let image = bytes(&Tree::new(Meta::new(mode)), params, 1);
        ufs::Reader::open(image).unwrap().superblock().id
    };
    let params = Params::new(SIZE);
    assert_eq!(id(&params, 0o755), id(&params, 0o755));
    assert_ne!(id(&params, 0o755), id(&params, 0o700));
    assert_ne!(id(&params, 0o755), id(&Params { time: 1, ..params.clone() }, 0o755));
}

/// The id of a file system is a digest of attributes and paths, so this also pins how they are
/// hashed.
#[test]
fn the_bytes_of_a_tree_are_those_of_earlier_versions() {
    let tree = everything().tree;
    for ((block_size, fragment_size), expected) in SIZES.into_iter().zip([
        "9005d9a3e00fbbc1ecdd8ce95b119dca890dd29efeb67fde22c62c5c3efbdfc1",
        "8c0e1539396c1b2fab0422ba2d9939fca98ad26d36164622527704b88e335353",
        "7c4acf9d84ff88c57d8bc822cd889b75906429e1d0f5f14685cba187dd4e69d2",
        "6b856f5d3d1ec1570d3ecc5b841dba31c4a14d0179bddb9bcfbfa37bb171e6ad",
        "1aa1492b81a63e5a8afe443e543e07c034e282934c838cae04251bb1f270bd1f",
        "183580add93eaf8538a3cecae121ed56237ef1bf0a6a11da438d001cf4bad1a9",
        "944b3ffc2490aed421e46cbd06f0f89002f32aeb42dc23f6d219735f30110741",
    ]) {
        let label = Some("golden".to_owned());
        let params = Params { block_size, fragment_size, label, ..Params::new(SIZE) };
        let digest = Sha256::digest(bytes(&tree, &params, 2));
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected, "blocks of {block_size} bytes, fragments of {fragment_size}");
    }
}
