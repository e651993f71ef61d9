//! A small disk in a file: layout, MBR, labels, slot headers and the miniature world's boot programs, put together by hand for
//! stories that boot it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bsd_disk::disklabel::Disklabel;
use bsd_disk::geometry::Geometry;
use bsd_disk::mbr::Mbr;
use bsd_disk::units::Sectors;
use builder::boot_manager::{BootManager, Options};
use builder::boot_state::StateCopies;
use builder::toolchain::Group;
use builder::world::miniature::boot::{BootOptions, BootPrograms};
use firmware::boot_manager;
use firmware::layout::{DataSize, HEADER_SECTOR, LABEL_SECTOR, Layout, Request, SlotCount};
use firmware::slot::{Slot, SlotHeader};
use firmware::state::{BootState, COPIES, Digest, STATE_BYTES, store};
use lab::qemu::{Disk, Guest, Machine};
use tempfile::TempDir;

use crate::tools;

/// A boot takes about a second; a machine that is busy with other things gets more.
pub const BOOT: Duration = Duration::from_secs(60);

pub const CARD: Geometry = Geometry { sectors: 63, heads: 16 };

/// The zig to assemble with, when both it and QEMU are there.
pub fn tools() -> Option<PathBuf> {
    let toolchain = tools::find(&[Group::Image, Group::Run])?;
    Some(toolchain.path("zig").unwrap().to_owned())
}

pub fn programs(zig: &Path, packet: bool) -> BootPrograms {
    static BUILT: [OnceLock<BootPrograms>; 2] = [OnceLock::new(), OnceLock::new()];
    let assemble = || BootPrograms::assemble(zig, &BootOptions { packet, ..BootOptions::default() }).unwrap();
    BUILT[usize::from(packet)].get_or_init(assemble).clone()
}

/// The boot manager of a disk with this layout, whose menu waits `ticks`.
pub fn manager(zig: &Path, ticks: u16, layout: &Layout) -> BootManager {
    let options = Options::new(builder::board::DEFAULT.console.factory_speed, ticks, layout);
    BootManager::assemble(zig, &options).unwrap()
}

pub fn plan(media: Sectors, geometry: Geometry) -> Layout {
    let (slots, data) = (SlotCount::Two, DataSize::None);
    Layout::plan(&Request { media, geometry, slots, code: None, cfg: Sectors::from_mib(1), data }).unwrap()
}

/// What the header of a slot of these tests says.
pub fn header(slot: u8, size: Sectors) -> SlotHeader {
    SlotHeader {
        product: "sluice".into(),
        board: "alix".into(),
        version: format!("0.{slot}.0-dev.3+gabc"),
        commit: String::new(),
        built_from: "miniature".into(),
        built: 0,
        size,
        watchdog: 0,
        key_epoch: 0,
    }
}

/// The boot state of a new disk with a release of this version.
pub fn factory(version: &str, default: Slot, written: [bool; 2], digest: Option<Digest>) -> BootState {
    BootState { floor: Some(version.parse().unwrap()), ..BootState::factory(default, written, digest) }
}

/// A disk in a temporary directory.
pub struct TestDisk {
    pub dir: TempDir,
    pub layout: Layout,
    pub mbr: Mbr,
    pub file: File,
}

impl TestDisk {
    /// Slots with the versions 0.1.0 and 0.2.0, none of them active.
    pub fn new(programs: &BootPrograms, layout: Layout) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = File::options().read(true).write(true).create_new(true).open(dir.path().join("disk.img"));
        let file = file.unwrap();
        file.set_len(layout.media.bytes()).unwrap();
        let mbr =
            Mbr::with_code(&programs.mbr).unwrap().with_slices(layout.slices(), layout.geometry).unwrap();
        let disk = Self { dir, layout, mbr, file };
        for slot in &disk.layout.slots {
            disk.write(slot.start, &programs.slot);
            let label = Disklabel::for_slice(slot.size, disk.layout.geometry).unwrap();
            disk.write(slot.start + LABEL_SECTOR, &label.encode());
            let header = header(slot.number, slot.size).encode().unwrap();
            disk.write(slot.start + HEADER_SECTOR, &header);
        }
        let label = disk.layout.partitions().label(&disk.layout.cfg, disk.layout.geometry).unwrap();
        disk.write(disk.layout.cfg.start + LABEL_SECTOR, &label.encode());
        disk.write(Sectors::ZERO, &disk.mbr.encode());
        disk
    }

    /// The same with the boot manager, its state as it leaves the factory, and slot 1 as the default.
    pub fn with_manager(mut self, manager: &BootManager) -> Self {
        self.mbr = Mbr::with_code(&manager.mbr)
            .unwrap()
            .with_slices(self.layout.slices(), self.layout.geometry)
            .unwrap();
        self.write(Sectors::ZERO, &self.mbr.encode());
        for at in boot_manager::COPIES {
            self.write(at, &manager.copy);
        }
        let written = Slot::ALL.map(|slot| self.layout.slot(slot.number()).is_some());
        self.set_state(&BootState::factory(Slot::First, written, None));
        self
    }

    /// Writes `state` to all copies.
    pub fn set_state(&self, state: &BootState) {
        self.set_records(&store::records(state).unwrap());
    }

    /// Writes the copies of the boot state.
    pub fn set_records(&self, records: &[[u8; STATE_BYTES]; COPIES]) {
        for (copy, record) in self.layout.partitions().state.iter().zip(records) {
            self.write(copy.start, record);
        }
    }

    /// The copies of the boot state, as they are.
    pub fn records(&self) -> [[u8; STATE_BYTES]; COPIES] {
        self.layout.partitions().state.map(|copy| self.read(copy.start, Sectors(1)).try_into().unwrap())
    }

    /// The state that rules.
    pub fn state(&self) -> BootState {
        store::load(&mut StateCopies::open(&self.path()).unwrap()).unwrap().state
    }

    pub fn read(&self, at: Sectors, size: Sectors) -> Vec<u8> {
        let mut bytes = vec![0; size.bytes() as usize];
        self.file.read_exact_at(&mut bytes, at.bytes()).unwrap();
        bytes
    }

    pub fn write(&self, at: Sectors, bytes: &[u8]) {
        self.file.write_all_at(bytes, at.bytes()).unwrap();
    }

    pub fn activate(mut self, slot: u8) -> Self {
        self.mbr.set_active(slot).unwrap();
        self.write(Sectors::ZERO, &self.mbr.encode());
        self
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("disk.img")
    }

    pub fn start(&self, machine: Machine) -> Guest {
        machine.start(&self.dir.path().join("console.log")).unwrap()
    }

    pub fn boot(&self) -> Guest {
        self.start(Machine::new().disk(Disk::thrown_away(self.path())))
    }
}

pub fn says(guest: &mut Guest, wanted: &str) {
    assert_eq!(guest.console.expect_line("sluice miniature: slot", BOOT).unwrap(), wanted);
}

pub const SLOT_1: &str = "sluice miniature: slot 1, version 0.1.0-dev.3+gabc";
pub const SLOT_2: &str = "sluice miniature: slot 2, version 0.2.0-dev.3+gabc";
