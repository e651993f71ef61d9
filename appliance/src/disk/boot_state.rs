//! Reads the boot state from the slice of `/cfg`.

use anyhow::{Context, Result};
use firmware::state::store::{self, Defect, StoreError};
use firmware::state::{BootState, StateError};

use super::slice::{Access, Slice};

/// The boot state at the head of the slice at `path`; `None` on a disk without Sluice's boot manager, which has none.
///
/// # Errors
/// The slice cannot be read, or both copies are damaged.
pub fn read_boot_state(path: &str) -> Result<Option<BootState>> {
    let mut slice = Slice::open(path, Access::Read).with_context(|| format!("opening {path}"))?;
    match store::load(&mut slice) {
        Ok(loaded) => Ok(Some(loaded.state)),
        Err(error) if was_never_written(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn was_never_written(error: &StoreError) -> bool {
    use Defect::State;
    matches!(error, StoreError::Lost { first: State(StateError::Magic), second: State(StateError::Magic) })
}
