//! The only writer of the boot state, and its reader: two copies, one of which is always intact.
//!
//! Saving overwrites the older or the damaged copy, flushes it and reads it back. Whatever happens meanwhile, the other copy
//! still has the previous state.

use std::io;

use bsd_disk::units::Sectors;

use super::boot_state::BootState;
use super::record::{COPIES, STATE_BYTES, StateError, is_later};

/// Where the copies are stored: the `/cfg` slice, or an image of it.
pub trait Medium {
    /// Reads the sector `at`, counted from the start of the `/cfg` slice.
    ///
    /// # Errors
    /// The medium cannot be read.
    fn read(&mut self, at: Sectors, sector: &mut [u8; STATE_BYTES]) -> io::Result<()>;

    /// Writes the sector `at`, counted from the start of the `/cfg` slice.
    ///
    /// # Errors
    /// The medium cannot be written.
    fn write(&mut self, at: Sectors, sector: &[u8; STATE_BYTES]) -> io::Result<()>;

    /// Returns once everything written would survive a power cut.
    ///
    /// # Errors
    /// The medium cannot guarantee that.
    fn flush(&mut self) -> io::Result<()>;
}

/// A boot state that cannot be read or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The medium failed.
    #[error("{attempt} copy {copy} of the boot state: {error}")]
    Medium {
        /// The attempted operation.
        attempt: &'static str,
        /// The number of the copy, 1 or 2.
        copy: usize,
        /// The error of the medium.
        error: io::Error,
    },
    /// Neither copy is intact.
    #[error("no copy of the boot state is intact; copy 1: {first}; copy 2: {second}")]
    Lost {
        /// The defect of copy 1.
        first: Defect,
        /// The defect of copy 2.
        second: Defect,
    },
    /// A record cannot store the state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The medium did not keep the data written to it.
    #[error(
        "saving the boot state: copy {copy} reads back differently; the disk is failing, and the previous state is still in \
         effect"
    )]
    ReadBack {
        /// The number of the copy, 1 or 2.
        copy: usize,
    },
}

impl StoreError {
    /// Whether a release newer than this one wrote the state, which must not be overwritten then.
    pub fn is_future(&self) -> bool {
        let future = |defect: &Defect| matches!(defect, Defect::State(StateError::Format { .. }));
        matches!(self, Self::Lost { first, second } if future(first) || future(second))
    }

    /// Whether the state is really lost, so that it may be written anew: every copy was read, and no release, this one or a
    /// newer one, can use any.
    pub fn is_lost(&self) -> bool {
        let lost = |defect: &Defect| matches!(defect, Defect::State(error) if !matches!(error, StateError::Format { .. }));
        matches!(self, Self::Lost { first, second } if lost(first) && lost(second))
    }
}

