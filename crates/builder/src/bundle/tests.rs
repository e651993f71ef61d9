//! Bundles read back with the reader that units use.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bsd_disk::units::{SECTOR_BYTES, Sectors};
use firmware::bundle::{Manifest, PublicKeys, Reader};
use firmware::revocations::Revocations;

use super::chunk_cache::ChunkCache;
use super::encoder::ENCODER;
use super::write::{CHUNK_BYTES, SUFFIX, Summary, manifest, write};
use crate::keys::{Pair, Signer};
use crate::product::{Product, Version};

/// The number of chunks of the slot image in these tests. The last one is half a chunk.
const CHUNKS: u64 = 9;

fn revocations() -> Revocations {
    Revocations { epoch: 2, keys: vec!["E7620F1842B4E81F".parse().unwrap()] }
}

struct Desk {
    dir: tempfile::TempDir,
    signer: Signer,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("a.key");
        Pair::generate(None).unwrap().save_secret(&key).unwrap();
        Self { signer: Signer::open(&key).unwrap(), dir }
    }

    fn keys(&self) -> PublicKeys {
        PublicKeys::parse([self.signer.public_text()]).unwrap()
    }

    /// A sparse slot image: text, noise, written zeros, and holes.
    fn slot(&self, text: &str) -> std::path::PathBuf {
        let path = self.dir.path().join("slot.img");
        let file = File::create(&path).unwrap();
        file.set_len(CHUNKS * CHUNK_BYTES - CHUNK_BYTES / 2).unwrap();
        file.write_all_at(text.as_bytes(), CHUNK_BYTES - 3).unwrap();
        let mut noise = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(CHUNK_BYTES as usize)
        .collect();
        file.write_all_at(&noise, 4 * CHUNK_BYTES).unwrap();
        file.write_all_at(&vec![0; CHUNK_BYTES as usize], 6 * CHUNK_BYTES).unwrap();
        file.write_all_at(b"end", (CHUNKS - 1) * CHUNK_BYTES).unwrap();
        path
    }

    fn manifest(&self) -> Manifest {
        let mut product = Product::load(&crate::workspace::root(), &[]).unwrap();
        product.update.lowers_floors = vec!["99.0.0".into()];
        let version = Version {
            text: "0.1.0-dev.1+gabc.dirty".into(),
            commit: "abc".into(),
            time: 1_767_323_045,
            dirty: true,
            tagged: false,
        };
        let sectors = Sectors((CHUNKS * CHUNK_BYTES - CHUNK_BYTES / 2) / SECTOR_BYTES);
        manifest(&product, &version, "miniature", sectors, &revocations()).unwrap()
    }

    fn bundle(&self, name: &str, slot: &Path, cache: Option<&ChunkCache>) -> (Vec<u8>, Summary) {
        fs::create_dir_all(self.dir.path().join(name)).unwrap();
        let out = self.dir.path().join(name).join("sluice-alix-0.fw");
        let summary = write(slot, &out, self.manifest(), &self.signer, cache).unwrap();
        (fs::read(out).unwrap(), summary)
    }
}

#[test]
fn a_unit_reads_the_slot_image_back() {
    let desk = Desk::new();
    let slot = desk.slot("text");
    let (bundle, summary) = desk.bundle("a", &slot, None);
    assert_eq!((summary.chunks, summary.stored, summary.reused), (CHUNKS as u32, 4, 0));
    assert_eq!((summary.bytes, summary.raw_bytes), (bundle.len() as u64, 7 * CHUNK_BYTES / 2));
    let mut reader = Reader::open(&*bundle, &desk.keys()).unwrap();
    let (mut image, mut raw) = (Vec::new(), Vec::new());
    while reader.next_chunk(&mut raw).unwrap().is_some() {
        image.extend_from_slice(&raw);
    }
    assert!(image == fs::read(&slot).unwrap());
    assert_eq!(reader.manifest().config_version, 1);
    assert_eq!(reader.manifest().revocations(), revocations());
    assert_eq!(reader.manifest().lowers_floors, ["99.0.0"]);
    assert!(reader.signature_text().contains("timestamp:1767323045\tfile:sluice-alix-0.fw\thashed"));
}

#[test]
fn the_same_slot_gives_the_same_bytes_on_any_number_of_processors() {
    let desk = Desk::new();
    let slot = desk.slot("text");
    let (bundle, _) = desk.bundle("all", &slot, None);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert!(bundle == one.install(|| desk.bundle("one", &slot, None)).0);
    // A copy without holes is the same slot.
    let full = desk.dir.path().join("full.img");
    fs::write(&full, fs::read(&slot).unwrap()).unwrap();
    assert!(bundle == desk.bundle("full", &full, None).0);
}

#[test]
fn chunks_of_a_previous_bundle_are_reused_and_change_no_byte() {
    let desk = Desk::new();
    desk.bundle("previous", &desk.slot("previous"), None);
    let dir = desk.dir.path().join("previous");
    let open = |compression: &str, keys: &PublicKeys| {
        fs::write(dir.join("manifest.json"), format!("{{\"compression\":\"{compression}\"}}")).unwrap();
        ChunkCache::open(&dir, "manifest.json", SUFFIX, keys)
    };
    assert!(open("zstd 1.5.6, level 19", &desk.keys()).is_none(), "another encoder gives other bytes");
    assert!(open(ENCODER, &PublicKeys::new()).is_none(), "its signature is not trusted");
    let cache = open(ENCODER, &desk.keys()).unwrap();
    let slot = desk.slot("text");
    let (fresh, _) = desk.bundle("fresh", &slot, None);
    let (bundle, summary) = desk.bundle("reused", &slot, Some(&cache));
    assert!(bundle == fresh);
    assert_eq!((summary.stored, summary.reused), (4, 2), "the two with text are new");

    let path = dir.join("sluice-alix-0.fw");
    let mut damaged = fs::read(&path).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(&path, damaged).unwrap();
    let cache = open(ENCODER, &desk.keys()).unwrap();
    let (bundle, summary) = desk.bundle("damaged", &slot, Some(&cache));
    assert!(bundle == fresh);
    assert_eq!(summary.reused, 1, "a damaged chunk is compressed again");
}

#[test]
fn a_slot_image_of_another_length_is_refused_and_nothing_is_replaced() {
    let desk = Desk::new();
    let slot = desk.slot("text");
    let out = desk.dir.path().join("a.fw");
    fs::write(&out, "mine").unwrap();
    assert!(write(&slot, &out, desk.manifest(), &desk.signer, None).is_err());
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    File::options().write(true).open(&slot).unwrap().set_len(CHUNK_BYTES).unwrap();
    let error = write(&slot, &desk.dir.path().join("b.fw"), desk.manifest(), &desk.signer, None).unwrap_err();
    assert!(format!("{error:#}").contains("131072 bytes, but should have"), "{error:#}");
}
