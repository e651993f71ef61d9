//! The checksum of slot header, boot state and history: a CRC-32 that is stored in the sector that it covers.

use bsd_disk::units::SECTOR_BYTES;

/// The CRC-32 (IEEE 802.3) of `sector`, with the four bytes at offset `at`, where it is stored, taken as zero.
pub fn checksum(sector: &[u8; SECTOR_BYTES as usize], at: usize) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sector[..at]);
    hasher.update(&[0; 4]);
    hasher.update(&sector[at + 4..]);
    hasher.finalize()
}
