//! A unit on the bench: its card is a [`Disk`], and it starts as the boot manager would start it.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use bsd_disk::geometry::Geometry;
use bsd_disk::units::Sectors;
use firmware::bundle::PublicKeys;
use firmware::layout::{DataSize, HEADER_SECTOR, LAYOUT, Layout, Request as LayoutRequest, SlotCount};
use firmware::release::Release;
use firmware::slot::{Slot, SlotHeader};
use firmware::state::choice::without_state;
use firmware::state::store;
use firmware::state::{BootState, COPIES};

use super::bundles;
use super::disk::{Disk, Histories, MBR, STATE, Shared, Slice, States, Trouble};
use crate::disk::boot_sectors::{Sector, with_active, with_default};
use crate::disk::{Access, StockBoot, Storage as _};
use crate::sys;
use crate::update::change::{Change, change};
use crate::update::error::UpdateError;
use crate::update::install::{Report, Request, install};
use crate::update::payload::Candidate;
use crate::update::progress::{Observer, Phase};
use crate::update::stream::Stream;
use crate::update::unit::Unit;

/// Sectors by which a slot is larger than the images here.
const SPARE: usize = 24 * 512;

/// The layout of a card of this size.
pub fn card(media: Sectors) -> Layout {
    let request = LayoutRequest {
        media,
        geometry: Geometry { sectors: 63, heads: 16 },
        slots: SlotCount::Two,
        code: None,
        cfg: Sectors(2048),
        data: DataSize::None,
    };
    Layout::plan(&request).unwrap()
}

/// The unit.
pub struct Bench {
    pub disk: Shared,
    pub running: Slot,
    pub release: Release,
    pub keys: PublicKeys,
    /// Whether the disk has one of FreeBSD's boot programs.
    pub is_stock: bool,
    /// The program that does not do what it is asked, and whether it says so.
    pub broken: Cell<Option<(&'static str, bool)>>,
    /// The programs that were run.
    pub ran: RefCell<Vec<String>>,
    /// The version of the disk layout.
    pub disk_layout: u32,
    /// Seconds since the boot.
    pub uptime: Cell<u32>,
    /// A change that is made at this uptime, while a command waits.
    pub meanwhile: Cell<Option<(u32, Change)>>,
    /// The uptime at which the copies of the boot state become unreadable.
    pub state_dies_at: Cell<Option<u32>>,
    /// How often a command has restarted the unit.
    pub restarts: Cell<u32>,
    /// The signal that a command was sent, if any.
    pub stop: Rc<Cell<Option<&'static str>>>,
    /// Whether signals to this process count, too.
    pub is_process: bool,
    /// The uptime at which another process gives up its lock.
    pub unlocked_at: Cell<Option<u32>>,
    is_locked: Rc<Cell<bool>>,
    /// Shared by the slices that are open for writing.
    writer: Rc<()>,
}

/// An update that is simply there.
pub struct Plain<R>(pub R);

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Stream for Plain<R> {
    fn expect(&mut self, _: u64) {}
}

/// The lock of a bench. It is no file, since a child process of another test could hold a file lock for a moment.
pub struct Lock(Rc<Cell<bool>>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Records what an installation reports.
#[derive(Default)]
pub struct Recorder {
    pub warnings: Vec<String>,
    pub started: bool,
    pub progress: Vec<(Phase, u64)>,
}

impl Observer for Recorder {
    fn start(&mut self, _: &Candidate, _: Slot) {
        self.started = true;
    }
    fn progress(&mut self, phase: Phase, done: Sectors, _: Sectors) {
        self.progress.push((phase, done.0));
    }
    fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }
}

impl Bench {
    /// A unit that runs `running` from slot 1 and has `other` in slot 2, which is good.
    pub fn new(running: &[u8], other: &[u8]) -> Self {
        let state = BootState::factory(Slot::First, [true; 2], None);
        Self::with(Slot::First, [running.to_vec(), other.to_vec()], &state)
    }

