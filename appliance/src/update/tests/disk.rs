//! A card with a write cache and erase blocks: writes that were not flushed before a power cut are lost, reordered or torn,
//! and the block that was being written is destroyed as a whole, with everything else in it.
//!
//! It is crueller than real cards: each region has a cache of its own, so a flush of one ensures nothing about another.
//! Regions are where the layout of a real card has them; only the beginning of each is stored.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bsd_disk::units::Sectors;
use firmware::bundle::ImageDigest;
use firmware::history;
use firmware::layout::Layout;
use firmware::slot::Slot;
use firmware::state::store::Medium;
use firmware::state::{COPIES, Digest, STATE_BYTES};

use crate::disk::Storage;

/// Slot 1, slot 2, the copies of the boot state and of the history, the head of `/cfg`, and sector 0.
pub const REGIONS: usize = 9;
/// The first region with a copy of the boot state.
pub const STATE: usize = 2;
/// The first region with a copy of the history.
pub const HISTORY: usize = STATE + COPIES;
/// The head of `/cfg`.
pub const CFG: usize = HISTORY + history::COPIES;
/// Sector 0.
pub const MBR: usize = CFG + 1;

/// What goes wrong, besides the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// The n-th read fails.
    Read(usize),
    /// The n-th write or flush fails.
    Write(usize),
    /// The n-th write is lost, without an error.
    Forgets(usize),
    /// The n-th write changes this byte of the same region, without an error.
    Disturbs(usize, usize),
    /// This region cannot be read or written any more.
    Dead(usize),
    /// No copy of the boot state can be written any more.
    StateUnwritable,
    /// No copy of the boot state can be written any more, from the n-th operation on.
    StateUnwritableFrom(usize),
    /// Every copy of the boot state reports an error when it is flushed, from the n-th operation on, and is written.
    StateUnflushableFrom(usize),
    /// No copy of the boot state can be read or written any more, from the n-th operation on.
    StateDeadFrom(usize),
    /// No copy of the history can be written any more.
    HistoryUnwritable,
}

#[derive(Clone)]
struct Region {
    /// Where it is on the card, in bytes.
    start: u64,
    durable: Vec<u8>,
    /// What the system reads, including what is in the cache.
    seen: Vec<u8>,
    cache: Vec<(usize, Vec<u8>)>,
}

/// The card.
#[derive(Clone)]
pub struct Disk {
    regions: [Region; REGIONS],
    /// Writes and flushes so far: at each of them the power can fail.
    pub operations: usize,
    /// Writes so far.
    pub writes: usize,
    pub reads: usize,
    /// The operation at which the power fails.
    pub cut: Option<usize>,
    /// Bytes of an erase block, if a power cut destroys the one that is being written.
    pub erase_block: Option<u64>,
    /// The region and the byte in it that were written last.
    written_last: Option<(usize, usize)>,
    off: bool,
    pub trouble: Trouble,
    used: [Vec<usize>; 3],
}

/// A shared card.
pub type Shared = Rc<RefCell<Disk>>;

/// A stream of numbers that is the same in every run (Numerical Recipes' generator).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}

impl Disk {
    /// A card with these slots and these copies of the boot state.
    pub fn new(layout: &Layout, slots: [Vec<u8>; 2], states: [[u8; STATE_BYTES]; COPIES]) -> Self {
        let region =
            |bytes: Vec<u8>| Region { start: 0, seen: bytes.clone(), durable: bytes, cache: Vec::new() };
        let ([one, two], [first, second, third]) = (slots, states.map(|state| state.to_vec()));
        let ring = || vec![0; history::RECORDS as usize * history::RECORD_BYTES];
        let mut disk = Self {
            regions: [one, two, first, second, third, ring(), ring(), vec![0xdd; 64 << 10], vec![0; 512]]
                .map(region),
            operations: 0,
            writes: 0,
            reads: 0,
            cut: None,
            erase_block: None,
            written_last: None,
            off: false,
            trouble: Trouble::None,
            used: Default::default(),
        };
        disk.place(layout);
        disk
    }

    /// Puts the regions where this layout has them.
    pub fn place(&mut self, layout: &Layout) {
        let partitions = layout.partitions();
        let slots = layout.slots.iter();
        let starts = slots
            .chain(&partitions.state)
            .chain(&partitions.history)
            .chain([&partitions.cfg])
            .map(|slice| slice.start.bytes());
        for (region, start) in self.regions.iter_mut().zip(starts) {
            region.start = start;
        }
    }

