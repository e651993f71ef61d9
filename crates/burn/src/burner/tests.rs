//! Burning to a card in memory that fails on purpose.

use std::cell::RefCell;
use std::io;

use insta::assert_snapshot;

use super::*;

/// A card with faults, which records its writes and flushes.
struct Faulty {
    bytes: Vec<u8>,
    /// Sectors that cannot be written.
    stuck: Vec<u64>,
    /// Sectors that cannot be read.
    unreadable: Vec<u64>,
    /// Sectors that lose what is written to them.
    forgetful: Vec<u64>,
    /// The size that it really has.
    end: u64,
    flush_fails: bool,
    asked: Vec<String>,
}

/// Sectors of the image and of the card.
const SECTORS: u64 = 8192;

impl Faulty {
    fn new() -> Self {
        Self {
            bytes: vec![0xa5; (SECTORS * SECTOR_BYTES) as usize],
            stuck: Vec::new(),
            unreadable: Vec::new(),
            forgetful: Vec::new(),
            end: SECTORS,
            flush_fails: false,
            asked: Vec::new(),
        }
    }

    fn boots(&self) -> bool {
        self.bytes[510..512] == [0x55, 0xaa]
    }
}

fn sectors(at: u64, bytes: &[u8]) -> Range<u64> {
    at / SECTOR_BYTES..(at + bytes.len() as u64) / SECTOR_BYTES
}

impl Card for Faulty {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = sectors(at, bytes);
        self.asked.push(format!("write {}..{}", range.start, range.end));
        if range.end > self.end {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.stuck.iter().any(|sector| range.contains(sector)) {
            return Err(io::Error::from_raw_os_error(5));
        }
        for (sector, bytes) in range.zip(bytes.chunks(SECTOR_BYTES as usize)) {
            if !self.forgetful.contains(&sector) {
                self.bytes[(sector * SECTOR_BYTES) as usize..][..bytes.len()].copy_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let range = sectors(at, bytes);
        if self.unreadable.iter().any(|sector| range.contains(sector)) {
            return Err(io::Error::from_raw_os_error(5));
        }
        bytes.copy_from_slice(&self.bytes[at as usize..][..bytes.len()]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.asked.push("flush".to_owned());
        if self.flush_fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }
}

/// An image without a zero, and the parts of it that are burnt.
fn image() -> (tempfile::NamedTempFile, Image, Vec<Range<u64>>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes: Vec<u8> =
        (0..SECTORS * SECTOR_BYTES).map(|at| (at / SECTOR_BYTES % 251) as u8 + 1).collect();
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(file.path(), bytes).unwrap();
    let image = Image::open(file.path()).unwrap();
    (file, image, vec![512..4096 * 512, 5000 * 512..SECTORS * 512])
}

fn run(card: &mut Faulty) -> Result<(), Failure> {
    let (_file, image, parts) = image();
    burn(card, &image, &parts, &AtomicBool::new(false), &mut |_, _, _| {})
}

#[test]
fn sector_0_is_cleared_first_and_written_last() {
    let mut card = Faulty::new();
    run(&mut card).unwrap();
    assert_eq!(
        card.asked.join(", "),
        "write 0..1, flush, write 1..2048, write 2048..4096, write 5000..6144, write 6144..8192, flush, write 0..1, flush"
    );
    let (file, ..) = image();
    let image = std::fs::read(file.path()).unwrap();
    assert!(card.boots());
    assert_eq!(card.bytes[..4096 * 512], image[..4096 * 512]);
    assert!(card.bytes[4096 * 512..5000 * 512].iter().all(|byte| *byte == 0xa5), "what was left out");
    assert_eq!(card.bytes[5000 * 512..], image[5000 * 512..]);
}

#[test]
fn a_failure_leaves_a_card_that_does_not_boot_and_names_the_sector() {
    let failure = |spoil: &dyn Fn(&mut Faulty)| {
        let mut card = Faulty::new();
        spoil(&mut card);
        let failure = run(&mut card).unwrap_err();
        assert!(!card.boots());
        failure.to_string()
    };
    assert_snapshot!(failure(&|card| card.stuck = vec![3000]), @"writing sectors 2048 to 4095: Input/output error (os error 5); 1048576 of 3731456 bytes were written, and the card will not boot until it is burnt again");
    assert_snapshot!(failure(&|card| card.end = 7000), @"writing sectors 6144 to 8191: no storage space; 2682880 of 3731456 bytes were written, and the card will not boot until it is burnt again");
    assert_snapshot!(failure(&|card| card.flush_fails = true), @r"
    flushing the card: Input/output error (os error 5); 0 of 3731456 bytes were written, and the card may or may not boot
    hint: burn the card again before you use it
    ");
    assert_snapshot!(failure(&|card| card.forgetful = vec![5001, 70, 71]), @r"
    reading back: 3 sectors do not hold what was written; the first is sector 70, which holds something else; 3730944 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    hint: try another card or another reader
    ");
    assert_snapshot!(failure(&|card| card.unreadable = vec![6000]), @r"
    reading back: 1 sector does not hold what was written; the first is sector 6000: Input/output error (os error 5); 3730944 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    hint: try another card or another reader
    ");
    assert_snapshot!(failure(&|card| card.forgetful = vec![0]), @r"
    reading back: 1 sector does not hold what was written; the first is sector 0, which holds something else; 0 of 3731456 bytes were written, and the card may or may not boot
    hint: burn the card again before you use it
    hint: try another card or another reader
    ");
    assert_snapshot!(failure(&|card| card.stuck = vec![0]), @r"
    writing sector 0: Input/output error (os error 5); 0 of 3731456 bytes were written, and the card may or may not boot
    hint: burn the card again before you use it
    ");
}

#[test]
fn being_stopped_anywhere_leaves_a_card_that_does_not_boot() {
    let (_file, image, parts) = image();
    let steps = RefCell::new(Vec::new());
    let stop_after = |count: usize| {
        let stop = AtomicBool::new(count == 0);
        let mut card = Faulty::new();
        let mut left = count;
        let burnt = burn(&mut card, &image, &parts, &stop, &mut |_, _, _| {
            left = left.saturating_sub(1);
            stop.store(left == 0, Ordering::Relaxed);
        });
        if let Err(failure) = &burnt {
            assert!(!card.boots());
            assert_eq!(failure.card == CardState::Unchanged, card.asked.is_empty());
            steps.borrow_mut().push(failure.to_string());
        }
        burnt.is_ok()
    };
    // Sector 0 is cleared, 4 chunks are written and as many read back; after them nothing waits to be stopped.
    let ends: Vec<bool> = (0..=9).map(stop_after).collect();
    assert_eq!(ends, [false, false, false, false, false, false, false, false, false, true]);
    assert_snapshot!(steps.into_inner().join("\n"), @r#"
    stopped while writing; nothing was written, the card is unchanged
    stopped while writing; 512 of 3731456 bytes were written, and the card will not boot until it is burnt again
    stopped while writing; 1048576 of 3731456 bytes were written, and the card will not boot until it is burnt again
    stopped while writing; 2097152 of 3731456 bytes were written, and the card will not boot until it is burnt again
    stopped while writing; 2682880 of 3731456 bytes were written, and the card will not boot until it is burnt again
    stopped while checking; 0 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    stopped while checking; 1048064 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    stopped while checking; 2096640 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    stopped while checking; 2682368 of 3731456 bytes were checked, and the card will not boot until it is burnt again
    "#);
}
