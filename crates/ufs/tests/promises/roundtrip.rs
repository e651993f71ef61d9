//! Every tree reads back as it was written, and FreeBSD would find nothing to repair.

use proptest::prelude::*;
use ufs::{Content, Kind, Meta, NodeId};

use crate::bytes::noise;
use crate::sample::{SIZES, Sample, cases, params};

#[derive(Clone, Debug)]
struct Item {
    parent: prop::sample::Index,
    name: Vec<u8>,
    meta: Meta,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Node(Kind),
    /// Bytes of noise, then zeros, then noise.
    File([usize; 3]),
    Link(prop::sample::Index),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if byte == 0 || byte == b'/' { b'_' } else { byte });
    let length = prop_oneof![4 => 1..20usize, 1 => 200..=255usize, 1 => Just(255usize)];
    length.prop_flat_map(move |length| prop::collection::vec(byte.clone(), length))
}

fn meta() -> impl Strategy<Value = Meta> {
    let flags =
        prop_oneof![3 => Just(0u32), 1 => prop::sample::select(vec![1, 2, 0x2_0000, 0x10_0000, 0x2_0001])];
    (0..=0o7777u16, any::<u32>(), any::<u32>(), flags, prop::option::of(any::<i64>()))
        .prop_map(|(mode, uid, gid, flags, mtime)| Meta { mode, uid, gid, flags, mtime })
}

fn what() -> impl Strategy<Value = What> {
    let size = prop_oneof![
        Just(0usize),
        1..5000usize,
        prop::sample::select(vec![511, 512, 513, 4095, 4096, 4097, 32768, 12 * 4096, 12 * 4096 + 1]),
        1..200_000usize,
    ];
    let zeros = prop_oneof![2 => Just(0usize), 1 => 60_000..300_000usize];
    let target = prop::collection::vec(1..=255u8, 1..=1023);
    prop_oneof![
        3 => Just(What::Node(Kind::Directory)),
        6 => (size.clone(), zeros, size).prop_map(|(head, zeros, tail)| What::File([head, zeros, tail])),
        1 => target.prop_map(|target| What::Node(Kind::Symlink(target))),
        1 => (0..u64::MAX).prop_map(|number| What::Node(Kind::CharDevice(number))),
        1 => (0..u64::MAX).prop_map(|number| What::Node(Kind::BlockDevice(number))),
        1 => Just(What::Node(Kind::Fifo)),
        1 => Just(What::Node(Kind::Socket)),
        2 => any::<prop::sample::Index>().prop_map(What::Link),
    ]
}

fn build(items: Vec<Item>) -> Sample {
    let mut sample = Sample::new();
    let mut directories = vec![sample.root()];
    let mut others: Vec<NodeId> = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        let parent = *item.parent.get(&directories);
        if sample.tree.child(parent, &item.name).is_some() || item.name == b"." || item.name == b".." {
            continue;
        }
        match item.what {
            What::Link(_) if others.is_empty() => {}
            What::Link(index) => sample.link(parent, &item.name, *index.get(&others)),
            What::Node(Kind::Directory) => {
                directories.push(sample.add(parent, &item.name, item.meta, Kind::Directory));
            }
            What::Node(kind) => others.push(sample.add(parent, &item.name, item.meta, kind)),
            What::File([head, zeros, tail]) => {
                let (head, tail) = (noise(number as u64, head), noise(!(number as u64), tail));
                let bytes = [head, vec![0; zeros], tail].concat();
                let kind = Kind::File(Content::Bytes(bytes.into()));
                others.push(sample.add(parent, &item.name, item.meta, kind));
            }
        }
    }
    sample
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(48), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tree_reads_back_and_is_consistent(
        items in prop::collection::vec(
            (any::<prop::sample::Index>(), name(), meta(), what())
                .prop_map(|(parent, name, meta, what)| Item { parent, name, meta, what }),
            0..80,
        ),
        sizes in prop::sample::select(SIZES.to_vec()),
        sparse in prop::sample::select(vec![None, Some(0), Some(1 << 20)]),
        soft_updates in any::<bool>(),
        density in prop::sample::select(vec![2048u32, 8192, 65536]),
        odd in 0..200u64,
    ) {
        let sample = build(items);
        let mut params = params((40 << 20) + odd * u64::from(sizes.1), sizes);
        params.sparse_from = sparse;
        params.soft_updates = soft_updates;
        params.bytes_per_inode = density;
        sample.verify(&params);
        // It also fits into the reported minimum size.
        params.size = ufs::minimum_size(&sample.tree, &params).unwrap();
        sample.verify(&params);
    }
}

#[test]
fn a_tree_of_everything_reads_back() {
    for sizes in SIZES {
        everything().verify(&params(24 << 20, sizes));
    }
}

/// A tree with a node of each kind, and with the lengths at which formats change.
pub fn everything() -> Sample {
    let mut sample = Sample::new();
    let root = sample.root();
    let etc = sample.directory(root, "etc");
    let motd = sample.file(etc, "motd", b"hello\n".to_vec());
    for number in 0..99 {
        sample.link(root, format!("motd{number}").as_bytes(), motd);
    }
    for length in [1, 59, 60, 118, 119, 120, 121, 511, 512, 1023] {
        let kind = Kind::Symlink(noise(length as u64, length));
        sample.add(etc, format!("link{length}").as_bytes(), Meta::new(0o777), kind);
    }
    let dev = sample.directory(root, "dev");
    sample.add(dev, b"null", Meta::new(0o666), Kind::CharDevice(0x0d));
    sample.add(dev, b"ada0", Meta { gid: 5, ..Meta::new(0o640) }, Kind::BlockDevice(0x1_0000_0001));
    sample.add(dev, b"zero", Meta::new(0o666), Kind::CharDevice(0));
    sample.add(dev, b"fifo", Meta::new(0o600), Kind::Fifo);
    sample.add(dev, b"log", Meta::new(0o666), Kind::Socket);
    let flagged = Meta { flags: 0x2_0000, mode: 0o4555, mtime: Some(-1), ..Meta::new(0) };
    let su = Kind::File(Content::Bytes(noise(1, 17_000).into()));
    sample.add(root, b"su", flagged, su);
    sample.file(root, "empty", Vec::new());
    sample.directory(root, "nothing");
    sample
}
