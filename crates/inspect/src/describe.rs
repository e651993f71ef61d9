//! Describes a disk: what boots, the slices, and what each holds. What cannot be read is reported in its place.

use std::fmt::Write as _;

use bsd_disk::boot0::Boot0Options;
use bsd_disk::geom_label::{GeomLabel, LABEL_SECTORS};
use bsd_disk::mbr::Mbr;
use bsd_disk::slice::Slice;
use bsd_disk::units::SECTOR_BYTES;
use firmware::boot_manager::{self, ManagerError};
use firmware::slot::{Slot, SlotHeader};
use firmware::state::{self, BootState, Mark, STATE_BYTES};

use crate::disk::{Disk, DiskContent, Files, Volume};

/// A property of a disk or of a slice.
#[derive(Debug)]
pub struct Property {
    /// The slice that has it; `None` for the disk.
    pub slice: Option<u8>,
    /// Its name, unique in the slice or the disk.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The lines that `inspect IMAGE` prints.
pub fn text(disk: &Disk) -> String {
    properties(disk).into_iter().fold(String::new(), |mut text, Property { slice, name, value }| {
        let indent = if slice.is_some() { "  " } else { "" };
        let _ = writeln!(text, "{:<13} {value}", format!("{indent}{name}")); // writing to a string cannot fail
        text
    })
}

/// The properties of a disk, in the order in which they are shown. The slot of a slot image is slice 1.
pub fn properties(disk: &Disk) -> Vec<Property> {
    let mut properties = Properties::default();
    match &disk.content {
        DiskContent::Slot => {
            properties.of_disk("image", format!("one slot, {}", disk.size));
            if let Ok(slice) = disk.slice(Volume::Slot(1)) {
                slot(&mut properties, disk, &slice, Volume::Slot(1));
            }
        }
        DiskContent::Card(mbr) => {
            properties.of_disk("image", format!("full, {}", disk.size));
            let managed = boot_code(&mut properties, disk, mbr);
            for (number, entry) in (1..).zip(&mbr.partitions) {
                let Some(slice) = entry.slice(number) else { continue };
                slice_properties(&mut properties, disk, mbr, &slice);
            }
            if managed {
                boot_state(&mut properties, disk);
            }
        }
    }
    properties.0
}

/// Ticks of the BIOS clock that boot0 counts.
const TICKS_PER_SECOND: f64 = 18.2;

#[derive(Default)]
struct Properties(Vec<Property>);

impl Properties {
    fn of_disk(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(Property { slice: None, name: name.to_owned(), value: value.to_string() });
    }

