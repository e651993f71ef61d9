//! `cargo xtask image --sets`: distribution sets of a FreeBSD release.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use builder::toolchain::Group;
use liblzma::write::XzEncoder;
use rootfs::flags;
use rootfs::metalog::{self, Line, Type};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::repository::Repository;
use crate::tools;

#[test]
fn sets_that_are_not_those_of_their_manifest_are_refused() {
    let Some(repository) = Repository::new() else { return };
    if tools::find(&[Group::World]).is_none() {
        return;
    }
    let sets = repository.beside("sets");
    let text = sets.to_str().unwrap();
    fs::create_dir(&sets).unwrap();
    repository.image(&["--sets", text]).refused(&["there is no MANIFEST with their checksums"]);
    fs::write(sets.join("base.txz"), "damaged").unwrap();
    fs::write(sets.join("MANIFEST"), format!("base.txz\t{}\t1\tbase\t\"Base\"\ton\n", "a".repeat(64)))
        .unwrap();
    repository.image(&["--sets", text]).refused(&["base.txz: its SHA-256 is", "fetch it again"]);
    fs::remove_file(sets.join("base.txz")).unwrap();
    repository.image(&["--sets", text]).refused(&["there is no base.txz"]);
    repository.image(&["--sets", text, "--world", text]).refused(&["cannot be used with"]);
}

#[test]
fn sets_of_a_world_give_the_images_of_the_world_itself() {
    let Some(world) = std::env::var_os("SLUICE_TEST_WORLD").map(PathBuf::from) else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let Some(repository) = Repository::new() else { return };
    let (copy, sets) = (repository.beside("world"), repository.beside("sets"));
    let lines = with_sysroot(&world, &copy);
    fs::create_dir(&sets).unwrap();
    let (kernel, base) =
        lines.into_iter().partition::<Vec<Line>, _>(|line| line.path.as_str().starts_with("boot/kernel/"));
    let mut manifest = String::new();
    for (name, lines) in [("base.txz", base), ("kernel.txz", kernel)] {
        let bytes = archive(&copy.join("root"), &lines);
        manifest += &format!(
            "{name}\t{}\t{}\tset\t\"A set\"\ton\n",
            hex::encode(Sha256::digest(&bytes)),
            lines.len()
        );
        fs::write(sets.join(name), bytes).unwrap();
    }
    fs::write(sets.join("MANIFEST"), manifest).unwrap();

    let build = |origin: [&str; 2]| {
        let text = repository.image(&[&origin[..], &["--kernel", "ALIX-QEMU"]].concat()).success();
        (
            text,
            [".slot.img", ".full.img", "slot.mtree"].map(|name| fs::read(repository.latest(name)).unwrap()),
        )
    };
    let (_, of_world) = build(["--world", copy.to_str().unwrap()]);
    let (_, of_sets) = build(["--sets", sets.to_str().unwrap()]);
    assert!(of_world == of_sets, "the images differ");
    let text = repository.image(&["--sets", sets.to_str().unwrap()]).success();
    assert!(text.contains("the kernel is `ALIX-QEMU` of kernel.txz and not the product's `ALIX`"), "{text}");
    let key = repository.product_key("product");
    repository.tag("v0.1.0");
    repository
        .image(&["--release", "--sign-key", key.to_str().unwrap(), "--sets", sets.to_str().unwrap()])
        .refused(&[
            "the kernel of the sets is `ALIX-QEMU`, not `ALIX`\nhint: put src.txz into the directory",
        ]);
}

/// Copies a world, with what programs are linked with where base.txz has it; returns the lines of its METALOG,
/// directories first.
fn with_sysroot(world: &Path, copy: &Path) -> Vec<Line> {
    fs::create_dir(copy).unwrap();
    for part in ["root", "METALOG"] {
        let status =
            std::process::Command::new("cp").arg("-a").args([&world.join(part), &copy.join(part)]).status();
        assert!(status.unwrap().success());
    }
    let mut text = fs::read_to_string(copy.join("METALOG")).unwrap();
    for entry in fs::read_dir(world.join("sysroot/usr/lib")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let to = copy.join("root/usr/lib").join(&name);
        let is_wanted = [".o", ".a", ".so"].iter().any(|end| name.ends_with(end));
        if is_wanted && fs::symlink_metadata(&to).is_err() {
            fs::copy(entry.path(), to).unwrap();
            text += &format!("./usr/lib/{name} type=file mode=0444\n");
        }
    }
    fs::write(copy.join("METALOG"), &text).unwrap();
    let mut lines: Vec<Line> = Vec::new();
    let mut at = HashMap::new();
    for line in metalog::parse("METALOG", &text).unwrap() {
        match at.get(&line.path) {
            Some(&index) => lines[index] = line,
            None => {
                at.insert(line.path.clone(), lines.len());
                lines.push(line);
            }
        }
    }
    // A directory that the installation removed again is listed all the same.
    lines.retain(|line| copy.join("root").join(line.path.as_str()).symlink_metadata().is_ok());
    let (mut directories, others): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.kind == Type::Directory);
    directories.sort_by(|one, other| one.path.cmp(&other.path));
    directories.into_iter().chain(others).collect()
}

/// What bsdtar makes of a METALOG: names, owners, modes and flags of it, the bytes of `root`. The owners of this machine are
/// in no header.
fn archive(root: &Path, lines: &[Line]) -> Vec<u8> {
    let mut archive = Builder::new(XzEncoder::new(Vec::new(), 0));
    let mut names: HashMap<(u64, u64), String> = HashMap::new();
    for line in lines {
        let host = root.join(line.path.as_str());
        let metadata = fs::symlink_metadata(&host).unwrap();
        let name = format!("./{}", line.path.as_str());
        if line.attributes.flags != 0 {
            let names = flags::names(line.attributes.flags);
            archive.append_pax_extensions([("SCHILY.fflags", names.as_bytes())]).unwrap();
        }
        let mut header = Header::new_gnu();
        header.set_mode(line.attributes.mode.into());
        header.set_uid(4711);
        header.set_gid(4711);
        header.set_username(&line.attributes.user.to_string()).unwrap();
        header.set_groupname(&line.attributes.group.to_string()).unwrap();
        header.set_size(0);
        let first = names.get(&(metadata.dev(), metadata.ino()));
        match (&line.kind, first) {
            (Type::Directory, _) => {
                header.set_entry_type(EntryType::Directory);
                archive.append_data(&mut header, name, std::io::empty()).unwrap();
            }
            (Type::Link(target), _) => {
                header.set_entry_type(EntryType::Symlink);
                archive.append_link(&mut header, name, target).unwrap();
            }
            (Type::File, Some(first)) if metadata.nlink() > 1 => {
                header.set_entry_type(EntryType::Link);
                archive.append_link(&mut header, name, first).unwrap();
            }
            (Type::File, _) => {
                names.insert((metadata.dev(), metadata.ino()), name.clone());
                header.set_entry_type(EntryType::Regular);
                header.set_size(metadata.len());
                archive.append_data(&mut header, name, fs::File::open(host).unwrap()).unwrap();
            }
            (other, _) => panic!("{name} is {other:?}"),
        }
    }
    archive.into_inner().unwrap().finish().unwrap()
}
