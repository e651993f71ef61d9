//! Any sector may be read as a boot state: what decodes must be written back as it was read, and every choice and
//! transition from it must be possible.

#![no_main]

use firmware::bundle::sha256;
use firmware::slot::Slot;
use firmware::state::{BootState, OtherRelease, Releases, STATE_BYTES};
use libfuzzer_sys::fuzz_target;
use sluice_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    look_at(bytes);
    if let Some((record, _)) = bytes.split_first_chunk::<STATE_BYTES>() {
        look_at(&sealed(record));
    }
});

fn look_at(record: &[u8]) {
    let Ok((sequence, state)) = BootState::decode(record) else { return };
    let written = state.encode(sequence).expect("what was read can be written");
    assert_eq!(BootState::decode(&written), Ok((sequence, state.clone())));
    let _ = (state.pending(), state.consume_try(), state.count_start(), state.give_way());
    let _ = (state.choose(None), state.choose(None).payment.map(|payment| state.after(payment)));
    for slot in Slot::ALL {
        let _ = state.choose(Some(slot));
        let _ = state.finish_install(slot, sha256(record), 1);
        let _ = (state.rollback(slot), state.report_health(slot));
        let Some(version) = &state.floor else { continue };
        let other = OtherRelease { version: version.clone(), key_epoch: state.revocations.epoch };
        let mut releases = Releases { other: Some(other), ..Releases::alone(version.clone()) };
        releases.running.revocations = state.revocations.clone();
        let own = &releases.running.revocations;
        let _ =
            (state.confirm(slot, &releases), state.check_trust(own, [], own), state.is_below_floor(version));
        for other in Slot::ALL {
            let _ = (state.begin_install(slot, other), state.activate(slot, other, 1, true, &releases));
        }
    }
}
