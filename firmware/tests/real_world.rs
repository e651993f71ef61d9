//! Files of a real FreeBSD world, read by the parsers.

use std::io::Write as _;
use std::path::Path;

use bsd_disk::boot0::{Boot0Options, Boot0Version};
use bsd_disk::mbr::Mbr;
use firmware::paths::BOOT_CONFIG;

/// The boot manager changes this name in memory, and must find it.
#[test]
fn the_boot2_of_a_world_names_its_configuration_once() {
    let Some(root) = std::env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    let file = Path::new(&root).join("root/boot/boot2");
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
    let name = BOOT_CONFIG.as_bytes();
    assert_eq!(bytes.windows(name.len()).filter(|window| *window == name).count(), 1);
}

/// Uses the world that `SLUICE_TEST_WORLD` names, and reports that it was skipped if there is none.
#[test]
fn the_boot0sio_of_a_world_is_known() {
    let Some(root) = std::env::var_os("SLUICE_TEST_WORLD") else {
        let _ = writeln!(std::io::stderr(), "skipped: SLUICE_TEST_WORLD does not name a world");
        return;
    };
    // The options of `stand/i386/boot0/Makefile`.
    let stock = Boot0Options {
        packet: true,
        update: true,
        setdrv: false,
        drive: 0x80,
        slices_mask: 0x0f,
        default_slice: 1,
        ticks: 182,
        bell: Some(b'#'),
        serial: Some([0xa8; 4]),
    };
    let file = Path::new(&root).join("root/boot/boot0sio");
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
    let mut mbr = Mbr::parse(&bytes).unwrap();
    let mut options = Boot0Options::read(&mbr).unwrap();
    assert_eq!(Boot0Options::version(&mbr), Ok(Boot0Version::VolumeSerial));
    assert_eq!(options, stock);
    options.packet = false;
    options.default_slice = 2;
    options.apply(&mut mbr).unwrap();
    assert_eq!(Boot0Options::read(&mbr), Ok(options));
    let changed = bytes.iter().zip(mbr.encode()).filter(|(old, new)| **old != *new).count();
    assert_eq!(changed, 2);
}
