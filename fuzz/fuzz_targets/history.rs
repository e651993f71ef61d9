//! Any sector may be read as a record of the history: what decodes must be written back as it was read.

#![no_main]

use firmware::history::{RECORD_BYTES, Record};
use libfuzzer_sys::fuzz_target;

/// Where the record's checksum stands.
const CRC: std::ops::Range<usize> = 12..16;

fuzz_target!(|bytes: &[u8]| {
    if let Some((sector, _)) = bytes.split_first_chunk::<RECORD_BYTES>() {
        look_at(sector);
        // Hardly any input has a checksum that holds, so one is made for it.
        let mut sector = *sector;
        sector[CRC].fill(0);
        let crc = crc32(&sector).to_le_bytes();
        sector[CRC].copy_from_slice(&crc);
        look_at(&sector);
    }
});

fn look_at(sector: &[u8; RECORD_BYTES]) {
    let Some(record) = Record::decode(sector) else { return };
    assert_eq!(Record::decode(&record.encode()), Some(record));
}

/// CRC-32 by its definition.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
