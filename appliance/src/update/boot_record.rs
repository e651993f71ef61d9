//! The boot state while a command works with it: loaded, or recovered if both copies are lost, and saved.
//!
//! A recovered state is written with the first save and not before, so that a refused command changes nothing.

use firmware::slot::Slot;
use firmware::state::BootState;
use firmware::state::store::{self, Loaded, Medium, StoreError};

use super::error::UpdateError;

/// The boot state, and the medium that it is stored on.
pub struct BootRecord<M> {
    medium: M,
    state: BootState,
    /// `None` if neither copy is intact.
    loaded: Option<Loaded>,
    /// What is wrong with the copies, if they are not both intact.
    pub warning: Option<String>,
}

impl<M: Medium> BootRecord<M> {
    /// Loads the state. If it is lost, it is recovered from the fact that `running` works.
    ///
    /// # Errors
    /// A newer release wrote it, or the disk fails.
    pub fn open(mut medium: M, running: Slot) -> Result<Self, UpdateError> {
        match store::load(&mut medium) {
            Ok(loaded) => {
                let warning = loaded.defect.as_ref().map(|defect| {
                    format!(
                        "copy {} of the boot state is damaged, the other copy is intact: {defect}",
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

    /// Saves `next`.
    ///
    /// # Errors
    /// The disk fails or loses what was written; the previous state remains in force then.
    pub fn save(&mut self, next: BootState) -> Result<(), StoreError> {
        self.loaded = Some(match &self.loaded {
            Some(loaded) => store::save(&mut self.medium, loaded, &next)?,
            None => store::initialize(&mut self.medium, &next)?,
        });
        self.state = next;
        Ok(())
    }
}
