//! Any sector may be read as a slot header: what decodes must be written back as it was read, and its texts must be fit for a
//! console.

#![no_main]

use firmware::slot::{HEADER_BYTES, SlotHeader};
use libfuzzer_sys::fuzz_target;
use sluice_fuzz::sealed;

fuzz_target!(|bytes: &[u8]| {
    look_at(bytes);
    if let Some((sector, _)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        look_at(&sealed(sector));
    }
});

fn look_at(sector: &[u8]) {
    let Ok(header) = SlotHeader::decode(sector) else { return };
    let written = header.encode().expect("what was read can be written");
    let texts = [&header.product, &header.board, &header.version, &header.commit, &header.built_from];
    assert!(texts.iter().all(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
    assert_eq!(SlotHeader::decode(&written), Ok(header));
}
