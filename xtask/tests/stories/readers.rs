//! Readers that share nothing with our writer read every file of an image back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use bsd_disk::disklabel::BOOT_AREA;
use builder::toolchain::{Group, Toolchain};
use rootfs::vis;
use sha2::{Digest, Sha256};

use crate::repository::Repository;
use crate::tools;

#[test]
fn two_independent_readers_agree_with_the_specification_for_4096_512() {
    both_readers_agree(4096, 512);
}

#[test]
fn two_independent_readers_agree_with_the_specification_for_32768_4096() {
    both_readers_agree(32768, 4096);
}

fn both_readers_agree(block: u32, fragment: u32) {
    let Some(toolchain) = tools::find(&[Group::Test]) else { return };
    let Some(repository) = Repository::new() else { return };
    let config = repository.beside("blocks.toml");
    fs::write(&config, format!("[filesystem]\nblock = {block}\nfragment = {fragment}\n")).unwrap();
    repository.image(&["-c", config.to_str().unwrap()]).success();
    agree(&toolchain, &repository);
}

/// Reads every file of the latest slot image with both readers, and compares it with the specification.
pub fn agree(toolchain: &Toolchain, repository: &Repository) {
    let filesystem = repository.beside("slot.ufs");
    cut_out_filesystem(&repository.latest(".slot.img"), &filesystem);
    let expected = digests(&fs::read_to_string(repository.latest("slot.mtree")).unwrap());
    assert!(expected.len() > 30, "a slot with {} files is no sample", expected.len());

    let fls = Command::new(toolchain.path("fls").unwrap())
        .args(["-f", "ufs2", "-r", "-p"])
        .arg(&filesystem)
        .output();
    let listed = inodes(&String::from_utf8(fls.unwrap().stdout).unwrap());
    for (path, digest) in &expected {
        let inode = listed.get(path).unwrap_or_else(|| panic!("the Sleuth Kit does not list {path}"));
        let icat = Command::new("icat").args(["-f", "ufs2"]).arg(&filesystem).arg(inode).output().unwrap();
        assert_eq!(
            &hex::encode(Sha256::digest(&icat.stdout)),
            digest,
            "the Sleuth Kit reads {path} otherwise"
        );

        let grub = toolchain.path("grub-fstest").unwrap();
        let cat =
            Command::new(grub).arg(&filesystem).args(["cat", &format!("(loop0)/{path}")]).output().unwrap();
        assert_eq!(&hex::encode(Sha256::digest(&cat.stdout)), digest, "GRUB reads {path} otherwise");
    }
    println!("{} files, each read by the Sleuth Kit and by GRUB", expected.len());
}

/// The partition `a` of a slot image, as a file of its own.
fn cut_out_filesystem(slot: &Path, to: &PathBuf) {
    let mut from = File::open(slot).unwrap();
    from.seek(SeekFrom::Start(BOOT_AREA.bytes())).unwrap();
    std::io::copy(&mut from, &mut File::create(to).unwrap()).unwrap();
}

/// The SHA-256 of every file in an mtree(5) specification, by path.
fn digests(spec: &str) -> BTreeMap<String, String> {
    let digest = |line: &str| {
        let path = line.split(' ').next()?.strip_prefix("./")?;
        let sum = line.split(' ').find_map(|word| word.strip_prefix("sha256="))?;
        Some((vis::decode(path).unwrap(), sum.to_owned()))
    };
    spec.lines().filter_map(digest).collect()
}

/// By path, the inode number in a listing of `fls -r -p`: `r/r 12:<tab>etc/rc.conf`.
fn inodes(listing: &str) -> BTreeMap<String, String> {
    let entry = |line: &str| {
        let (head, path) = line.split_once('\t')?;
        Some((path.to_owned(), head.split(' ').next_back()?.trim_end_matches(':').to_owned()))
    };
    listing.lines().filter_map(entry).collect()
}
