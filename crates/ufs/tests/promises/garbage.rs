//! The reader returns a result for any input.

use proptest::prelude::*;
use ufs::{ReadError, Reader};

use crate::bytes::noise;
use crate::roundtrip::everything;
use crate::sample::{cases, params};

const SIZE: u64 = 2 << 20;

fn good() -> &'static Vec<u8> {
    static IMAGE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    IMAGE.get_or_init(|| std::fs::read(everything().write(&params(SIZE, (4096, 512))).path()).unwrap())
}

/// Reads everything; the only requirement is that it returns.
fn exhaust(image: &[u8]) {
    let Ok(reader) = Reader::open(image) else {
        return;
    };
    let _ = reader.unused();
    for visit in reader.walk().take(10_000).flatten() {
        let ino = visit.stat.ino;
        let _ = reader.read(ino, 8 << 20);
        let _ = reader.read_link(ino);
        let _ = reader.read_at(ino, visit.stat.size.saturating_sub(5), &mut [0; 9]);
    }
    for ino in [0, 1, 3, 1000, u32::MAX] {
        let _ = reader.list(ino);
    }
    let _ = reader.lookup(b"//etc/./../etc/motd/");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_system_never_causes_a_panic(
        damage in prop::collection::vec((0..6usize, any::<prop::sample::Index>(), any::<u64>(), 1..9usize), 1..40)
    ) {
        let mut image = good().clone();
        // Damage the superblock, inodes, directories and pointers more than the content of files.
        let ranges = [65536..66912, 65536..66912, 86_016..90_000, 100_000..180_000, 86_016..120_000, 0..image.len()];
        for (range, index, value, length) in damage {
            let at = ranges[range].start + index.index(ranges[range].len());
            let value = if value % 3 == 0 { value % 70_000 } else { value };
            let end = (at + length.min(8)).min(image.len());
            image[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        exhaust(&image);
    }

    #[test]
    fn noise_with_a_magic_number_never_causes_a_panic(seed in any::<u64>()) {
        let mut image = noise(seed, 256 << 10);
        image[65536 + 1000..][..8].copy_from_slice(&65536u64.to_le_bytes());
        image[65536 + 1372..][..4].copy_from_slice(&0x1954_0119u32.to_le_bytes());
        for (at, value) in [(48, 4096u32), (52, 512), (56, 8)] {
            image[65536 + at..][..4].copy_from_slice(&value.to_le_bytes());
        }
        exhaust(&image);
    }
}

#[test]
fn a_truncated_file_system_never_causes_a_panic() {
    let image = good();
    for length in (0..image.len()).step_by(9973) {
        exhaust(&image[..length]);
    }
    assert!(matches!(Reader::open(&image[..60_000]), Err(ReadError::NoSuperblock { .. })));
    assert!(matches!(Reader::open(vec![0; 1 << 20]), Err(ReadError::NoSuperblock { .. })));
}

#[test]
fn a_directory_in_itself_ends_the_walk() {
    let mut image = good().clone();
    let reader = Reader::open(image.clone()).unwrap();
    let (root, nothing) = (reader.stat(2).unwrap(), reader.lookup(b"/nothing").unwrap());
    assert_eq!(root.ino, 2);
    // Make the entry `nothing` point to the root.
    let name = image.windows(9).position(|window| window == b"\x04\x07nothing").unwrap();
    assert_eq!(image[name - 6..name - 2], nothing.ino.to_le_bytes());
    image[name - 6..name - 2].copy_from_slice(&2u32.to_le_bytes());
    let results: Vec<_> = Reader::open(image).unwrap().walk().collect();
    assert!(results.iter().any(|result| matches!(result, Err(ReadError::Corrupt { .. }))));
}

#[test]
fn a_file_system_inside_an_image_is_read_at_its_offset() {
    let image = [vec![7; 12_345], good().clone()].concat();
    let reader = Reader::open_at(ufs::read::Seeking::new(std::io::Cursor::new(image)), 12_345).unwrap();
    let motd = reader.lookup(b"/etc/motd").unwrap();
    assert_eq!(reader.read(motd.ino, 100).unwrap(), b"hello\n");
    assert!(matches!(reader.read(motd.ino, 5), Err(ReadError::TooLarge { .. })));
    assert!(matches!(reader.list(motd.ino), Err(ReadError::WrongType { .. })));
    let error = reader.lookup(b"/etc/none").unwrap_err();
    assert_eq!(error.to_string(), "looking up /etc/none: \"none\" does not exist");
}