    /// The bytes of a slot.
    pub fn slot(&self, slot: Slot) -> &[u8] {
        &self.regions[slot.index()].seen
    }

    /// Every byte of the card.
    pub fn all(&self) -> [&[u8]; REGIONS] {
        std::array::from_fn(|region| &*self.regions[region].seen)
    }

    /// A digest of every byte of the card.
    pub fn content(&self) -> Digest {
        let mut digest = ImageDigest::new();
        for region in self.all() {
            digest.add(region);
        }
        digest.finish()
    }

    /// Whether a boot program would start the slot.
    pub fn is_startable(&self, slot: Slot) -> bool {
        self.slot(slot)[510..512] == [0x55, 0xaa]
    }

    /// Writes behind the system's back.
    pub fn poke(&mut self, region: usize, at: usize, bytes: &[u8]) {
        let region = &mut self.regions[region];
        for copy in [&mut region.durable, &mut region.seen] {
            copy[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Resets the counters.
    pub fn reset_counters(&mut self) {
        (self.operations, self.writes, self.reads) = (0, 0, 0);
        self.used = Default::default();
    }

    /// The regions of the operations since the counters were reset: of writes and flushes, of writes, and of reads.
    pub fn regions_used(&self) -> [&[usize]; 3] {
        self.used.each_ref().map(Vec::as_slice)
    }

    /// Restores the power. `seed` decides what happened to the cache: with 0 it is lost, with 1 only the last write is torn,
    /// otherwise the writes are reordered, and each is lost, kept or torn.
    pub fn power_up(&mut self, seed: u64) {
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + self.operations as u64);
        for region in &mut self.regions {
            let mut cache = std::mem::take(&mut region.cache);
            if seed >= 2 {
                for last in (1..cache.len()).rev() {
                    cache.swap(last, dice.below(last + 1));
                }
            }
            let last = cache.len().saturating_sub(1);
            for (place, (at, bytes)) in cache.iter().enumerate() {
                let kept = match seed {
                    0 => 0,
                    1 if place < last => bytes.len(),
                    1 => dice.below(bytes.len()),
                    // Lost, kept, torn anywhere, or torn between two sectors.
                    _ => match dice.below(4) {
                        0 => 0,
                        1 => bytes.len(),
                        2 => dice.below(bytes.len()),
                        _ => dice.below(bytes.len() / 512 + 1) * 512,
                    },
                };
                region.durable[*at..at + kept].copy_from_slice(&bytes[..kept]);
            }
            region.seen.clone_from(&region.durable);
        }
        if let (Some(bytes), Some((region, at))) = (self.erase_block, self.written_last) {
            self.destroy((self.regions[region].start + at as u64) / bytes * bytes, bytes);
        }
        (self.off, self.cut) = (false, None);
    }

    /// Erases `bytes` bytes from `at` on, in whatever regions they are.
    fn destroy(&mut self, at: u64, bytes: u64) {
        for region in &mut self.regions {
            let end = region.start + region.seen.len() as u64;
            let (from, to) = (at.max(region.start), (at + bytes).min(end));
            if from < to {
                let part = (from - region.start) as usize..(to - region.start) as usize;
                region.seen[part.clone()].fill(0xff);
                region.durable[part].fill(0xff);
            }
        }
    }

    fn read(&mut self, region: usize, at: usize, bytes: &mut [u8]) -> io::Result<()> {
        self.reads += 1;
        self.used[2].push(region);
        let is_dead = match self.trouble {
            Trouble::StateDeadFrom(nth) => is_state(region) && self.operations >= nth,
            trouble => [Trouble::Read(self.reads), Trouble::Dead(region)].contains(&trouble),
        };
        if self.off || is_dead {
            return Err(io::Error::other("the card does not answer"));
        }
        let there =
            self.regions[region].seen.get(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(there);
        Ok(())
    }

    fn write(&mut self, region: usize, at: usize, bytes: &[u8]) -> io::Result<()> {
        assert!(at.is_multiple_of(512) && bytes.len().is_multiple_of(512), "raw devices take whole sectors");
        self.begin(region)?;
        self.writes += 1;
        self.used[1].push(region);
        self.written_last = Some((region, at));
        if self.trouble == Trouble::Forgets(self.writes) {
            return Ok(());
        }
        assert!(at + bytes.len() <= self.regions[region].seen.len(), "past the end of the slice");
        self.regions[region].cache.push((at, bytes.to_vec()));
        self.end()?;
        self.regions[region].seen[at..at + bytes.len()].copy_from_slice(bytes);
        match self.trouble {
            Trouble::Disturbs(nth, byte) if nth == self.writes => self.regions[region].seen[byte] ^= 1,
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, region: usize) -> io::Result<()> {
        self.begin(region)?;
        if let Some((at, _)) = self.regions[region].cache.last() {
            self.written_last = Some((region, *at));
        }
        self.end()?;
        if matches!(self.trouble, Trouble::StateUnflushableFrom(nth) if is_state(region) && self.operations >= nth)
        {
            return Err(io::Error::other("the card does not answer"));
        }
        let region = &mut self.regions[region];
        region.cache.clear();
        region.durable.clone_from(&region.seen);
        Ok(())
    }

    fn begin(&mut self, region: usize) -> io::Result<()> {
        self.operations += 1;
        self.used[0].push(region);
        let fails = match self.trouble {
            Trouble::Write(nth) => nth == self.operations,
            Trouble::Dead(dead) => dead == region,
            Trouble::StateUnwritable => is_state(region),
            Trouble::StateUnwritableFrom(nth) | Trouble::StateDeadFrom(nth) => {
                is_state(region) && self.operations >= nth
            }
            Trouble::HistoryUnwritable => (HISTORY..CFG).contains(&region),
            _ => false,
        };
        match self.off || fails {
            true => Err(io::Error::other("the card does not answer")),
            false => Ok(()),
        }
    }

    /// Cuts the power in the middle of an operation.
    fn end(&mut self) -> io::Result<()> {
        if self.cut != Some(self.operations) {
            return Ok(());
        }
        self.off = true;
        Err(io::Error::other("the power failed"))
    }
}

/// Whether a region has a copy of the boot state.
fn is_state(region: usize) -> bool {
    (STATE..STATE + COPIES).contains(&region)
}

/// One slice of a card, or sector 0.
pub struct Slice {
    pub disk: Shared,
    pub region: usize,
    /// Shared by all that are open for writing.
    pub _writer: Option<Rc<()>>,
}

impl Storage for Slice {
    fn size(&self) -> Sectors {
        Sectors::holding_bytes(self.disk.borrow().regions[self.region].seen.len() as u64)
    }
    fn read_at(&mut self, at: Sectors, bytes: &mut [u8]) -> io::Result<()> {
        self.disk.borrow_mut().read(self.region, at.bytes() as usize, bytes)
    }
    fn write_at(&mut self, at: Sectors, bytes: &[u8]) -> io::Result<()> {
        self.disk.borrow_mut().write(self.region, at.bytes() as usize, bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.disk.borrow_mut().flush(self.region)
    }
}

/// The copies of the boot state of a card.
pub struct States(pub Shared);

impl States {
    fn copy(&self, copy: usize) -> Slice {
        Slice { disk: Rc::clone(&self.0), region: STATE + copy, _writer: None }
    }
}

impl Medium for States {
    fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
        self.copy(copy).read_at(Sectors::ZERO, sector)
    }
    fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
        self.copy(copy).write_at(Sectors::ZERO, sector)
    }
    fn flush(&mut self, copy: usize) -> io::Result<()> {
        self.copy(copy).flush()
    }
}

/// The copies of the history of a card.
pub struct Histories(pub Shared);

impl Histories {
    fn copy(&self, copy: usize) -> Slice {
        Slice { disk: Rc::clone(&self.0), region: HISTORY + copy, _writer: None }
    }
}

impl history::Medium for Histories {
    fn read(&mut self, copy: usize, index: u32, sector: &mut [u8; history::RECORD_BYTES]) -> io::Result<()> {
        self.copy(copy).read_at(Sectors(index.into()), sector)
    }
    fn write(&mut self, copy: usize, index: u32, sector: &[u8; history::RECORD_BYTES]) -> io::Result<()> {
        self.copy(copy).write_at(Sectors(index.into()), sector)
    }
    fn flush(&mut self, copy: usize) -> io::Result<()> {
        self.copy(copy).flush()
    }
}
