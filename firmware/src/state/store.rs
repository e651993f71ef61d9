//! The only writer of the boot state, and its reader: three copies, two of which are always intact.
//!
//! Saving overwrites the copy after the newest one, in a circle; if that cannot be written, or is of a later format, the
//! next one. The newest copy is never overwritten. So whatever happens meanwhile, the previous state is still there; and a
//! copy that can no longer be read or written costs nothing but its redundancy.

use std::fmt;
use std::io;

use super::boot_state::BootState;
use super::record::{STATE_BYTES, StateError, is_later};

/// The number of copies.
pub const COPIES: usize = 3;

/// Where the copies are stored: partitions of the card, or of an image of it. Copies count from 0.
pub trait Medium {
    /// Reads the sector of a copy.
    ///
    /// # Errors
    /// The copy cannot be read.
    fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()>;

    /// Writes the sector of a copy.
    ///
    /// # Errors
    /// The copy cannot be written.
    fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()>;

    /// Returns once a copy that was written would survive a power cut.
    ///
    /// # Errors
    /// The medium cannot guarantee that.
    fn flush(&mut self, copy: usize) -> io::Result<()>;
}

/// A boot state that cannot be read or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A copy could not be written, and neither could another.
    #[error("{attempt} copy {} of the boot state: {error}", copy + 1)]
    Medium {
        /// The attempted operation.
        attempt: &'static str,
        /// The copy, from 0.
        copy: usize,
        /// The error of the medium.
        error: io::Error,
    },
    /// No copy is intact.
    #[error("no copy of the boot state is intact; {}", Numbered(.0))]
    NoCopy(Box<[Defect; COPIES]>),
    /// A record cannot store the state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The medium did not keep the data written to it.
    #[error(
        "saving the boot state: copy {} reads back differently; the disk is failing, and the previous state is still in \
         effect", copy + 1
    )]
    ReadBack {
        /// The copy, from 0.
        copy: usize,
    },
    /// Every copy that could be written is of a later format.
    #[error(
        "saving the boot state: the other copies were written by a newer release, and are not overwritten"
    )]
    Future,
}

impl StoreError {
    /// Whether the state is really lost, so that it may be written anew: every copy could be read, and no release, this one
    /// or a newer one, can use any.
    pub fn is_lost(&self) -> bool {
        let lost = |defect: &Defect| matches!(defect, Defect::State(_)) && !defect.is_future();
        matches!(self, Self::NoCopy(defects) if defects.iter().all(lost))
    }

    /// Whether the disk never had a boot state: no copy has the magic number.
    pub fn was_never_written(&self) -> bool {
        let is_blank = |defect: &Defect| matches!(defect, Defect::State(StateError::Magic));
        matches!(self, Self::NoCopy(defects) if defects.iter().all(is_blank))
    }
}

/// The defect of a copy.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The record is invalid.
    #[error(transparent)]
    State(#[from] StateError),
    /// The copy cannot be read or written.
    #[error(transparent)]
    Medium(#[from] io::Error),
}

impl Defect {
    /// Whether a newer release wrote the copy, which must not be overwritten then.
    pub fn is_future(&self) -> bool {
        matches!(self, Self::State(StateError::Format { .. }))
    }
}

/// The defects of all copies, in one line.
struct Numbered<'a>(&'a [Defect; COPIES]);

impl fmt::Display for Numbered<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, defect) in (1..).zip(self.0) {
            let separator = if number == 1 { "" } else { "; " };
            write!(out, "{separator}copy {number}: {defect}")?;
        }
        Ok(())
    }
}

/// The state as it was read, and the copy that has it.
#[derive(Debug)]
pub struct Loaded {
    /// The state.
    pub state: BootState,
    /// The sequence number of the copy.
    pub sequence: u32,
    /// The copy, from 0.
    pub copy: usize,
    /// The defects of the copies, `None` for an intact one.
    pub defects: [Option<Defect>; COPIES],
}

