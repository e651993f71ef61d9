//! The boot states that scenarios begin with.

use anyhow::Result;
use firmware::slot::Slot;
use firmware::state::{BootState, TRIES};

use crate::unit::Unit;

/// Both slots good, slot 1 the default.
pub fn good() -> BootState {
    BootState::factory(Slot::First, [true; 2], None)
}

/// Changes the boot state as an update of slot 2 does.
pub fn arm(unit: &Unit<'_>) -> Result<()> {
    unit.card.change_state(|state| state.begin_install(Slot::First, Slot::Second))?;
    unit.card.change_state(|state| anyhow::Ok(state.finish_install(Slot::Second, [1; 32], TRIES)))
}
