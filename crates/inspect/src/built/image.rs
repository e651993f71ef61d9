//! Reads a build from an image or a card: the files that are really there.

use anyhow::{Context, Result};
use bsd_disk::disklabel::BOOT_AREA;
use bsd_disk::mbr::{CODE_BYTES, MBR_BYTES};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use builder::image::SPEC_PATH;
use firmware::boot_manager;

use super::build::{Built, Properties, Usage};
use super::contents::{Contents, ListedFiles, OtherSlot, digest};
use super::node::Paths;
use super::spec;
use crate::describe::{self, Property};
use crate::disk::{Disk, DiskContent, Files, Volume};

/// The longest specification that is read (bytes).
const SPEC_LIMIT: u64 = 64 << 20;

/// Lists the files of slot `slot` of `disk`; the default is 1.
///
/// # Errors
/// They cannot be listed, or the boot code cannot be read.
pub fn read(disk: &Disk, slot: Option<u8>) -> Result<Built> {
    let number = slot.unwrap_or(1);
    let volume = Volume::Slot(number);
    let path = disk.path().display();
    let is_card = matches!(disk.content, DiskContent::Card(_));
    let source = if is_card { format!("{volume} of {path}") } else { path.to_string() };
    let (mut paths, system) = ListedFiles::list(disk.files(volume)?, "", source.clone())?;
    let slice = disk.slice(volume)?;
    let header = disk.slot_header(&slice).ok();
    let (mut card, mut slot) = properties(disk, number);
    if let Some(header) = &header {
        slot.push(("built".to_owned(), report::time(header.built)));
    }
    slot.push(("boot blocks".to_owned(), boot_blocks(disk, &slice)?));
    match own_record(&system.files) {
        Ok(record) => {
            for (path, node) in &mut paths {
                node.layer = record.get(path).and_then(|known| known.layer.clone());
            }
        }
        Err(error) => slot.push(("specification".to_owned(), format!("UNREADABLE: {error:#}"))),
    }
    let superblock = system.files.superblock();
    let fragment = u64::from(superblock.fragment_size);
    let used = superblock.fragments.saturating_sub(superblock.fragments_free) * fragment;
    let file_name = || disk.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut built = Built::new(header.map_or_else(file_name, |header| header.version), source);
    built.set_paths(paths);
    built.number = number;
    built.slot = Some(slot);
    built.usage = Some(Usage { used, size: superblock.size });
    let mut systems = vec![system];
    if is_card {
        card.extend(boot_code(disk)?);
        built.writable = Some(writable(disk, &mut systems, &mut card));
        built.card = Some(card);
        let other = Volume::Slot(3 - number);
        let source = format!("{other} of {path}");
        built.other_slot = disk.files(other).ok().map(|files| OtherSlot { files, source });
    }
    built.contents = Some(Contents(systems));
    Ok(built)
}

/// Lists `/cfg` and `/data` of a card, and adds their file systems to `systems`. What cannot be read is reported in the
/// properties of the card.
fn writable(disk: &Disk, systems: &mut Vec<ListedFiles>, card: &mut Properties) -> Paths {
    let mut all = Paths::new();
    for volume in [Volume::Cfg, Volume::Data] {
        let Ok(files) = disk.files(volume) else { continue };
        let source = format!("{volume} of {}", disk.path().display());
        match ListedFiles::list(files, &volume.to_string(), source) {
            Ok((mut paths, system)) => {
                for node in paths.values_mut() {
                    node.layer = Some(format!("({volume})"));
                }
                all.extend(paths);
                systems.push(system);
            }
            Err(error) => card.push((format!("{volume} content"), format!("UNREADABLE: {error:#}"))),
        }
    }
    all
}

/// The properties of a disk without its slot `number`, and those of that slot.
fn properties(disk: &Disk, number: u8) -> (Properties, Properties) {
    let (mut card, mut slot) = (Properties::new(), Properties::new());
    for Property { slice, name, value } in describe::properties(disk) {
        match slice {
            Some(slice) if slice == number => slot.push((name, value)),
            Some(slice) => card.push((format!("slice {slice} {name}"), value)),
            None => card.push((name, value)),
        }
    }
    (card, slot)
}

/// The digests of the code that the BIOS and the MBR run.
fn boot_code(disk: &Disk) -> Result<Properties> {
    let attempt = || format!("reading the boot code of {}", disk.path().display());
    let code = disk.read(Sectors::ZERO, CODE_BYTES).with_context(attempt)?;
    let mut properties = vec![("code in sector 0".to_owned(), digest(&code))];
    for at in boot_manager::COPIES {
        let bytes = disk.read(at, boot_manager::SECTORS_MAX.bytes() as usize).with_context(attempt)?;
        properties.push((format!("code from sector {}", at.0), digest(&bytes)));
    }
    Ok(properties)
}

/// The digest of boot1 and boot2, without the label between them, which depends on the size of the slot.
fn boot_blocks(disk: &Disk, slice: &Slice) -> Result<String> {
    let mut bytes = disk
        .read(slice.start, BOOT_AREA.bytes() as usize)
        .with_context(|| format!("reading the boot blocks of {}", disk.path().display()))?;
    bytes.drain(MBR_BYTES..2 * MBR_BYTES);
    Ok(digest(&bytes))
}

/// The specification in the slot itself.
fn own_record(files: &Files) -> Result<Paths> {
    let text = files.read(files.lookup(SPEC_PATH.as_bytes())?.ino, SPEC_LIMIT)?;
    spec::parse(&format!("/{SPEC_PATH}"), std::str::from_utf8(&text)?)
}
