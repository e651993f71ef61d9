//! What several targets need.

use std::ops::Range;

/// Where the checksum of boot state, history and slot header stands.
const CRC: Range<usize> = 12..16;

/// The sector with a checksum that holds, which hardly any input has.
pub fn sealed(sector: &[u8; 512]) -> [u8; 512] {
    let mut sector = *sector;
    sector[CRC].fill(0);
    let crc = crc32(&sector).to_le_bytes();
    sector[CRC].copy_from_slice(&crc);
    sector
}

/// CRC-32 by its definition.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
