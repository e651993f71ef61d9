//! The frozen formats, byte by byte as their pages in docs/ show them: what is written has these bytes, and they are read as
//! what was written.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but does not recognize the functions that they share"
)]

use std::path::Path;

use bsd_disk::geometry::Geometry;
use bsd_disk::mbr::Mbr;
use bsd_disk::units::Sectors;
use firmware::bundle::{ChunkList, Header, Manifest, StoredChunk};
use firmware::history::{Entry, Event, Record};
use firmware::layout::{DataSize, Layout, Request, SlotCount};
use firmware::revocations::Revocations;
use firmware::slot::{Slot, SlotHeader};
use firmware::state::{BootState, Mark, Trial};

/// 2026-01-02 03:04:05 UTC.
const TIME: u64 = 1_767_323_045;

/// The dumps of a page, in the form of `hexdump -C`, as bytes.
fn dumps(page: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = text.split("```hexdump\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(bytes).collect()
}

/// The bytes of a dump. A `*` stands for lines that are the same as the one before it.
fn bytes(dump: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for line in dump.lines().filter(|line| *line != "*") {
        let (offset, rest) = line.split_at(8);
        let offset = usize::from_str_radix(offset, 16).unwrap();
        while bytes.len() < offset {
            bytes.extend_from_within(bytes.len() - 16..);
        }
        assert_eq!(bytes.len(), offset, "{line}");
        let digits = rest.split('|').next().unwrap().split_whitespace();
        bytes.extend(digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()));
    }
    bytes
}

/// The dump of these bytes, for the message of a failure.
fn dump(bytes: &[u8]) -> String {
    let (mut out, mut last, mut is_repeated) = (String::new(), None, false);
    for (line, row) in bytes.chunks(16).enumerate() {
        if last == Some(row) {
            out += if is_repeated { "" } else { "*\n" };
            is_repeated = true;
            continue;
        }
        (last, is_repeated) = (Some(row), false);
        let half = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
        let (left, right) = row.split_at(row.len().min(8));
        let text = row.iter().map(|&byte| if (b' '..=b'~').contains(&byte) { byte as char } else { '.' });
        let hex = format!("{} {}", half(left), half(right));
        out += &format!("{:08x}  {hex:<50}|{}|\n", line * 16, text.collect::<String>());
    }
    out + &format!("{:08x}\n", bytes.len())
}

#[track_caller]
fn hold(page: &str, written: &[&[u8]]) {
    let dumps = dumps(page);
    for (number, written) in written.iter().enumerate() {
        let held = dumps.get(number).map(Vec::as_slice);
        assert!(held == Some(*written), "dump {number} of docs/{page} is not:\n{}", dump(written));
    }
    assert_eq!(dumps.len(), written.len(), "dumps of docs/{page}");
}

#[test]
fn the_layout_of_a_card() {
    let request = Request {
        media: Sectors(1_981_728),
        geometry: Geometry { sectors: 63, heads: 16 },
        slots: SlotCount::Two,
        code: None,
        cfg: Sectors::from_mib(1),
        data: DataSize::None,
    };
    let layout = Layout::plan(&request).unwrap();
    let mbr = Mbr::with_code(&[]).unwrap().with_slices(layout.slices(), layout.geometry).unwrap().encode();
    let label = layout.partitions().label(&layout.cfg, layout.geometry).unwrap().encode();
    hold("layout.md", &[&mbr[446..], &label[..276]]);
}

#[test]
fn the_boot_state() {
    let state = BootState {
        trial: Some(Trial { slot: Slot::Second, tries: 1 }),
        starts: 2,
        marks: [Mark::Good, Mark::Untried],
        floor: Some("1.2.3".parse().unwrap()),
        digests: [[0x11; 32], [0x22; 32]].map(Some),
        failed: vec![[0x33; 32]],
        revocations: Revocations { epoch: 2, keys: vec!["E7620F1842B4E81F".parse().unwrap()] },
        ..BootState::factory(Slot::First, [true; 2], None)
    };
    let record = state.encode(7).unwrap();
    hold("boot-state.md", &[&record]);
    assert_eq!(BootState::decode(&record), Ok((7, state)));
}

#[test]
fn the_history() {
    let entry = Entry {
        time: TIME,
        uptime: 61,
        event: Event::Installed,
        slot: Some(Slot::Second),
        version: Some("1.3.0".into()),
        digest: Some([0x22; 32]),
        result: 52,
    };
    let record = Record { sequence: 5, entry };
    hold("history.md", &[&record.encode()]);
    assert_eq!(Record::decode(&record.encode()), Some(record));
}

#[test]
fn the_slot_header() {
    let header = SlotHeader {
        product: "sluice".into(),
        board: "alix".into(),
        version: "1.3.0".into(),
        commit: "3ed14b5".into(),
        built_from: "FreeBSD 13.2-RELEASE".into(),
        built: TIME,
        size: Sectors(409_248),
        key_epoch: 2,
        watchdog: 300,
    };
    let sector = header.encode().unwrap();
    hold("slot-header.md", &[&sector]);
    assert_eq!(SlotHeader::decode(&sector), Ok(header));
}

#[test]
fn the_bundle() {
    let header = Header { manifest_bytes: 300, signature_bytes: 320 };
    let mut chunks = ChunkList::new();
    chunks.push_zeros(1);
    chunks.push(StoredChunk { bytes: 17, stored_sha256: [0x44; 32], raw_sha256: [0x55; 32] });
    chunks.push_zeros(1);
    let manifest = Manifest {
        format: 1,
        product: "sluice".into(),
        board: "alix".into(),
        version: "1.3.0".into(),
        commit: "3ed14b5".into(),
        world: "FreeBSD 13.2-RELEASE".into(),
        layouts: vec![1],
        config_version: 0,
        minimum: Some("1.0.0".into()),
        key_epoch: 2,
        revoked_keys: vec!["E7620F1842B4E81F".parse().unwrap()],
        lowers_floors: Vec::new(),
        slot_sectors: 24,
        chunk_sectors: 8,
        built: TIME,
        chunks,
    };
    let json = manifest.encode().unwrap();
    hold("bundle.md", &[&header.encode(), &json]);
    assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    assert_eq!(Manifest::parse(&json).unwrap(), manifest);
}