/// The defect of a copy.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The record is invalid.
    #[error(transparent)]
    State(#[from] StateError),
    /// The copy cannot be read.
    #[error(transparent)]
    Medium(#[from] io::Error),
}

/// The state as it was read, and the copy that has it.
#[derive(Debug)]
pub struct Loaded {
    /// The state.
    pub state: BootState,
    /// The sequence number of the copy.
    pub sequence: u32,
    /// The index of the copy, 0 or 1.
    pub copy: usize,
    /// The defect of the other copy, if it is not intact.
    pub defect: Option<Defect>,
}

/// Reads both copies and returns the later one.
///
/// # Errors
/// Neither is intact.
pub fn load(medium: &mut impl Medium) -> Result<Loaded, StoreError> {
    let mut read = |copy: usize| -> Result<(u32, BootState), Defect> {
        let mut record = [0; STATE_BYTES];
        medium.read(COPIES[copy], &mut record)?;
        Ok(BootState::decode(&record)?)
    };
    let loaded = |copy, (sequence, state), defect| Loaded { state, sequence, copy, defect };
    match (read(0), read(1)) {
        (Ok(first), Ok(second)) if is_later(second.0, first.0) => Ok(loaded(1, second, None)),
        (Ok(first), Ok(_)) => Ok(loaded(0, first, None)),
        (Ok(first), Err(defect)) => Ok(loaded(0, first, Some(defect))),
        (Err(defect), Ok(second)) => Ok(loaded(1, second, Some(defect))),
        (Err(first), Err(second)) => Err(StoreError::Lost { first, second }),
    }
}

/// Saves `state` over the copy that `loaded` was not read from. Nothing is written if the state is the same and both copies
/// are intact.
///
/// # Errors
/// The medium fails or does not keep the data. The previous state is still in effect then.
pub fn save(medium: &mut impl Medium, loaded: &Loaded, state: &BootState) -> Result<Loaded, StoreError> {
    let (copy, sequence) = (1 - loaded.copy, loaded.sequence.wrapping_add(1));
    if *state == loaded.state && loaded.defect.is_none() {
        return Ok(Loaded {
            state: state.clone(),
            sequence: loaded.sequence,
            copy: loaded.copy,
            defect: None,
        });
    }
    write(medium, copy, &state.encode(sequence)?)?;
    Ok(Loaded { state: state.clone(), sequence, copy, defect: None })
}

/// Writes both copies, for a new disk or if neither was intact.
///
/// # Errors
/// As [`save`].
pub fn initialize(medium: &mut impl Medium, state: &BootState) -> Result<Loaded, StoreError> {
    for (copy, record) in records(state)?.iter().enumerate() {
        write(medium, copy, record)?;
    }
    Ok(Loaded { state: state.clone(), sequence: 2, copy: 1, defect: None })
}

/// Both copies as they are on a new disk.
///
/// # Errors
/// A record cannot store the state.
pub fn records(state: &BootState) -> Result<[[u8; STATE_BYTES]; 2], StateError> {
    Ok([state.encode(1)?, state.encode(2)?])
}

fn write(medium: &mut impl Medium, copy: usize, record: &[u8; STATE_BYTES]) -> Result<(), StoreError> {
    let failed = |attempt| move |error| StoreError::Medium { attempt, copy: copy + 1, error };
    medium.write(COPIES[copy], record).map_err(failed("writing"))?;
    medium.flush().map_err(failed("flushing"))?;
    let mut read = [0; STATE_BYTES];
    medium.read(COPIES[copy], &mut read).map_err(failed("reading back"))?;
    if read == *record { Ok(()) } else { Err(StoreError::ReadBack { copy: copy + 1 }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{factory, states};
    use super::*;
    use crate::slot::Slot;

    /// Two sectors, and the faults to simulate.
    struct Sectors2 {
        copies: [[u8; STATE_BYTES]; 2],
        torn: Option<usize>,
        forgets: bool,
    }

    impl Sectors2 {
        fn new(state: &BootState) -> Self {
            Self { copies: records(state).unwrap(), torn: None, forgets: false }
        }
    }

    impl Medium for Sectors2 {
        fn read(&mut self, at: Sectors, sector: &mut [u8; STATE_BYTES]) -> io::Result<()> {
            *sector = self.copies[COPIES.iter().position(|copy| *copy == at).unwrap()];
            Ok(())
        }
        fn write(&mut self, at: Sectors, sector: &[u8; STATE_BYTES]) -> io::Result<()> {
            let copy = &mut self.copies[COPIES.iter().position(|copy| *copy == at).unwrap()];
            if let Some(bytes) = self.torn {
                copy[..bytes].copy_from_slice(&sector[..bytes]);
                return Err(io::Error::other("power cut"));
            }
            if !self.forgets {
                *copy = *sector;
            }
            Ok(())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn changed() -> BootState {
        factory().begin_install(Slot::First, Slot::Second).unwrap()
    }

    #[test]
    fn a_save_overwrites_the_older_copy() {
        let mut medium = Sectors2::new(&factory());
        let loaded = load(&mut medium).unwrap();
        assert_eq!((loaded.copy, loaded.sequence), (1, 2));
        let before = medium.copies;
        let loaded = save(&mut medium, &loaded, &changed()).unwrap();
        assert_eq!((loaded.copy, loaded.sequence), (0, 3));
        assert_eq!(medium.copies[1], before[1]);
        assert_eq!(load(&mut medium).unwrap().state, changed());
        let after = medium.copies;
        save(&mut medium, &loaded, &changed()).unwrap();
        assert_eq!(medium.copies, after, "the same state is not written again");
    }

    #[test]
    fn the_next_save_repairs_a_damaged_copy() {
        for (damaged, sequence) in [(0, 3), (1, 2)] {
            let mut medium = Sectors2::new(&factory());
            medium.copies[damaged][100] ^= 1;
            let loaded = load(&mut medium).unwrap();
            assert!(loaded.defect.is_some());
            let loaded = save(&mut medium, &loaded, &factory()).unwrap();
            assert_eq!((loaded.copy, loaded.sequence), (damaged, sequence));
            assert!(load(&mut medium).unwrap().defect.is_none());
        }
    }

    #[test]
    fn the_loss_of_both_copies_is_reported_with_both_reasons() {
        let mut medium = Sectors2::new(&factory());
        medium.copies = [[0; STATE_BYTES], medium.copies[1]];
        medium.copies[1][200] ^= 4;
        let error = load(&mut medium).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("copy 1: reading the boot state: no boot state found"), "{text}");
        assert!(text.contains("copy 2: reading the boot state: checksum"), "{text}");
        assert!(!error.is_future());
        initialize(&mut medium, &BootState::recovered(Slot::Second, None)).unwrap();
        assert_eq!(load(&mut medium).unwrap().state, BootState::recovered(Slot::Second, None));
    }

    #[test]
    fn a_disk_that_does_not_keep_data_is_reported() {
        let mut medium = Sectors2::new(&factory());
        medium.forgets = true;
        let loaded = load(&mut medium).unwrap();
        assert!(matches!(save(&mut medium, &loaded, &changed()), Err(StoreError::ReadBack { copy: 1 })));
    }

    proptest! {
        #[test]
        fn a_power_cut_during_a_save_leaves_the_old_or_the_new_state(
            before in states(), after in states(), bytes in 0..=STATE_BYTES,
        ) {
            let mut medium = Sectors2::new(&before);
            let loaded = load(&mut medium).unwrap();
            medium.torn = Some(bytes);
            let _ = save(&mut medium, &loaded, &after);
            let found = load(&mut medium).unwrap().state;
            prop_assert!(found == before || found == after);
        }
    }
}
