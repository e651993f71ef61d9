//! Many files, deep paths, and independent readers.

use std::collections::HashMap;

use ufs::{Content, Kind, Meta, Params, Reader};

use crate::bytes::noise;
use crate::sample::{Sample, content_of, params};
use crate::tools;

#[test]
fn ten_thousand_small_files_in_one_directory_and_in_many_read_back() {
    for sizes in [(4096, 512), (32768, 4096)] {
        let mut sample = Sample::new();
        let root = sample.root();
        let one = sample.directory(root, "one");
        for number in 0..10_000u64 {
            sample.file(one, &format!("file-{number}"), noise(number, (number % 700) as usize));
        }
        for top in 0..100 {
            let directory = sample.directory(root, &format!("many{top}"));
            for number in 0..100u64 {
                sample.file(directory, &format!("f{number}"), noise(number, (number * 31) as usize));
            }
        }
        let size = 320 << 20;
        sample.verify(&Params { bytes_per_inode: 4096, ..params(size, sizes) });
    }
}

#[test]
fn a_hundred_names_of_one_file_are_one_inode() {
    for sizes in [(4096, 512), (32768, 4096)] {
        let mut sample = Sample::new();
        let root = sample.root();
        let first = sample.file(root, "name-0", noise(1, 100_000));
        for number in 1..100 {
            let directory =
                sample.directory(root, &format!("directory-{}", number % 10).repeat(1 + number / 10));
            sample.link(directory, format!("name-{number}").as_bytes(), first);
        }
        sample.verify(&params(64 << 20, sizes));
    }
}

#[test]
fn a_path_of_a_thousand_directories_reads_back() {
    let mut sample = Sample::new();
    let mut at = sample.root();
    for depth in 0..1000 {
        at = sample.directory(at, &format!("d{depth}"));
    }
    sample.file(at, "deep", b"down here".to_vec());
    sample.verify(&params(24 << 20, (4096, 512)));
}

/// Returns a tree whose names have no special characters, for tools that print one per line.
fn plain() -> Sample {
    let mut sample = Sample::new();
    let root = sample.root();
    let mut seed = 0;
    for (top, sizes) in [
        ("bin", vec![0, 1, 511, 512, 513, 4096, 4097, 12_000, 49_152, 49_153, 300_000]),
        ("lib", vec![2_146_304, 2_146_305, 5_000_000, 32_768, 32_769, 393_216, 393_217]),
        ("etc", (0..200).map(|number| number * 23).collect()),
    ] {
        let directory = sample.directory(root, top);
        for size in sizes {
            seed += 1;
            sample.file(directory, &format!("file-{size}"), noise(seed, size));
        }
    }
    let mut sparse = noise(99, 4 << 20);
    sparse[512 << 10..3 << 20].fill(0);
    let lib = sample.tree.child(root, b"lib").unwrap();
    sample.file(lib, "sparse", sparse);
    let long = "n".repeat(255);
    sample.file(root, &long, noise(7, 7777));
    sample.add(root, b"link", Meta::new(0o777), Kind::Symlink(b"etc/file-23".to_vec()));
    sample
}

#[test]
fn the_sleuth_kit_reads_every_file() {
    for sizes in [(4096, 512), (32768, 4096)] {
        let sample = plain();
        let image = sample.verify(&params(64 << 20, sizes));
        let Some(listed) = tools::fls(image.path()) else {
            return;
        };
        let inodes: HashMap<Vec<u8>, u32> = listed.into_iter().map(|(ino, path)| (path, ino)).collect();
        for (path, expected) in sample.paths.iter().filter(|(path, _)| path.len() > 1) {
            let ino = inodes[&path[1..]];
            if let Kind::File(content) = &expected.kind {
                let found = tools::icat(image.path(), ino).unwrap();
                assert!(found == content_of(content), "icat of {}", String::from_utf8_lossy(path));
            }
        }
    }
}

#[test]
fn grub_reads_every_file() {
    for sizes in [(4096, 512), (32768, 4096)] {
        let sample = plain();
        let image = sample.verify(&params(64 << 20, sizes));
        let host = tempfile::NamedTempFile::new().unwrap();
        for (path, expected) in &sample.paths {
            let Kind::File(content) = &expected.kind else {
                continue;
            };
            std::fs::write(host.path(), content_of(content)).unwrap();
            let path = std::str::from_utf8(path).unwrap();
            if tools::grub_same(image.path(), path, host.path()).is_none() {
                return;
            }
        }
    }
}

#[test]
fn grub_and_the_sleuth_kit_notice_a_difference() {
    let mut sample = Sample::new();
    let root = sample.root();
    sample.file(root, "file", b"one".to_vec());
    let image = sample.write(&params(8 << 20, (4096, 512)));
    let ino = Reader::open(image.as_file()).unwrap().lookup(b"/file").unwrap().ino;
    if let Some(found) = tools::icat(image.path(), ino) {
        assert_ne!(found, b"two");
    }
    let host = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(host.path(), b"two").unwrap();
    let differs = std::panic::catch_unwind(|| tools::grub_same(image.path(), "/file", host.path()));
    assert!(!matches!(differs, Ok(Some(()))), "grub-fstest cmp does not compare");
}

#[test]
fn consecutive_files_are_written_in_few_large_writes() {
    struct Count(std::sync::Mutex<Vec<(u64, usize)>>);
    impl ufs::Sink for Count {
        fn write_at(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
            self.0.lock().unwrap().push((offset, data.len()));
            Ok(())
        }
    }
    let mut sample = Sample::new();
    let root = sample.root();
    for number in 0..2000u64 {
        let content = Content::Bytes(noise(number, 3000 + (number as usize * 37) % 9000).into());
        sample.add(root, format!("{number}").as_bytes(), Meta::new(0o644), Kind::File(content));
    }
    let params = params(32 << 20, (4096, 512));
    let plan = ufs::Plan::new(&sample.tree, &params).unwrap();
    let count = Count(std::sync::Mutex::default());
    plan.write(&count).unwrap();
    let mut writes = count.0.into_inner().unwrap();
    writes.sort_unstable();
    assert!(
        writes.windows(2).all(|pair| pair[0].0 + pair[0].1 as u64 <= pair[1].0),
        "no byte is written twice"
    );
    assert!(writes.iter().all(|(offset, length)| offset % 512 == 0 && length % 512 == 0));
    let bytes: usize = writes.iter().map(|(_, length)| length).sum();
    assert!(bytes / writes.len() >= 256 << 10, "{bytes} bytes in {} writes", writes.len());
}
