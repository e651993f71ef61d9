//! A disk in words: what starts, the slices, and what each holds. What cannot be read is told in its place.

use std::fmt::Write as _;

use bsd_disk::boot0::Boot0Options;
use bsd_disk::geom_label::{GeomLabel, LABEL_SECTORS};
use bsd_disk::mbr::Mbr;
use bsd_disk::slice::Slice;
use bsd_disk::units::SECTOR_BYTES;
use firmware::boot_manager::{self, ManagerError};
use firmware::slot::{Slot, SlotHeader};
use firmware::state::{self, BootState, Mark, STATE_BYTES};

use super::{Disk, Files, Kind, Place};

/// What a disk is, or what is in it, by the name that is shown.
#[derive(Debug)]
pub struct Fact {
    /// The slice, of what is in one.
    pub slice: Option<u8>,
    /// Its name; no two facts of one slice have the same.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// The lines of `inspect IMAGE`.
pub fn text(disk: &Disk) -> String {
    facts(disk).into_iter().fold(String::new(), |mut text, Fact { slice, name, value }| {
        let indent = if slice.is_some() { "  " } else { "" };
        let _ = writeln!(text, "{:<13} {value}", format!("{indent}{name}")); // writing to a string cannot fail
        text
    })
}

/// The facts of a disk, in the order in which they are shown. Of a slot image, the slot is slice 1.
pub fn facts(disk: &Disk) -> Vec<Fact> {
    let mut lines = Lines::default();
    match &disk.kind {
        Kind::Slot => {
            lines.fact("image", format!("one slot, {}", disk.size));
            if let Ok(slice) = disk.slice(Place::Slot(1)) {
                slot(&mut lines, disk, &slice, Place::Slot(1));
            }
        }
        Kind::Full(mbr) => {
            lines.fact("image", format!("full, {}", disk.size));
            let managed = boot_code(&mut lines, disk, mbr);
            for (number, entry) in (1..).zip(&mbr.partitions) {
                let Some(slice) = entry.slice(number) else { continue };
                slice_facts(&mut lines, disk, mbr, &slice);
            }
            if managed {
                boot_state(&mut lines, disk);
            }
        }
    }
    lines.0
}

#[derive(Default)]
struct Lines(Vec<Fact>);

impl Lines {
    fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(Fact { slice: None, name: name.to_owned(), value: value.to_string() });
    }

    fn inside(&mut self, slice: &Slice, name: &str, value: impl std::fmt::Display) {
        self.0.push(Fact { slice: Some(slice.number), name: name.to_owned(), value: value.to_string() });
    }
}

/// Tells what stands before the slices, and whether it is our boot manager.
fn boot_code(lines: &mut Lines, disk: &Disk, mbr: &Mbr) -> bool {
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
        lines.fact("boot manager", format!("Sluice's, {}", copies.join(", ")));
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
                "FreeBSD's boot0: default slice {}, {} ticks, menu of {}, {}packet, {}update",
                options.default_slice,
                options.ticks,
                menu.join(" and "),
                no(options.packet),
                no(options.update)
            )
        }
        Err(_) if mbr.code().iter().all(|byte| *byte == 0) => "none".to_owned(),
        Err(_) => "neither Sluice's boot manager nor boot0: the active slice starts".to_owned(),
    };
    lines.fact("boot code", code);
    false
}

fn slice_facts(lines: &mut Lines, disk: &Disk, mbr: &Mbr, slice: &Slice) {
    let number = slice.number;
    let entry = &mbr.partitions[usize::from(number) - 1];
    let place = match number {
        1 | 2 => Place::Slot(number),
        3 => Place::Cfg,
        _ => Place::Data,
    };
    let active = if entry.active { ", active" } else { "" };
    let chs = |chs: bsd_disk::mbr::Chs| format!("{}/{}/{}", chs.cylinder(), chs.head(), chs.sector());
    let mut what = format!(
        "{place}: type 0x{:02x}, from sector {}, {}, C/H/S {} to {}{active}",
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
    lines.fact(&format!("slice {number}"), what);
    match place {
        Place::Slot(_) => slot(lines, disk, slice, place),
        _ => files(lines, slice, &disk.files(place)),
    }
}

fn slot(lines: &mut Lines, disk: &Disk, slice: &Slice, place: Place) {
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
        Err(error) => format!("none: {error:#}"),
    };
    lines.inside(slice, "system", system);
    files(lines, slice, &disk.files(place));
}

fn files(lines: &mut Lines, slice: &Slice, files: &anyhow::Result<Files>) {
    let files = match files {
        Ok(files) => files.superblock(),
        Err(error) => {
            return lines.inside(slice, "files", format!("none: {:#}", error.root_cause()));
        }
    };
    let fragment = u64::from(files.fragment_size);
    let used = files.fragments.saturating_sub(files.fragments_free) * fragment;
    let label = if files.label.is_empty() { String::new() } else { format!(", label `{}`", files.label) };
    let hash = if files.hash_good == Some(false) { ", CHECK-HASH WRONG" } else { "" };
    let clean = if files.clean { "" } else { ", NOT CLEAN" };
    lines.inside(
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

/// Both copies of the boot state, and what the boot manager makes of them.
fn boot_state(lines: &mut Lines, disk: &Disk) {
    let Ok(cfg) = disk.slice(Place::Cfg) else {
        return lines.fact("boot state", "none: there is no /cfg; slot 1 starts");
    };
    let copies = state::COPIES.map(|at| {
        let sector = disk.read(cfg.start + at, STATE_BYTES).map_err(|error| error.to_string())?;
        BootState::decode(&sector).map_err(|error| error.to_string())
    });
    for (number, copy) in (1..).zip(&copies) {
        let what = match copy {
            Ok((sequence, state)) => format!("number {sequence}, {}", state_words(state)),
            Err(error) => format!("NONE: {error}"),
        };
        lines.fact(&format!("boot state {number}"), what);
    }
    let [first, second] = copies.map(Result::ok);
    let latest = match (first, second) {
        (Some(first), Some(second)) => Some(if state::is_later(second.0, first.0) { second } else { first }),
        (first, second) => first.or(second),
    };
    let order = latest
        .map_or_else(|| state::choice::without_state(None).order, |(_, state)| state.choose(None).order);
    let order: Vec<String> = order.iter().map(|slot| slot.number().to_string()).collect();
    lines.fact("starts next", format!("slot {}", order.join(", else slot ")));
}

fn state_words(state: &BootState) -> String {
    let marks = Slot::ALL.map(|slot| {
        let mark = if state.mark(slot) == Mark::Good { "good" } else { "bad" };
        format!("slot {} {mark}", slot.number())
    });
    let mut text = format!("default slot {}, {}", state.default.number(), marks.join(", "));
    if let Some(trial) = state.trial {
        let _ = write!(text, ", slot {} on trial with {} boots left", trial.slot.number(), trial.tries);
    }
    if let Some(floor) = &state.floor {
        let _ = write!(text, ", nothing before {floor}");
    }
    text
}
