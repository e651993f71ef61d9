//! Files of all sizes at which their layout changes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use ufs::{Content, Kind, Meta, Params, Plan, Reader};

use crate::bytes::noise;
use crate::sample::{SIZES, Sample, params};
use crate::{checker, tools};

#[test]
fn files_around_every_boundary_read_back() {
    for (block, fragment) in SIZES {
        let mut sample = Sample::new();
        let root = sample.root();
        let (block_bytes, fragment_bytes) = (block as usize, fragment as usize);
        let mut edges = vec![512, fragment_bytes, 3 * fragment_bytes, block_bytes, 3 * block_bytes];
        edges.extend([11, 12, 13].map(|blocks| blocks * block_bytes));
        if block == 4096 {
            // The last block of the single indirect block, and the first of the double indirect block.
            edges.extend([12 + 511, 12 + 512, 12 + 513, 12 + 2 * 512].map(|blocks| blocks * block_bytes));
        }
        let around = |edge: usize| [edge - 1, edge, edge + 1, edge + fragment_bytes];
        let sizes: BTreeSet<usize> = edges.into_iter().flat_map(around).collect();
        for size in sizes {
            sample.file(root, &format!("{size}"), noise(size as u64, size));
        }
        sample.verify(&params(96 << 20, (block, fragment)));
    }
}

#[test]
fn a_file_that_reaches_into_the_third_level_keeps_its_bytes_and_its_holes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("huge");
    let file = File::create(&path).unwrap();
    let third = 4096 * (12 + 512 + 512 * 512);
    let size = third + 3 * 4096 * 512 + 5;
    file.set_len(size).unwrap();
    for (number, offset) in [0, 5 << 20, 1 << 30, third - 4096, third, size - 4100].into_iter().enumerate() {
        file.write_all_at(&noise(number as u64, 4099), offset).unwrap();
    }
    let mut sample = Sample::new();
    let root = sample.root();
    let kind = Kind::File(Content::Host { path: path.clone(), size });
    sample.add(root, b"huge", Meta::new(0o644), kind);
    let image = sample.verify(&params(8 << 20, (4096, 512)));
    let reader = Reader::open(image.as_file()).unwrap();
    let stat = reader.lookup(b"/huge").unwrap();
    assert!(stat.sectors * 512 < 1 << 20, "{} bytes are allocated", stat.sectors * 512);
    // Read from the middle of a hole.
    let mut bytes = vec![1; 100];
    assert_eq!(reader.read_at(stat.ino, third - 10_000, &mut bytes).unwrap(), 100);
    assert_eq!(bytes, vec![0; 100]);
}

#[test]
fn a_file_of_300_mb_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    let mut file = File::create(&path).unwrap();
    for seed in 0..300 {
        file.write_all(&noise(seed, 1_000_003)).unwrap();
    }
    let size = file.metadata().unwrap().len();
    for sizes in [(4096, 512), (32768, 4096)] {
        let mut sample = Sample::new();
        let root = sample.root();
        let kind = Kind::File(Content::Host { path: path.clone(), size });
        sample.add(root, b"large", Meta::new(0o644), kind);
        let part = Kind::File(Content::Part { path: path.clone(), offset: 77_777, size: 99_999 });
        sample.add(root, b"part", Meta::new(0o644), part);
        sample.verify(&params(340 << 20, sizes));
    }
}

#[test]
fn zeros_take_no_space_in_files_above_the_threshold() {
    let mut sample = Sample::new();
    let root = sample.root();
    let zeros = |size: usize| Kind::File(Content::Bytes(vec![0; size].into()));
    sample.add(root, b"large", Meta::new(0o644), zeros(10 << 20));
    sample.add(root, b"loader", Meta::new(0o644), zeros((1 << 20) - 1));
    let mut mixed = noise(1, 3 << 20);
    mixed[1 << 20..2 << 20].fill(0);
    sample.file(root, "mixed", mixed);
    let image = sample.verify(&params(16 << 20, (4096, 512)));
    let reader = Reader::open(image.as_file()).unwrap();
    let allocated = |path: &[u8]| reader.lookup(path).unwrap().sectors * 512;
    assert!(allocated(b"/large") <= 4 * 4096);
    assert!(allocated(b"/loader") >= 1 << 20);
    assert!((2 << 20..(2 << 20) + 65536).contains(&allocated(b"/mixed")));
}

#[test]
fn the_last_fragment_can_be_used() {
    for (block_size, fragment_size) in SIZES {
        let params = Params { block_size, fragment_size, ..Params::new(16 << 20) };
        let empty = Plan::new(&Sample::new().tree, &params).unwrap().usage();
        let mut sample = Sample::new();
        let root = sample.root();
        // As many files as there are free blocks; the minimum size leaves hardly any space.
        let blocks = empty.blocks_free;
        for number in 0..blocks {
            sample.file(root, &format!("a{number:06}"), noise(number, block_size as usize));
        }
        let mut params = Params { bytes_per_inode: 2048, ..params };
        params.size = ufs::minimum_size(&sample.tree, &params).unwrap();
        let image = sample.write(&params);
        checker::check(image.as_file());
        tools::fsck(image.path());
        let usage = Plan::new(&sample.tree, &params).unwrap().usage();
        assert!(usage.blocks_free < 64, "{} of {} are free at the minimum size", usage.blocks_free, blocks);
    }
}
