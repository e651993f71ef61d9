//! Little-endian numbers at fixed offsets of a record.
//!
//! On-disk formats are records of a fixed length whose modules name the offsets. All functions panic if the field does not
//! lie within the record, so callers check the record's length first.

/// The 16-bit number at `at`.
pub fn le16(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(record, at))
}

/// The 32-bit number at `at`.
pub fn le32(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(record, at))
}

/// The 64-bit number at `at`.
pub fn le64(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(record, at))
}

/// The `N` bytes at `at`.
pub fn array<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&record[at..at + N]);
    out
}

/// Copies `bytes` to `at`.
pub fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}
