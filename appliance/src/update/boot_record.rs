//! The boot state while a command works with it: loaded, or recovered if it is lost, and saved.
//!
//! A recovered state is written with the first save and not before, so that a refused command changes nothing.

use firmware::revocations::Revocations;
use firmware::slot::Slot;
use firmware::state::store::{self, Loaded, StoreError};
use firmware::state::{BootState, COPIES};
use semver::Version;

use super::error::UpdateError;
use super::slot_version::slot_version;
use super::unit::Unit;
use crate::disk::StockBoot;

/// The boot state, and the medium that it is stored on.
pub struct BootRecord<M> {
    medium: M,
    state: BootState,
    /// `None` if the state is lost.
    loaded: Option<Loaded>,
    /// What the card has instead of a boot state.
    pub stock: Option<StockBoot>,
    /// What is wrong with the copies, if they are not all intact.
    pub warning: Option<String>,
}

impl<M: store::Medium> BootRecord<M> {
    /// Loads the state. If it is lost, it is recovered from the fact that the running slot works; the version floor is then
    /// the lowest version that a slot contains, and key epoch and revoked keys are those of the running release. On a card
    /// without Sluice's boot program, where nobody reads a state, that is assumed and nothing is loaded or saved.
    ///
    /// # Errors
    /// A newer release wrote it, or the disk fails.
    pub fn open<U: Unit<State = M>>(unit: &U) -> Result<Self, UpdateError> {
        let running = unit.running()?;
        let mut medium = unit.state()?;
        let stock = unit.stock_boot()?;
        if stock.is_some() {
            let state = BootState::recovered(running, lowest_version(unit), revocations(unit));
            return Ok(Self { medium, state, loaded: None, stock, warning: None });
        }
        match store::load(&mut medium) {
            Ok(loaded) => {
                let (state, warning) = (loaded.state.clone(), warning(&loaded));
                Ok(Self { medium, state, loaded: Some(loaded), stock, warning })
            }
            Err(error) if error.is_lost() => Ok(Self {
                medium,
                state: BootState::recovered(running, lowest_version(unit), revocations(unit)),
                loaded: None,
                stock,
                warning: Some(format!(
                    "continuing without a boot state, with slot {running} marked good since it is running: {error}"
                )),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The state.
    pub fn state(&self) -> &BootState {
        &self.state
    }

    /// Whether the state was loaded, not recovered.
    pub fn is_found(&self) -> bool {
        self.loaded.is_some()
    }

    /// Saves `next`. A failure is one only if the state on the card is not `next` in the end: a copy may be there although
    /// the disk reported an error.
    ///
    /// # Errors
    /// The disk fails or loses what was written; the previous state remains in force then.
    pub fn save(&mut self, next: BootState) -> Result<(), StoreError> {
        if self.stock.is_some() {
            self.state = next;
            return Ok(());
        }
        let saved = match self.loaded.take() {
            Some(loaded) => store::save(&mut self.medium, loaded, &next),
            None => store::initialize(&mut self.medium, &next),
        };
        let loaded = match saved {
            Ok(loaded) => loaded,
            Err(error) => match store::load(&mut self.medium) {
                Ok(loaded) if loaded.state == next => loaded,
                found => {
                    self.loaded = found.ok();
                    return Err(error);
                }
            },
        };
        self.loaded = Some(loaded);
        self.state = next;
        Ok(())
    }

    /// The state that is on the card now, whatever was read or saved before.
    ///
    /// # Errors
    /// No copy is intact or can be read.
    pub fn read_again(&mut self) -> Result<BootState, StoreError> {
        store::load(&mut self.medium).map(|loaded| loaded.state)
    }
}

/// What is wrong with the copies, if they are not all intact.
fn warning(loaded: &Loaded) -> Option<String> {
    let defects = (1..).zip(&loaded.defects);
    let defects = defects.filter_map(|(copy, defect)| Some(format!("copy {copy}: {}", defect.as_ref()?)));
    let defects: Vec<String> = defects.collect();
    let intact = COPIES - defects.len();
    (!defects.is_empty())
        .then(|| format!("{intact} of {COPIES} copies of the boot state are intact; {}", defects.join("; ")))
}

/// What the running release withdraws; nothing if its description cannot be read, which `status` must survive.
fn revocations<U: Unit>(unit: &U) -> Revocations {
    unit.release().map(|release| release.revocations()).unwrap_or_default()
}

/// The lowest version that a slot contains, as far as the headers can be read.
fn lowest_version<U: Unit>(unit: &U) -> Option<Version> {
    let versions = Slot::ALL.into_iter().filter_map(|slot| slot_version(unit, slot));
    versions.min_by(Version::cmp_precedence)
}