impl Loaded {
    /// Whether all copies are intact.
    pub fn is_intact(&self) -> bool {
        self.defects.iter().all(Option::is_none)
    }
}

/// Reads all copies and returns the latest one.
///
/// # Errors
/// None is intact.
pub fn load(medium: &mut impl Medium) -> Result<Loaded, StoreError> {
    let mut read = |copy| -> Result<(u32, BootState), Defect> {
        let mut record = [0; STATE_BYTES];
        medium.read(copy, &mut record)?;
        Ok(BootState::decode(&record)?)
    };
    let mut latest: Option<(usize, u32, BootState)> = None;
    let mut defects = [None, None, None];
    for (copy, defect) in defects.iter_mut().enumerate() {
        match read(copy) {
            Ok((sequence, state)) => {
                if latest.as_ref().is_none_or(|(_, latest, _)| is_later(sequence, *latest)) {
                    latest = Some((copy, sequence, state));
                }
            }
            Err(found) => *defect = Some(found),
        }
    }
    match (latest, defects) {
        (Some((copy, sequence, state)), defects) => Ok(Loaded { state, sequence, copy, defects }),
        (None, [Some(first), Some(second), Some(third)]) => {
            Err(StoreError::NoCopy(Box::new([first, second, third])))
        }
        (None, _) => unreachable!("a copy is intact or has a defect"),
    }
}

/// Saves `state` over another copy than the one that `loaded` was read from. Nothing is written if the state is the same and
/// all copies are intact.
///
/// # Errors
/// No other copy can be written, or keeps the data. The previous state is still in effect then.
pub fn save(medium: &mut impl Medium, loaded: Loaded, state: &BootState) -> Result<Loaded, StoreError> {
    if *state == loaded.state && loaded.is_intact() {
        return Ok(loaded);
    }
    let sequence = loaded.sequence.wrapping_add(1);
    let record = state.encode(sequence)?;
    let mut defects = loaded.defects;
    let mut failure = None;
    for copy in (1..COPIES).map(|step| (loaded.copy + step) % COPIES) {
        if defects[copy].as_ref().is_some_and(Defect::is_future) {
            continue;
        }
        match write(medium, copy, &record) {
            Ok(()) => {
                defects[copy] = None;
                return Ok(Loaded { state: state.clone(), sequence, copy, defects });
            }
            Err(error) => {
                defects[copy] = Some(Defect::Medium(io::Error::other(error.to_string())));
                failure.get_or_insert(error);
            }
        }
    }
    Err(failure.unwrap_or(StoreError::Future))
}

/// Writes all copies, for a new disk or if none was intact. One that can be written is enough.
///
/// # Errors
/// As [`save`].
pub fn initialize(medium: &mut impl Medium, state: &BootState) -> Result<Loaded, StoreError> {
    let mut defects = [None, None, None];
    let mut failure = None;
    let mut written = None;
    for (copy, record) in records(state)?.iter().enumerate() {
        match write(medium, copy, record) {
            Ok(()) => written = Some(copy),
            Err(error) => {
                defects[copy] = Some(Defect::Medium(io::Error::other(error.to_string())));
                failure.get_or_insert(error);
            }
        }
    }
    match (written, failure) {
        (Some(copy), _) => Ok(Loaded { state: state.clone(), sequence: copy as u32 + 1, copy, defects }),
        (None, failure) => Err(failure.unwrap_or(StoreError::Future)),
    }
}

/// All copies as they are on a new disk.
///
/// # Errors
/// A record cannot store the state.
pub fn records(state: &BootState) -> Result<[[u8; STATE_BYTES]; COPIES], StateError> {
    Ok([state.encode(1)?, state.encode(2)?, state.encode(3)?])
}

