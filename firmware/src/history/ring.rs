//! The ring of records, stored twice.

use std::collections::BTreeMap;
use std::io;

use super::record::{Entry, RECORD_BYTES, Record};

/// The number of copies of the ring.
pub const COPIES: usize = 2;

/// The number of records that are kept.
pub const RECORDS: u32 = 128;

/// Where the copies are stored: partitions of the card, or of an image of it. Copies count from 0.
pub trait Medium {
    /// Reads a record's sector of a copy.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&mut self, copy: usize, index: u32, sector: &mut [u8; RECORD_BYTES]) -> io::Result<()>;

    /// Writes a record's sector of a copy.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&mut self, copy: usize, index: u32, sector: &[u8; RECORD_BYTES]) -> io::Result<()>;

    /// Returns once everything written to a copy would survive a power cut.
    ///
    /// # Errors
    /// The medium cannot guarantee that.
    fn flush(&mut self, copy: usize) -> io::Result<()>;
}

/// The records of one copy, by their sequence numbers.
type Records = BTreeMap<u32, Record>;

/// Reads the history, the oldest record first. A record is found if either copy has it.
pub fn read(medium: &mut impl Medium) -> Vec<Record> {
    let [mut first, second] = [0, 1].map(|copy| read_copy(medium, copy));
    first.extend(second);
    latest(first).into_values().collect()
}

/// Adds an entry to both copies, after whatever one of them is missing.
///
/// # Errors
/// Neither copy can be written; the first error.
pub fn append(medium: &mut impl Medium, entry: Entry) -> io::Result<()> {
    let copies = [0, 1].map(|copy| read_copy(medium, copy));
    let mut all = copies[0].clone();
    all.extend(copies[1].clone());
    let sequence = all.last_key_value().map_or(0, |(last, _)| *last).saturating_add(1);
    all.insert(sequence, Record { sequence, entry });
    let all = latest(all);
    let mut failure = None;
    let mut is_written = false;
    for (copy, found) in copies.iter().enumerate() {
        let missing = all.values().filter(|record| !found.contains_key(&record.sequence));
        match write_all(medium, copy, missing) {
            Ok(()) => is_written = true,
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if !is_written => Err(error),
        _ => Ok(()),
    }
}

fn write_all<'a>(
    medium: &mut impl Medium,
    copy: usize,
    records: impl Iterator<Item = &'a Record>,
) -> io::Result<()> {
    for record in records {
        medium.write(copy, record.sequence % RECORDS, &record.encode())?;
    }
    medium.flush(copy)
}

fn read_copy(medium: &mut impl Medium, copy: usize) -> Records {
    let mut sector = [0; RECORD_BYTES];
    let mut read = |index| {
        medium.read(copy, index, &mut sector).ok()?;
        Record::decode(&sector).filter(|record| record.sequence % RECORDS == index)
    };
    (0..RECORDS).filter_map(&mut read).map(|record| (record.sequence, record)).collect()
}

/// Those that are not older than the ring is long: a copy that was not written for long may have others.
fn latest(records: Records) -> Records {
    let last = records.last_key_value().map_or(0, |(last, _)| *last);
    records.into_iter().filter(|(sequence, _)| last - sequence < RECORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::*;
    use crate::slot::Slot;

    struct Rings {
        copies: [Vec<[u8; RECORD_BYTES]>; COPIES],
        dead: [bool; COPIES],
        writes: usize,
    }

    impl Rings {
        fn new() -> Self {
            let blank = || vec![[0xff; RECORD_BYTES]; RECORDS as usize];
            Self { copies: [blank(), blank()], dead: [false; COPIES], writes: 0 }
        }

        fn alive(&self, copy: usize) -> io::Result<()> {
            if self.dead[copy] { Err(io::Error::other(format!("copy {copy} is dead"))) } else { Ok(()) }
        }

        fn sequences(&mut self) -> Vec<u32> {
            read(self).into_iter().map(|record| record.sequence).collect()
        }
    }

    impl Medium for Rings {
        fn read(&mut self, copy: usize, index: u32, sector: &mut [u8; RECORD_BYTES]) -> io::Result<()> {
            self.alive(copy)?;
            *sector = self.copies[copy][index as usize];
            Ok(())
        }
        fn write(&mut self, copy: usize, index: u32, sector: &[u8; RECORD_BYTES]) -> io::Result<()> {
            self.alive(copy)?;
            self.writes += 1;
            self.copies[copy][index as usize] = *sector;
            Ok(())
        }
        fn flush(&mut self, copy: usize) -> io::Result<()> {
            self.alive(copy)
        }
    }

    fn entry(uptime: u32) -> Entry {
        Entry {
            time: 0,
            uptime,
            event: Event::Confirmed,
            slot: Some(Slot::First),
            version: None,
            digest: None,
            result: 0,
        }
    }

    #[test]
    fn the_ring_keeps_the_last_records() {
        let mut rings = Rings::new();
        assert_eq!(read(&mut rings), []);
        for number in 1..=300 {
            append(&mut rings, entry(number)).unwrap();
            assert_eq!(rings.writes, 2 * number as usize, "one write for each copy");
        }
        let records = read(&mut rings);
        assert_eq!(records.len(), RECORDS as usize);
        assert!(records.iter().zip(173..).all(|(record, number)| record.sequence == number));
        assert!(records.iter().all(|record| record.entry.uptime == record.sequence));
    }

    #[test]
    fn a_copy_that_is_destroyed_is_restored_from_the_other() {
        for copy in 0..COPIES {
            let mut rings = Rings::new();
            (1..=10).for_each(|number| append(&mut rings, entry(number)).unwrap());
            rings.copies[copy].fill([0; RECORD_BYTES]);
            assert_eq!(rings.sequences(), Vec::from_iter(1..=10));
            append(&mut rings, entry(11)).unwrap();
            rings.copies[1 - copy].fill([0; RECORD_BYTES]);
            assert_eq!(rings.sequences(), Vec::from_iter(1..=11));
        }
    }

    #[test]
    fn a_dead_copy_costs_no_record() {
        for copy in 0..COPIES {
            let mut rings = Rings::new();
            rings.dead[copy] = true;
            (1..=200).for_each(|number| append(&mut rings, entry(number)).unwrap());
            assert_eq!(rings.sequences(), Vec::from_iter(73..=200));
            // What it had before is not shown again.
            rings.dead[copy] = false;
            rings.copies[copy][5] = Record { sequence: 5, entry: entry(5) }.encode();
            assert_eq!(rings.sequences(), Vec::from_iter(73..=200));
        }
        let mut rings = Rings::new();
        rings.dead = [true; COPIES];
        assert_eq!(append(&mut rings, entry(1)).unwrap_err().to_string(), "copy 0 is dead");
    }
}
