//! A unit of the lab: a card, and a machine that is switched on and off.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bsd_disk::units::Sectors;
use builder::board;
use firmware::slot::Slot;
use tempfile::TempDir;

use crate::card::Card;
use crate::qemu::{Console, Disk, Guest, Machine, copy_sparse};
use crate::rig::{Rig, World};

/// The timeout of a boot: FreeBSD takes about 20 s to `login:` on an idle machine.
const BOOT: Duration = Duration::from_secs(300);

/// Printed by the boot manager when it waits for a key.
const MENU: &str = "to choose";

/// A unit.
pub struct Unit<'a> {
    /// What all scenarios share.
    pub rig: &'a Rig,
    /// Its card, which only the machine writes while it is on.
    pub card: Card,
    factory: Vec<u8>,
    guest: Option<Guest>,
    /// What its machine has besides its card and its network.
    equip: fn(Machine) -> Machine,
    /// Whether the host caches what is written to the card.
    cached: bool,
    /// Its disks besides the card.
    disks: Vec<Disk>,
    boots: u32,
    logs: PathBuf,
    notes: Vec<String>,
    _dir: TempDir,
}

impl<'a> Unit<'a> {
    /// A unit fresh from the factory, with the card of the image `full`. The serial logs of its boots go to `logs`, which is
    /// emptied first.
    ///
    /// # Errors
    /// The image cannot be copied.
    pub fn new(rig: &'a Rig, full: &Path, logs: &Path) -> Result<Self> {
        if logs.exists() {
            fs::remove_dir_all(logs)
                .with_context(|| format!("removing the previous logs {}", logs.display()))?;
        }
        fs::create_dir_all(logs).with_context(|| format!("making {}", logs.display()))?;
        let dir = tempfile::tempdir_in(&rig.logs).context("making a directory for a card")?;
        let path = dir.path().join("card.img");
        copy_sparse(full, &path)?;
        let card = Card::open(&path)?;
        let factory = card.read(Sectors::ZERO, factory_area(&card)?)?;
        let (guest, boots, notes) = (None, 0, Vec::new());
        Ok(Self {
            rig,
            card,
            factory,
            guest,
            equip: |machine| machine,
            cached: false,
            disks: Vec::new(),
            boots,
            logs: logs.to_owned(),
            notes,
            _dir: dir,
        })
    }

    /// Attaches another disk, from the next time on that it is switched on.
    pub fn add_disk(&mut self, disk: Disk) {
        self.disks.push(disk);
    }

    /// Changes its machine, from the next time on that it is switched on.
    pub fn equip(&mut self, equip: fn(Machine) -> Machine) {
        self.equip = equip;
    }

    /// Gives its card a write cache or none, from the next time on that it is switched on.
    pub fn cache(&mut self, cached: bool) {
        self.cached = cached;
    }

    /// Switches it on.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn boot(&mut self) -> Result<()> {
        let card = Disk::kept(self.card.path());
        self.boot_from(if self.cached { card.cached() } else { card })
    }

    /// Switches it on with its card attached as `disk`.
    ///
    /// # Errors
    /// QEMU does not start.
    pub fn boot_from(&mut self, disk: Disk) -> Result<()> {
        self.boots += 1;
        let log = self.logs.join(format!("boot-{:03}.log", self.boots));
        let mut machine = self.disks.iter().cloned().fold(Machine::new().disk(disk), Machine::disk);
        if self.rig.world == World::FreeBsd {
            machine = machine.network([]);
        }
        self.guest = Some((self.equip)(machine).start(&log)?);
        Ok(())
    }

    /// Its serial console.
    ///
    /// # Errors
    /// It is switched off.
    pub fn console(&mut self) -> Result<&mut Console> {
        Ok(&mut self.guest.as_mut().context("the unit is switched off")?.console)
    }

    /// Waits for `text` on the console.
    ///
    /// # Errors
    /// It does not appear.
    pub fn expect(&mut self, text: &str) -> Result<String> {
        self.console()?.expect(text, BOOT)
    }

    /// Waits for the boot manager's menu and types `keys`.
    ///
    /// # Errors
    /// The menu does not appear.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        self.expect(MENU)?;
        self.console()?.send(keys)
    }

    /// Waits until a slot boots, and returns it.
    ///
    /// # Errors
    /// No slot boots.
    pub fn started(&mut self) -> Result<Slot> {
        let world = self.rig.world;
        let patterns = Slot::ALL.map(|slot| match world {
            World::Miniature => format!("sluice miniature: slot {slot}, version"),
            World::FreeBsd => format!("mount root from ufs:/dev/{}s{slot}a", board::DEFAULT.drive),
        });
        let (which, _) = self.console()?.expect_any(&patterns.each_ref().map(String::as_str), BOOT)?;
        Ok(Slot::ALL[which])
    }

    /// Waits until `slot` has booted, as far as its world can.
    ///
    /// # Errors
    /// The other slot boots, or none.
    pub fn expect_slot(&mut self, slot: Slot) -> Result<()> {
        let started = self.started()?;
        ensure!(started == slot, "slot {started} booted instead of slot {slot}");
        let up = match self.rig.world {
            World::Miniature => "no kernel, halted",
            World::FreeBsd => "login: ",
        };
        self.expect(up)?;
        Ok(())
    }

    /// Boots without a choice, and cuts the power when `slot` has booted. Enter ends the waiting of the menu.
    ///
    /// # Errors
    /// The other slot boots, or none.
    pub fn boots_into(&mut self, slot: Slot) -> Result<()> {
        self.boot()?;
        self.press("\r")?;
        self.expect_slot(slot)?;
        self.cut_power()
    }

    /// Cuts the power.
    ///
    /// # Errors
    /// It is switched off.
    pub fn cut_power(&mut self) -> Result<()> {
        self.guest.take().context("the unit is switched off")?.power_cut()
    }

    /// Everything that the machine has sent since it was switched on.
    ///
    /// # Errors
    /// It is switched off.
    pub fn transcript(&mut self) -> Result<String> {
        Ok(self.console()?.transcript())
    }

    /// Adds a note to the outcome.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Takes the notes.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Checks that nothing before the first copy of the boot state has changed since the factory.
    ///
    /// # Errors
    /// A sector has changed.
    pub fn check_factory_area(&self) -> Result<()> {
        let now = self.card.read(Sectors::ZERO, factory_area(&self.card)?)?;
        if let Some(at) = now.iter().zip(&self.factory).position(|(now, then)| now != then) {
            bail!("sector {} of the card is no longer what the factory wrote", at as u64 / 512);
        }
        Ok(())
    }
}

/// What the factory writes for ever: MBR, boot manager, and the label of slice 3.
fn factory_area(card: &Card) -> Result<Sectors> {
    Ok(card.partitions()?.state[0].start)
}