fn write(medium: &mut impl Medium, copy: usize, record: &[u8; STATE_BYTES]) -> Result<(), StoreError> {
    let failed = |attempt| move |error| StoreError::Medium { attempt, copy, error };
    medium.write(copy, record).map_err(failed("writing"))?;
    medium.flush(copy).map_err(failed("flushing"))?;
    let mut read = [0; STATE_BYTES];
    medium.read(copy, &mut read).map_err(failed("reading back"))?;
    if read == *record { Ok(()) } else { Err(StoreError::ReadBack { copy }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::offset;
    use super::super::samples::{factory, states};
    use super::*;
    use crate::revocations::Revocations;
    use crate::slot::Slot;

    /// The copies, and the faults to simulate.
    #[derive(Clone)]
    struct Copies {
        copies: [[u8; STATE_BYTES]; COPIES],
        torn: Option<usize>,
        forgets: bool,
        unreadable: [bool; COPIES],
        unwritable: [bool; COPIES],
        writes: usize,
    }

    impl Copies {
        fn new(state: &BootState) -> Self {
            Self {
                copies: records(state).unwrap(),
                torn: None,
                forgets: false,
                unreadable: [false; COPIES],
                unwritable: [false; COPIES],
                writes: 0,
            }
        }
    }

    impl Medium for Copies {
        fn read(&mut self, copy: usize, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
            if self.unreadable[copy] {
                return Err(io::Error::other("EIO"));
            }
            *sector = self.copies[copy];
            Ok(())
        }
        fn write(&mut self, copy: usize, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
            self.writes += 1;
            let bytes = self.torn.unwrap_or(STATE_BYTES);
            if self.unwritable[copy] {
                return Err(io::Error::other("EIO"));
            }
            if !self.forgets {
                self.copies[copy][..bytes].copy_from_slice(&sector[..bytes]);
            }
            if self.torn.is_some() { Err(io::Error::other("power cut")) } else { Ok(()) }
        }
        fn flush(&mut self, _: usize) -> io::Result<()> {
            Ok(())
        }
    }

    fn changed() -> BootState {
        factory().begin_install(Slot::First, Slot::Second).unwrap()
    }

    #[test]
    fn saves_overwrite_the_copies_in_a_circle() {
        let mut medium = Copies::new(&factory());
        let mut loaded = load(&mut medium).unwrap();
        assert_eq!((loaded.copy, loaded.sequence), (2, 3));
        for (copy, sequence) in [(0, 4), (1, 5), (2, 6), (0, 7)] {
            let before = medium.copies;
            let next = if loaded.state == factory() { changed() } else { factory() };
            loaded = save(&mut medium, loaded, &next).unwrap();
            assert_eq!((loaded.copy, loaded.sequence), (copy, sequence));
            assert!((0..COPIES).all(|other| other == copy || medium.copies[other] == before[other]));
            assert_eq!(load(&mut medium).unwrap().state, next);
        }
        let writes = medium.writes;
        let same = loaded.state.clone();
        save(&mut medium, loaded, &same).unwrap();
        assert_eq!(medium.writes, writes, "the same state is not written again");
    }

    #[test]
    fn saves_repair_a_damaged_copy() {
        for damaged in 0..COPIES {
            let mut medium = Copies::new(&factory());
            medium.copies[damaged][100] ^= 1;
            for _ in 0..2 {
                let loaded = load(&mut medium).unwrap();
                save(&mut medium, loaded, &factory()).unwrap();
            }
            let loaded = load(&mut medium).unwrap();
            assert!(loaded.is_intact(), "copy {damaged}: {loaded:?}");
        }
    }

    #[test]
    fn a_dead_copy_does_not_end_all_changes() {
        for dead in 0..COPIES {
            for (unreadable, unwritable) in [(true, true), (false, true), (true, false)] {
                let mut medium = Copies::new(&factory());
                medium.unreadable[dead] = unreadable;
                medium.unwritable[dead] = unwritable;
                for round in 0..7 {
                    let next = if round % 2 == 0 { changed() } else { factory() };
                    let loaded = load(&mut medium).unwrap();
                    save(&mut medium, loaded, &next).unwrap();
                    assert_eq!(load(&mut medium).unwrap().state, next, "copy {dead}, round {round}");
                }
            }
        }
        let mut medium = Copies::new(&factory());
        medium.unwritable = [true, true, false];
        let loaded = load(&mut medium).unwrap();
        let error = save(&mut medium, loaded, &changed()).unwrap_err();
        assert_eq!(error.to_string(), "writing copy 1 of the boot state: EIO");
        assert_eq!(load(&mut medium).unwrap().state, factory(), "the newest copy is never overwritten");
    }

    #[test]
    fn a_later_format_is_never_overwritten() {
        let later = |record: &mut [u8; STATE_BYTES]| {
            record[offset::FORMAT] = 2;
            record[offset::CRC..offset::CRC + 4].fill(0);
            let crc = crc32fast::hash(record);
            record[offset::CRC..offset::CRC + 4].copy_from_slice(&crc.to_le_bytes());
        };
        for future in 0..COPIES {
            let mut medium = Copies::new(&factory());
            later(&mut medium.copies[future]);
            let before = medium.copies[future];
            for next in [changed(), factory(), changed()] {
                let loaded = load(&mut medium).unwrap();
                save(&mut medium, loaded, &next).unwrap();
                assert_eq!(load(&mut medium).unwrap().state, next);
            }
            assert_eq!(medium.copies[future], before);
        }
        let mut medium = Copies::new(&factory());
        later(&mut medium.copies[0]);
        later(&mut medium.copies[1]);
        let loaded = load(&mut medium).unwrap();
        assert!(matches!(save(&mut medium, loaded, &changed()), Err(StoreError::Future)));
        later(&mut medium.copies[2]);
        let error = load(&mut medium).unwrap_err();
        assert!(!error.is_lost() && !error.was_never_written(), "{error}");
    }

    #[test]
    fn only_what_can_be_read_is_lost() {
        let mut medium = Copies::new(&factory());
        medium.copies = [[0; STATE_BYTES], medium.copies[1], [0; STATE_BYTES]];
        medium.copies[1][200] ^= 4;
        let error = load(&mut medium).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("intact; copy 1: reading the boot state: no boot state found"), "{text}");
        assert!(text.contains("; copy 2: reading the boot state: checksum"), "{text}");
        assert!(error.is_lost() && !error.was_never_written());
        medium.unreadable[2] = true;
        assert!(!load(&mut medium).unwrap_err().is_lost(), "an error may pass");
        medium.unreadable[2] = false;
        let recovered = BootState::recovered(Slot::Second, None, Revocations::default());
        initialize(&mut medium, &recovered).unwrap();
        assert_eq!(load(&mut medium).unwrap().state, recovered);
        medium.copies = [[0; STATE_BYTES]; COPIES];
        assert!(load(&mut medium).unwrap_err().was_never_written());
        medium.unwritable = [false, true, true];
        assert_eq!(initialize(&mut medium, &factory()).unwrap().copy, 0);
        assert_eq!(load(&mut medium).unwrap().state, factory());
    }

    #[test]
    fn a_disk_that_does_not_keep_data_is_reported() {
        let mut medium = Copies::new(&factory());
        medium.forgets = true;
        let loaded = load(&mut medium).unwrap();
        let error = save(&mut medium, loaded, &changed()).unwrap_err();
        assert!(matches!(error, StoreError::ReadBack { copy: 0 }), "{error}");
        assert_eq!(load(&mut medium).unwrap().state, factory());
    }

    proptest! {
        #[test]
        fn a_power_cut_during_a_save_leaves_the_old_or_the_new_state(
            before in states(), after in states(), bytes in 0..=STATE_BYTES,
        ) {
            let mut medium = Copies::new(&before);
            let loaded = load(&mut medium).unwrap();
            medium.torn = Some(bytes);
            let _ = save(&mut medium, loaded, &after);
            let found = load(&mut medium).unwrap().state;
            prop_assert!(found == before || found == after);
        }
    }
}
