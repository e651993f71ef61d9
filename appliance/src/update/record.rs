//! The boot state while a command works with it: loaded, or recovered when both copies are lost, and saved.
//!
//! A recovered state is written with the first save and not before: a command that is refused changes nothing.

use firmware::slot::Slot;
use firmware::state::store::{self, Loaded, Medium, StoreError};
use firmware::state::{BootState, StateError};

use super::error::UpdateError;

/// The boot state, and where it lies.
pub struct Record<M> {
    medium: M,
    state: BootState,
    /// `None` when neither copy is whole.
    loaded: Option<Loaded>,
    /// What is to be told of the copies, if they are not both whole.
    pub warning: Option<String>,
}

impl<M: Medium> Record<M> {
    /// Reads it. When it is lost, what is known is that `running` works.
    ///
    /// # Errors
    /// A release of the future wrote it, or the disk fails.
    pub fn open(mut medium: M, running: Slot) -> Result<Self, UpdateError> {
        match store::load(&mut medium) {
            Ok(loaded) => {
                let warning = loaded.defect.as_ref().map(|defect| {
                    format!(
                        "copy {} of the boot state is not whole ({defect}); the other one is",
                        2 - loaded.copy
                    )
                });
                Ok(Self { medium, state: loaded.state.clone(), loaded: Some(loaded), warning })
            }
            Err(error) if matches!(error, StoreError::Lost { .. }) && !error.is_future() => Ok(Self {
                medium,
                state: BootState::recovered(running),
                loaded: None,
                warning: Some(format!(
                    "{error}; going on from what is known: slot {running} runs, so it is good"
                )),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The state.
    pub fn state(&self) -> &BootState {
        &self.state
    }

    /// Whether it was found, and not made up.
    pub fn is_found(&self) -> bool {
        self.loaded.is_some()
    }

    /// Saves `next`.
    ///
    /// # Errors
    /// The disk fails or forgets; the former state holds then.
    pub fn save(&mut self, next: BootState) -> Result<(), StoreError> {
        self.loaded = Some(match &self.loaded {
            Some(loaded) => store::save(&mut self.medium, loaded, &next)?,
            None => store::initialize(&mut self.medium, &next)?,
        });
        self.state = next;
        Ok(())
    }
}

/// Whether neither copy was ever written: a disk without Sluice's boot manager.
pub fn is_absent(error: &StoreError) -> bool {
    use store::Defect::State;
    matches!(error, StoreError::Lost { first: State(StateError::Magic), second: State(StateError::Magic) })
}
