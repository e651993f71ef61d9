//! Measures how long it takes to write the file system of a NanoBSD world: 2,250 files, 90 MB in
//! total, in a file system of 200 MB. The files are in the page cache. For comparison, the same
//! number of bytes is written to a plain file.
//!
//! Run with `cargo bench -p ufs`. The files are created in `$TMPDIR`.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ufs::{Content, Kind, Memory, Meta, Params, Plan, Tree};

const FILES: usize = 2250;
const BYTES: u64 = 90 << 20;
const SIZE: u64 = 200 << 20;
const ROUNDS: usize = 9;

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tree = world(directory.path());
    let params = Params::new(SIZE);
    let image = directory.path().join("image");

    let plan = fastest(|| {
        black_box(Plan::new(&tree, &params).expect("a plan"));
    });
    let planned = Plan::new(&tree, &params).expect("a plan");
    let used = planned.usage().bytes_used;
    let write = fastest(|| planned.write(&fresh(&image)).expect("a write"));
    let raw = fastest(|| {
        let (out, buffer) = (fresh(&image), vec![7; 512 << 10]);
        for offset in (0..used).step_by(buffer.len()) {
            out.write_all_at(&buffer, offset).expect("a write");
        }
    });
    let memory = fastest(|| planned.write(&Memory::new(SIZE as usize)).expect("a write"));

    let rate = |time: Duration| used as f64 / 1e6 / time.as_secs_f64();
    println!("{FILES} files, {used} bytes in use, {} threads", rayon::current_num_threads());
    println!("plan             {plan:>10.1?}");
    println!("write            {write:>10.1?}  {:6.0} MB/s", rate(write));
    println!("write to memory  {memory:>10.1?}  {:6.0} MB/s", rate(memory));
    println!("bytes only       {raw:>10.1?}  {:6.0} MB/s", rate(raw));
    println!("ratio            {:>10.2}", (plan + write).as_secs_f64() / raw.as_secs_f64());
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn fresh(image: &Path) -> File {
    let _ = fs::remove_file(image);
    let out = File::create(image).expect("an image");
    out.set_len(SIZE).expect("a size");
    out
}

/// Returns a tree with many small and few large files, as in a world.
fn world(directory: &Path) -> Tree {
    let weights: Vec<u64> =
        (0..FILES as u64).map(|file| 1 + (file * 7919 % 1009).pow(4) / 1_000_000).collect();
    let total: u64 = weights.iter().sum();
    let mut tree = Tree::new(Meta::new(0o755));
    let mut parent = tree.root();
    for (file, weight) in weights.into_iter().enumerate() {
        if file % 25 == 0 {
            let name = format!("directory{file}");
            parent = tree
                .add(tree.root(), name.as_bytes(), Meta::new(0o755), Kind::Directory)
                .expect("a directory");
        }
        let size = BYTES * weight / total;
        let path = directory.join(format!("file{file}"));
        let bytes: Vec<u8> = (0..size).map(|byte| (byte * 31 + byte / 255) as u8 | 1).collect();
        fs::write(&path, bytes).expect("a file");
        let kind = Kind::File(Content::Host { path, size });
        tree.add(parent, format!("file{file}").as_bytes(), Meta::new(0o644), kind).expect("a node");
    }
    tree
}
