//! Any sectors may be read as MBR, BSD label and GEOM label: what parses must be written back as it was read, and each
//! partition must lie within its slice.

#![no_main]

use bsd_disk::disklabel::{Disklabel, LABEL_BYTES};
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let slices = bytes.get(..MBR_BYTES).map(slices_of).unwrap_or_default();
    if let Some(label) = bytes.get(MBR_BYTES..MBR_BYTES + LABEL_BYTES) {
        look_at(label, &slices);
        look_at(&sealed(label), &slices);
    }
});

fn slices_of(sector: &[u8]) -> Vec<Slice> {
    let mut sector = sector.to_vec();
    // Hardly any input ends with the magic number.
    sector[MBR_BYTES - 2..].copy_from_slice(&[0x55, 0xaa]);
    let Ok(mut mbr) = Mbr::parse(&sector) else { return Vec::new() };
    assert_eq!(Mbr::parse(&mbr.encode()), Ok(mbr.clone()));
    let slices: Vec<_> = (0..=u8::MAX).filter_map(|number| mbr.slice(number)).collect();
    assert!(slices.iter().all(|slice| (1..=4).contains(&slice.number)));
    for slice in &slices {
        mbr.set_active(slice.number).expect("a slice that there is");
        assert_eq!(mbr.active(), Some(slice.number));
    }
    slices
}

fn look_at(sector: &[u8], slices: &[Slice]) {
    let Ok(label) = Disklabel::parse(sector) else { return };
    assert_eq!(Disklabel::parse(&label.encode()), Ok(label.clone()));
    let whole = Slice { number: 1, start: Sectors(63), size: Sectors(label.total.into()) };
    for slice in slices.iter().chain([&whole]) {
        for letter in ('A'..='z').chain(['\u{10ffff}']) {
            let Some(partition) = label.partition(letter, slice) else { continue };
            assert!(partition.start >= slice.start && partition.end() <= slice.end());
        }
    }
}

/// The label with magic numbers and a checksum that hold: the sum of all words up to the last partition is 0.
fn sealed(sector: &[u8]) -> Vec<u8> {
    const MAGIC: [u8; 4] = 0x8256_4557_u32.to_le_bytes();
    const CHECKSUM: usize = 136;
    let mut sector = sector.to_vec();
    sector[..4].copy_from_slice(&MAGIC);
    sector[132..CHECKSUM].copy_from_slice(&MAGIC);
    sector[40..44].copy_from_slice(&512_u32.to_le_bytes());
    sector[138] = 8 + sector[138] % 13;
    sector[139] = 0;
    sector[CHECKSUM..CHECKSUM + 2].fill(0);
    let end = 148 + 16 * usize::from(sector[138]);
    let sum = sector[..end].chunks_exact(2).fold(0, |sum, word| sum ^ u16::from_le_bytes([word[0], word[1]]));
    sector[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_le_bytes());
    sector
}
