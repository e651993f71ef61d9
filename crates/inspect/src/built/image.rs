//! A build as an image or a card has it: the files that are really there.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::mbr::{CODE_BYTES, MBR_BYTES};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use builder::image::SPEC_PATH;
use firmware::boot_manager;
use rayon::prelude::*;
use rootfs::flags;
use sha2::{Digest, Sha256};
use ufs::read::{FileType, Stat, Visit};

use super::node::{self, Node, Paths};
use super::{Built, Facts, Room, spec};
use crate::describe::{self, Fact};
use crate::{Disk, Files, Kind, Place, extract};

/// The longest specification that is read (bytes).
const SPEC_LIMIT: u64 = 64 << 20;

/// The files of an image, whose content is read when it is asked for.
#[derive(Debug)]
pub struct Contents(Vec<System>);

/// One of its file systems.
#[derive(Debug)]
struct System {
    files: Files,
    inodes: HashMap<String, u32>,
    source: String,
}

impl Contents {
    /// The digests of those of `paths` that are files, in hex. A file with several names is read once.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn hash<'p>(&self, paths: &[&'p str]) -> Result<BTreeMap<String, String>> {
        let mut names: BTreeMap<(usize, u32), Vec<&str>> = BTreeMap::new();
        for (index, system) in self.0.iter().enumerate() {
            for path in paths {
                if let Some(ino) = system.inodes.get(*path) {
                    names.entry((index, *ino)).or_default().push(path);
                }
            }
        }
        let hash = |((index, ino), names): ((usize, u32), Vec<&'p str>)| {
            let system = &self.0[index];
            let attempt = || format!("reading {} in {}", report::plain(names[0]), system.source);
            let digest = system.digest(ino).with_context(attempt)?;
            Ok((names, digest))
        };
        let hashed: Vec<(Vec<&str>, String)> = names.into_par_iter().map(hash).collect::<Result<_>>()?;
        let named = hashed
            .into_iter()
            .flat_map(|(names, digest)| names.into_iter().map(move |name| (name.to_owned(), digest.clone())));
        Ok(named.collect())
    }
}

/// The slot of a card that is not the one in question.
#[derive(Debug)]
pub struct OtherSlot {
    files: Files,
    source: String,
}

impl OtherSlot {
    /// The digest of all that a specification would tell of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn digest(self) -> Result<String> {
        let (paths, system) = System::list(self.files, "", self.source)?;
        let names: Vec<&str> = paths.keys().map(String::as_str).collect();
        let content = Contents(vec![system]).hash(&names)?;
        Ok(digest(format!("{paths:?} {content:?}").as_bytes()))
    }
}

impl System {
    /// All paths in `files`, behind `prefix`; its root is `PREFIX/.` unless that is empty.
    fn list(files: Files, prefix: &str, source: String) -> Result<(Paths, Self)> {
        let attempt = || format!("listing the files of {source}");
        let (mut paths, mut inodes) = (Paths::new(), HashMap::new());
        let mut names: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for visit in files.walk() {
            let Visit { path, stat } = visit.with_context(attempt)?;
            let path = match String::from_utf8(path) {
                Ok(path) => path,
                Err(odd) => odd.as_bytes().escape_ascii().to_string(),
            };
            let path = match (prefix, path.as_str()) {
                ("", _) => path,
                (_, "/") => format!("{prefix}/."),
                _ => format!("{prefix}{path}"),
            };
            if stat.file_type == FileType::File {
                inodes.insert(path.clone(), stat.ino);
                names.entry(stat.ino).or_default().push(path.clone());
            }
            paths.insert(path, node(&files, &stat).with_context(attempt)?);
        }
        for names in names.into_values().filter(|names| names.len() > 1) {
            node::share(&mut paths, names, 1);
        }
        Ok((paths, Self { files, inodes, source }))
    }

    fn digest(&self, ino: u32) -> Result<String> {
        let mut hash = Sha256::new();
        extract::pieces(&self.files, &self.files.stat(ino)?, |piece| {
            hash.update(piece);
            Ok(())
        })?;
        Ok(hex::encode(&hash.finalize()))
    }
}