    /// A unit with these slots and this state.
    pub fn with(running: Slot, slots: [Vec<u8>; 2], state: &BootState) -> Self {
        let longest = slots.iter().map(Vec::len).max().unwrap_or_default() + SPARE;
        let slots = slots.map(|mut slot| {
            slot.resize(longest, 0xe5);
            slot
        });
        let disk = Disk::new(&card(Sectors::from_mib(1000)), slots, store::records(state).unwrap());
        let mut bench = Self {
            disk: Rc::new(RefCell::new(disk)),
            running,
            release: Release {
                product: "sluice".into(),
                version: String::new(),
                board: "alix".into(),
                commit: "3ed14b5".into(),
                world: "miniature".into(),
                config_version: 1,
                trial_deadline: 900,
                key_epoch: 0,
                revoked_keys: Vec::new(),
                lowers_floors: Vec::new(),
            },
            keys: bundles::keys(),
            is_stock: false,
            broken: Cell::default(),
            ran: RefCell::default(),
            disk_layout: LAYOUT,
            uptime: Cell::new(60),
            meanwhile: Cell::default(),
            state_dies_at: Cell::default(),
            restarts: Cell::default(),
            stop: Rc::default(),
            is_process: false,
            unlocked_at: Cell::default(),
            is_locked: Rc::default(),
            writer: Rc::default(),
        };
        bench.run(running);
        bench
    }

    /// The same unit, with a card of its own.
    pub fn copy(&self) -> Self {
        Self {
            disk: Rc::new(RefCell::new(self.disk.borrow().clone())),
            running: self.running,
            release: self.release.clone(),
            keys: self.keys.clone(),
            is_stock: self.is_stock,
            broken: Cell::default(),
            ran: RefCell::default(),
            disk_layout: self.disk_layout,
            uptime: Cell::new(60),
            meanwhile: Cell::default(),
            state_dies_at: Cell::default(),
            restarts: Cell::default(),
            stop: Rc::default(),
            is_process: false,
            unlocked_at: Cell::default(),
            is_locked: Rc::default(),
            writer: Rc::default(),
        }
    }

    /// The same unit with this sector 0, which has one of FreeBSD's boot programs.
    pub fn with_sector(mut self, sector: &Sector) -> Self {
        self.disk.borrow_mut().poke(MBR, 0, sector);
        self.is_stock = true;
        self
    }

    /// Makes `slot` the running one.
    pub fn run(&mut self, slot: Slot) {
        self.running = slot;
        let disk = self.disk.borrow();
        let at = HEADER_SECTOR.bytes() as usize;
        if let Ok(header) = SlotHeader::decode(&disk.slot(slot)[at..at + 512]) {
            self.release.version = header.version;
        }
    }

    /// The medium of the boot state.
    pub fn medium(&self) -> States {
        States(Rc::clone(&self.disk))
    }

    /// The boot state.
    pub fn boot_state(&self) -> BootState {
        store::load(&mut self.medium()).unwrap().state
    }

    /// Loses all copies of the boot state.
    pub fn lose_state(&self) {
        for copy in 0..COPIES {
            self.disk.borrow_mut().poke(STATE + copy, 0, &[0; 512]);
        }
    }

    /// The slot that starts with nobody at the console. The boot manager writes the payment first, which may fail.
    pub fn start(&self) -> Option<Slot> {
        if self.is_stock {
            return self.start_stock();
        }
        let mut medium = self.medium();
        let order = match store::load(&mut medium) {
            Ok(loaded) => {
                let choice = loaded.state.choose(None);
                let pay = |payment| {
                    let state = loaded.state.after(payment);
                    store::save(&mut medium, loaded, &state).is_ok()
                };
                if choice.payment.is_none_or(pay) { choice.order } else { choice.unpaid }
            }
            Err(_) => without_state(None).order,
        };
        order.into_iter().find(|&slot| self.disk.borrow().is_startable(slot))
    }

    /// What boot0 and boot1, or mbr and boot1, start.
    fn start_stock(&self) -> Option<Slot> {
        let disk = self.disk.borrow();
        let sector = disk.all()[MBR];
        let active = (0..4).find(|index| sector[446 + 16 * index] == 0x80);
        let is_boot0 = sector[0x1ae..].starts_with(b"Drive ");
        let loaded = if is_boot0 { Some(usize::from(sector[0x1b5])) } else { active };
        // Without a signature, boot0 prints `#` for ever.
        let is_loaded = Slot::ALL.get(loaded?).is_some_and(|slot| disk.is_startable(*slot));
        Slot::ALL.get(active.unwrap_or_default()).copied().filter(|_| is_loaded)
    }

    /// Reboots the unit.
    pub fn restart(&mut self) {
        let slot = self.start().expect("a slot that can start");
        self.run(slot);
    }

