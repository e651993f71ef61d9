//! Any sector may be read as a record of the history: what decodes must be written back as it was read.

#![no_main]

use firmware::history::{RECORD_BYTES, Record};
use libfuzzer_sys::fuzz_target;
use sluice_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    if let Some((sector, _)) = bytes.split_first_chunk::<RECORD_BYTES>() {
        look_at(sector);
        look_at(&sealed(sector));
    }
});

fn look_at(sector: &[u8; RECORD_BYTES]) {
    let Some(record) = Record::decode(sector) else { return };
    assert_eq!(Record::decode(&record.encode()), Some(record));
}
