//! The DER notation that signatures on curves have in common.

use rsa::pkcs8::der::asn1::UintRef;
use rsa::pkcs8::der::{Decode, Error, Reader, SliceReader};

/// The two numbers of a signature on a curve, each padded to `size` bytes, one after the other.
pub fn numbers(signature: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(signature).ok()?;
    let (first, second) = reader
        .sequence(|inside| Ok::<_, Error>((UintRef::decode(inside)?, UintRef::decode(inside)?)))
        .ok()?;
    reader.finish().ok()?;
    let mut both = Vec::with_capacity(2 * size);
    for number in [first.as_bytes(), second.as_bytes()] {
        both.resize(both.len() + size.checked_sub(number.len())?, 0);
        both.extend_from_slice(number);
    }
    Some(both)
}