    /// `sluice update install` of these bytes.
    pub fn install(&self, update: impl Read) -> Result<Report, UpdateError> {
        install(self, Request::default(), || Ok(Plain(update)), &mut Recorder::default())
    }

    /// Whether a slot holds all of this image.
    pub fn holds(&self, slot: Slot, image: &[u8]) -> bool {
        self.disk.borrow().slot(slot).starts_with(image)
    }
}

impl Unit for Bench {
    type Slice = Slice;
    type State = States;
    type History = Histories;
    type Lock = Lock;

    fn try_lock(&self) -> Result<Option<Lock>, UpdateError> {
        Ok((!self.is_locked.replace(true)).then(|| Lock(Rc::clone(&self.is_locked))))
    }
    fn running(&self) -> Result<Slot, UpdateError> {
        Ok(self.running)
    }
    fn layout(&self) -> Result<u32, UpdateError> {
        Ok(self.disk_layout)
    }
    fn release(&self) -> Result<Release, UpdateError> {
        Ok(self.release.clone())
    }
    fn keys(&self) -> Result<PublicKeys, UpdateError> {
        Ok(self.keys.clone())
    }
    fn slice(&self, slot: Slot, access: Access) -> Result<Slice, UpdateError> {
        let writer = (access == Access::Write).then(|| Rc::clone(&self.writer));
        Ok(Slice { disk: Rc::clone(&self.disk), region: slot.index(), _writer: writer })
    }
    fn state(&self) -> Result<States, UpdateError> {
        Ok(self.medium())
    }
    fn history(&self) -> Result<Histories, UpdateError> {
        Ok(Histories(Rc::clone(&self.disk)))
    }
    fn now(&self) -> (u64, u32) {
        (1_700_000_000, self.uptime.get())
    }
    fn sleep(&self, time: Duration) {
        self.uptime.set(self.uptime.get() + time.as_secs() as u32);
        if self.unlocked_at.get().is_some_and(|uptime| uptime <= self.uptime.get()) {
            self.is_locked.set(false);
        }
        if self.state_dies_at.get().is_some_and(|uptime| uptime <= self.uptime.get()) {
            self.disk.borrow_mut().trouble = Trouble::StateDeadFrom(0);
        }
        if let Some((_, what)) = self.meanwhile.get().filter(|(uptime, _)| *uptime <= self.uptime.get()) {
            self.meanwhile.set(None);
            change(self, what).unwrap();
        }
    }
    fn reboot(&self) -> Result<(), UpdateError> {
        self.restarts.set(self.restarts.get() + 1);
        Ok(())
    }
    fn stop_signal(&self) -> Option<&'static str> {
        self.stop.get().or_else(|| sys::stop_signal().filter(|_| self.is_process))
    }
    fn stock_boot(&self) -> Result<Option<StockBoot>, UpdateError> {
        if !self.is_stock {
            return Ok(None);
        }
        let disk = self.disk.borrow();
        let is_armed = Slot::ALL.map(|slot| disk.is_startable(slot));
        StockBoot::of("ada0", disk.all()[MBR], is_armed)
            .map_err(|error| UpdateError::System(error.to_string()))
    }
    fn run_program(&self, command: &[String]) -> Result<(), String> {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        self.ran.borrow_mut().push(words.join(" "));
        if let Some((_, is_reported)) = self.broken.get().filter(|(name, _)| words[0].ends_with(name)) {
            return if is_reported { Err(format!("{} ended with 1: no luck", words[0])) } else { Ok(()) };
        }
        let mut sector = [0; 512];
        let mut sector_0 = Slice { disk: Rc::clone(&self.disk), region: MBR, _writer: None };
        let error = |error: io::Error| error.to_string();
        sector_0.read_at(Sectors::ZERO, &mut sector).map_err(error)?;
        let sector = match *words {
            ["/sbin/gpart", "set", "-a", "active", "-i", slice, "ada0"] => {
                with_active(sector, &[slice.parse().unwrap()])
            }
            ["/usr/sbin/boot0cfg", "-s", slice, "ada0"] => {
                assert!(
                    Rc::strong_count(&self.writer) > 1,
                    "boot0cfg would write the disk and unmount the root"
                );
                with_default(sector, slice.parse().unwrap())
            }
            _ => panic!("{words:?}"),
        };
        sector_0.write_at(Sectors::ZERO, &sector).map_err(error)?;
        sector_0.flush().map_err(error)
    }
}
