//! The same tree and parameters are the same bytes.

use std::sync::Arc;

use ufs::{Content, Kind, Memory, Meta, Params, Plan, Tree};

use crate::bytes::noise;
use crate::roundtrip::everything;

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
