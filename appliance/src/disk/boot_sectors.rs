//! Sector 0 of cards, for tests: with the bytes by which each boot program is recognised, and the slices of a card.

use bsd_disk::boot0::{self, Boot0Options};
use bsd_disk::geometry::Geometry;
use bsd_disk::mbr::{MBR_BYTES, Mbr};
use bsd_disk::slice::Slice;
use bsd_disk::units::Sectors;
use firmware::boot_manager::STAGE1_TEXT;

/// A sector.
pub type Sector = [u8; MBR_BYTES];

const CARD: Geometry = Geometry { sectors: 63, heads: 16 };
/// Two slots and `/cfg`.
const SLICES: [Slice; 3] = [
    Slice { number: 1, start: Sectors(4032), size: Sectors(972_720) },
    Slice { number: 2, start: Sectors(976_752), size: Sectors(972_720) },
    Slice { number: 3, start: Sectors(1_949_472), size: Sectors(32_256) },
];

/// FreeBSD's boot0 with this default and active slice.
pub fn boot0(default: u8, active: u8) -> Sector {
    // mov $0x1,%ah; int $0x16
    with_boot0(&[0xb4, 0x01, 0xcd, 0x16], default, active)
}

/// FreeBSD's boot0sio with this default and active slice.
pub fn boot0sio(default: u8, active: u8) -> Sector {
    // xor %dx,%dx; int $0x14
    with_boot0(&[0x31, 0xd2, 0xcd, 0x14], default, active)
}

/// FreeBSD's mbr with this active slice.
pub fn mbr(active: u8) -> Sector {
    let mut code = [0x90; 440];
    code[0xb9..][..24].copy_from_slice(b"Invalid partition table\0");
    card(&code, active)
}

/// Sluice's program, with no active slice.
pub fn sluice() -> Sector {
    let mut code = [0x90; 440];
    code[0x100..][..STAGE1_TEXT.len()].copy_from_slice(STAGE1_TEXT.as_bytes());
    with_active(card(&code, 1), &[])
}

/// The sector with these active slices.
pub fn with_active(sector: Sector, active: &[u8]) -> Sector {
    let mut sector = sector;
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut mbr = Mbr::parse(&sector).unwrap();
    if mbr.slice(1).is_none() {
        mbr = mbr.with_slices(&SLICES, CARD).unwrap();
    }
    for (number, entry) in (1..).zip(&mut mbr.partitions) {
        entry.active = active.contains(&number);
    }
    mbr.encode()
}

/// The sector of a boot0 with this default, as `boot0cfg -s` sets it.
pub fn with_default(sector: Sector, default: u8) -> Sector {
    let mut mbr = Mbr::parse(&sector).unwrap();
    let mut options = Boot0Options::read(&mbr).unwrap();
    options.default_slice = default;
    options.apply(&mut mbr).unwrap();
    mbr.encode()
}

fn card(code: &[u8], active: u8) -> Sector {
    let mut mbr = Mbr::with_code(code).unwrap().with_slices(&SLICES, CARD).unwrap();
    mbr.set_active(active).unwrap();
    mbr.encode()
}

/// The first and last bytes of a boot0 as FreeBSD builds it, with `call` as its way to the console.
fn with_boot0(call: &[u8], default: u8, active: u8) -> Sector {
    let mut program = [0x90; MBR_BYTES];
    program[..12].copy_from_slice(b"\xfc\x31\xc0\x8e\xc0\x8e\xd8\x8e\xd0\xbc\x00\x7c");
    program[0x80..][..call.len()].copy_from_slice(call);
    program[0x1ae..0x1be].copy_from_slice(b"Drive \0\0\x80\x8f\xa8\xa8\xa8\xa8\xb6\0");
    program[0x1be..510].fill(0);
    program[510..].copy_from_slice(&[0x55, 0xaa]);
    let mbr = boot0::install(&program, &Mbr::parse(&card(&[], active)).unwrap()).unwrap();
    with_default(mbr.encode(), default)
}
