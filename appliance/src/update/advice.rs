//! What the operator can do next, given the boot state.

use firmware::slot::Slot;
use firmware::state::{BootState, Mark};

use crate::disk::{BootPlan, Stage, Trial};

/// What to do while slot `running` is running; `None` if there is nothing to do.
pub fn advice(state: &BootState, running: Slot) -> Option<String> {
    let other = running.other();
    Some(match BootPlan::of(state, running) {
        BootPlan { trial: Some(Trial { stage: Stage::Running, .. }), next, .. } => format!(
            "run `sluice update confirm` to keep slot {running}, or `sluice update rollback` to give it up; otherwise slot {next} \
             starts next"
        ),
        BootPlan { trial: Some(Trial { slot, stage: Stage::Pending }), .. } => {
            format!("reboot to try slot {slot}, or run `sluice update rollback` to give it up")
        }
        BootPlan { trial: Some(Trial { slot, stage: Stage::Failed }), .. } => format!(
            "slot {slot} was not confirmed: install another update, or run `sluice update activate {slot}` to try it again"
        ),
        _ if state.mark(running) == Mark::Bad => format!(
            "slot {running} is running although it is marked bad: reboot into the other slot, or run \
             `sluice update activate {running}` if it works"
        ),
        _ if state.default != running => format!(
            "slot {running} was chosen at the console: run `sluice update activate {running}` to keep it, or reboot to leave it"
        ),
        _ if state.mark(other) == Mark::Bad => {
            format!("slot {other} contains nothing that can start: install an update")
        }
        _ => return None,
    })
}
