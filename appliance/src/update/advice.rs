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
        _ if state.default != running => format!(
            "slot {running} {}: reboot to start slot {other}, or run `sluice update activate {running}` to keep the running \
             system",
            state.mark(running).described()
        ),
        BootPlan { trial: Some(Trial { slot, .. }), .. } => format!(
            "install another update, or run `sluice update activate {slot} --again` to try slot {slot} again"
        ),
        _ if state.mark(other) == Mark::Bad => {
            format!("slot {other} contains nothing that can start: install an update")
        }
        _ => return None,
    })
}