/// Lists the files of slot `slot` of `disk`, the first when not given.
///
/// # Errors
/// They cannot be listed, or the boot code cannot be read.
pub fn read(disk: &Disk, slot: Option<u8>) -> Result<Built> {
    let number = slot.unwrap_or(1);
    let place = Place::Slot(number);
    let path = disk.path().display();
    let is_card = matches!(disk.kind, Kind::Full(_));
    let source = if is_card { format!("{place} of {path}") } else { path.to_string() };
    let (mut paths, system) = System::list(disk.files(place)?, "", source.clone())?;
    let slice = disk.slice(place)?;
    let header = disk.slot_header(&slice).ok();
    let (mut card, mut slot) = facts(disk, number);
    if let Some(header) = &header {
        slot.push(("built".to_owned(), format!("{} s after 1970", header.built)));
    }
    slot.push(("boot blocks".to_owned(), boot_blocks(disk, &slice)?));
    match own_record(&system.files) {
        Ok(record) => {
            for (path, node) in &mut paths {
                node.layer = record.get(path).and_then(|known| known.layer.clone());
            }
        }
        Err(error) => slot.push(("specification".to_owned(), format!("NONE: {error:#}"))),
    }
    let superblock = system.files.superblock();
    let fragment = u64::from(superblock.fragment_size);
    let used = superblock.fragments.saturating_sub(superblock.fragments_free) * fragment;
    let file_name = || disk.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut built = Built::new(header.map_or_else(file_name, |header| header.version), source);
    built.set_paths(paths);
    built.number = number;
    built.slot = Some(slot);
    built.room = Some(Room { used, size: superblock.size });
    let mut systems = vec![system];
    if is_card {
        card.extend(boot_code(disk)?);
        built.writable = Some(writable(disk, &mut systems, &mut card));
        built.card = Some(card);
        let other = Place::Slot(3 - number);
        let source = format!("{other} of {path}");
        built.other_slot = disk.files(other).ok().map(|files| OtherSlot { files, source });
    }
    built.contents = Some(Contents(systems));
    Ok(built)
}

/// What `/cfg` and `/data` of a card hold, with their file systems added to `systems`. What cannot be read is told among
/// the facts of the card.
fn writable(disk: &Disk, systems: &mut Vec<System>, card: &mut Facts) -> Paths {
    let mut all = Paths::new();
    for place in [Place::Cfg, Place::Data] {
        let Ok(files) = disk.files(place) else { continue };
        let source = format!("{place} of {}", disk.path().display());
        match System::list(files, &place.to_string(), source) {
            Ok((mut paths, system)) => {
                for node in paths.values_mut() {
                    node.layer = Some(format!("({place})"));
                }
                all.extend(paths);
                systems.push(system);
            }
            Err(error) => card.push((format!("{place} content"), format!("NONE: {error:#}"))),
        }
    }
    all
}

/// What a disk is but for its slot `number`, and what that is.
fn facts(disk: &Disk, number: u8) -> (Facts, Facts) {
    let (mut card, mut slot) = (Facts::new(), Facts::new());
    for Fact { slice, name, value } in describe::facts(disk) {
        match slice {
            Some(slice) if slice == number => slot.push((name, value)),
            Some(slice) => card.push((format!("slice {slice} {name}"), value)),
            None => card.push((name, value)),
        }
    }
    (card, slot)
}

/// The digests of what a BIOS and the MBR start.
fn boot_code(disk: &Disk) -> Result<Facts> {
    let attempt = || format!("reading the boot code of {}", disk.path().display());
    let code = disk.read(Sectors::ZERO, CODE_BYTES).with_context(attempt)?;
    let mut facts = vec![("code in sector 0".to_owned(), digest(&code))];
    for at in boot_manager::COPIES {
        let bytes = disk.read(at, boot_manager::SECTORS_MAX.bytes() as usize).with_context(attempt)?;
        facts.push((format!("code from sector {}", at.0), digest(&bytes)));
    }
    Ok(facts)
}

/// The digest of boot1 and boot2, without the label between them, which tells the slot's size.
fn boot_blocks(disk: &Disk, slice: &Slice) -> Result<String> {
    let mut bytes = disk
        .read(slice.start, BOOT_AREA.bytes() as usize)
        .with_context(|| format!("reading the boot blocks of {}", disk.path().display()))?;
    bytes.drain(MBR_BYTES..2 * MBR_BYTES);
    Ok(digest(&bytes))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256 {}", hex::encode(&Sha256::digest(bytes)))
}

/// The specification that lies in the slot itself.
fn own_record(files: &Files) -> Result<Paths> {
    let text = files.read(files.lookup(SPEC_PATH.as_bytes())?.ino, SPEC_LIMIT)?;
    spec::parse(&format!("/{SPEC_PATH}"), std::str::from_utf8(&text)?)
}

fn node(files: &Files, stat: &Stat) -> Result<Node> {
    let (kind, is_device) = match stat.file_type {
        FileType::Directory => ("dir", false),
        FileType::File => ("file", false),
        FileType::Symlink => ("link", false),
        FileType::CharDevice => ("char", true),
        FileType::BlockDevice => ("block", true),
        FileType::Fifo => ("fifo", false),
        FileType::Socket => ("socket", false),
    };
    let link = match stat.file_type {
        FileType::Symlink => Some(String::from_utf8_lossy(&files.read_link(stat.ino)?).into_owned()),
        _ => None,
    };
    let is_file = stat.file_type == FileType::File;
    Ok(Node {
        kind: kind.to_owned(),
        uid: stat.uid,
        gid: stat.gid,
        mode: spec::mode(stat.mode),
        flags: flags::names(stat.flags),
        size: if is_file { stat.size } else { 0 },
        sha256: None,
        link,
        device: is_device.then_some(stat.rdev),
        names: if is_file { stat.nlink.into() } else { 1 },
        shares: None,
        layer: None,
    })
}