    fn of_slice(&mut self, slice: &Slice, name: &str, value: impl std::fmt::Display) {
        self.0.push(Property { slice: Some(slice.number), name: name.to_owned(), value: value.to_string() });
    }
}

/// Adds what is before the slices; returns whether it is our boot manager.
fn boot_code(properties: &mut Properties, disk: &Disk, mbr: &Mbr) -> bool {
    let copy = |at| {
        let bytes = disk.read(at, boot_manager::SECTORS_MAX.bytes() as usize);
        bytes.map_or_else(
            |error| Some(format!("cannot be read: {error}")),
            |bytes| match boot_manager::check(&bytes) {
                Ok(()) => Some("whole".to_owned()),
                Err(ManagerError::Magic) => None,
                Err(error) => Some(format!("DAMAGED: {error}")),
            },
        )
    };
    let copies = boot_manager::COPIES.map(|at| (at, copy(at)));
    if copies.iter().any(|(_, copy)| copy.is_some()) {
        let copies = copies.map(|(at, copy)| {
            format!("copy at sector {}: {}", at.0, copy.unwrap_or_else(|| "MISSING".to_owned()))
        });
        properties.of_disk("boot manager", format!("Sluice's, {}", copies.join(", ")));
        return true;
    }
    let code = match Boot0Options::read(mbr) {
        Ok(options) => {
            let menu: Vec<String> = (1..=4_u8)
                .filter(|slice| options.slices_mask & 1 << (slice - 1) != 0)
                .map(|slice| slice.to_string())
                .collect();
            let no = |set: bool| if set { "" } else { "no" };
            format!(
                "FreeBSD's boot0: default slice {}, waits {:.1} s, menu of {}, {}packet, {}update",
                options.default_slice,
                f64::from(options.ticks) / TICKS_PER_SECOND,
                menu.join(" and "),
                no(options.packet),
                no(options.update)
            )
        }
        Err(_) if mbr.code().iter().all(|byte| *byte == 0) => "empty".to_owned(),
        Err(_) => "neither Sluice's boot manager nor boot0; the active slice boots".to_owned(),
    };
    properties.of_disk("boot code", code);
    false
}

fn slice_properties(properties: &mut Properties, disk: &Disk, mbr: &Mbr, slice: &Slice) {
    let number = slice.number;
    let entry = &mbr.partitions[usize::from(number) - 1];
    let volume = match number {
        1 | 2 => Volume::Slot(number),
        3 => Volume::Cfg,
        _ => Volume::Data,
    };
    let active = if entry.active { ", active" } else { "" };
    let chs = |chs: bsd_disk::mbr::Chs| format!("{}/{}/{}", chs.cylinder(), chs.head(), chs.sector());
    let mut what = format!(
        "{volume}: type 0x{:02x}, from sector {}, {}, C/H/S {} to {}{active}",
        entry.kind,
        slice.start.0,
        slice.size,
        chs(entry.first),
        chs(entry.last)
    );
    let last = disk.read(slice.end() - LABEL_SECTORS, SECTOR_BYTES as usize);
    if let Some(label) = last.ok().and_then(|sector| GeomLabel::decode(&sector)) {
        let fits = if label.size == slice.size { "" } else { " OF ANOTHER SIZE" };
        what += &format!(", label `{}`{fits}", label.name);
    }
    if slice.start + slice.size > disk.size {
        what += ", LONGER THAN THE DISK";
    }
    properties.of_disk(&format!("slice {number}"), what);
    match volume {
        Volume::Slot(_) => slot(properties, disk, slice, volume),
        _ => files(properties, slice, &disk.files(volume)),
    }
}

fn slot(properties: &mut Properties, disk: &Disk, slice: &Slice, volume: Volume) {
    let system = match disk.slot_header(slice) {
        Ok(header) => {
            let SlotHeader { product, board, version, commit, built_from, .. } = &header;
            let misfit = if header.fits(slice) {
                String::new()
            } else {
                format!(", MADE FOR A SLOT OF {}", header.size)
            };
            format!("{product} {version} for {board}, commit {commit}, from {built_from}{misfit}")
        }
        Err(error) => format!("unreadable: {error:#}"),
    };
    properties.of_slice(slice, "system", system);
    files(properties, slice, &disk.files(volume));
}

fn files(properties: &mut Properties, slice: &Slice, files: &anyhow::Result<Files>) {
    let files = match files {
        Ok(files) => files.superblock(),
        Err(error) => {
            return properties.of_slice(slice, "files", format!("unreadable: {:#}", error.root_cause()));
        }
    };
    let fragment = u64::from(files.fragment_size);
    let used = files.fragments.saturating_sub(files.fragments_free) * fragment;
    let label = if files.label.is_empty() { String::new() } else { format!(", label `{}`", files.label) };
    let hash = if files.hash_good == Some(false) { ", CHECK-HASH WRONG" } else { "" };
    let clean = if files.clean { "" } else { ", NOT CLEAN" };
    properties.of_slice(
        slice,
        "files",
        format!(
            "UFS2 {}/{}{label}, {} of {} used, {} of {} inodes{clean}{hash}",
            files.block_size,
            files.fragment_size,
            report::size(used),
            report::size(files.fragments * fragment),
            files.inodes.saturating_sub(files.inodes_free),
            files.inodes
        ),
    );
}

/// Adds the copies of the boot state, and what the boot manager concludes from them.
fn boot_state(properties: &mut Properties, disk: &Disk) {
    let Ok(partitions) = disk.partitions() else {
        return properties.of_disk("boot state", "MISSING: slice 3 has no partitions for it");
    };
    // A card with one slot has no slice 2.
    let slots: Vec<Slot> =
        Slot::ALL.into_iter().filter(|slot| disk.slice(Volume::Slot(slot.number())).is_ok()).collect();
    let copies = partitions.state.map(|copy| {
        let sector = disk.read(copy.start, STATE_BYTES).map_err(|error| error.to_string())?;
        BootState::decode(&sector).map_err(|error| error.to_string())
    });
    for (number, copy) in (1..).zip(&copies) {
        let what = match copy {
            Ok((sequence, state)) => format!("number {sequence}, {}", describe_state(state, &slots)),
            Err(error) => format!("INVALID: {error}"),
        };
        properties.of_disk(&format!("boot state {number}"), what);
    }
    let later = |latest: (u32, BootState), next: (u32, BootState)| {
        if state::is_later(next.0, latest.0) { next } else { latest }
    };
    let latest = copies.into_iter().filter_map(Result::ok).reduce(later);
    let order = latest
        .map_or_else(|| state::choice::without_state(None).order, |(_, state)| state.choose(None).order);
    let order = order.iter().filter(|slot| slots.contains(slot));
    let order: Vec<String> = order.map(|slot| slot.number().to_string()).collect();
    properties.of_disk("boots next", format!("slot {}", order.join(", else slot ")));
}

fn describe_state(state: &BootState, slots: &[Slot]) -> String {
    let mark = |slot: &Slot| {
        let mark = match state.mark(*slot) {
            Mark::Bad => "bad",
            Mark::Untried => "untried",
            Mark::Good => "good",
            Mark::Failed(_) => "failed",
        };
        format!("slot {} {mark}", slot.number())
    };
    let marks: Vec<String> = slots.iter().map(mark).collect();
    let mut text = format!("default slot {}, {}", state.default.number(), marks.join(", "));
    if let Some(trial) = state.trial {
        let _ = write!(text, ", slot {} on trial, boots left: {}", trial.slot.number(), trial.tries);
    }
    if let Some(floor) = &state.floor {
        let _ = write!(text, ", no update to a version before {floor}");
    }
    if !state.revocations.is_empty() {
        let _ = write!(text, ", keys: {}", state.revocations);
    }
    text
}
