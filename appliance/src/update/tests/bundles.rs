//! Slot images and bundles of them.

use std::sync::LazyLock;

use bsd_disk::units::Sectors;
use firmware::bundle::{
    ChunkList, HEADER_BYTES, Header, ImageDigest, KeyId, Manifest, PublicKeys, SIGNATURE_COMMENT,
    StoredChunk, is_zero,
};
use firmware::layout::{HEADER_SECTOR, LAYOUT};
use firmware::slot::SlotHeader;
use minisign::KeyPair;

use super::disk::Dice;

/// Sectors of a chunk here. The builder's chunks have 256; small ones make many writes to cut.
pub const CHUNK_SECTORS: u32 = 16;
const CHUNK: usize = CHUNK_SECTORS as usize * 512;

/// Bytes of one part of an image.
pub const PART: usize = 48 << 10;

/// Key pairs; the first one is trusted.
static PAIRS: LazyLock<[KeyPair; 3]> =
    LazyLock::new(|| [(); 3].map(|()| KeyPair::generate_unencrypted_keypair().unwrap()));

/// The keys that a unit trusts.
pub fn keys() -> PublicKeys {
    keys_of(&[0])
}

/// The public keys of the key pairs of these numbers.
pub fn keys_of(pairs: &[usize]) -> PublicKeys {
    let texts: Vec<String> =
        pairs.iter().map(|&pair| PAIRS[pair].pk.to_box().unwrap().into_string()).collect();
    PublicKeys::parse(texts.iter().map(String::as_str)).unwrap()
}

/// The identifier of the key pair of this number.
pub fn key_id(pair: usize) -> KeyId {
    keys_of(&[pair]).ids().next().unwrap()
}

/// A slot image of this version. Of two versions, some parts are the same, some differ here and there, some are zero in one
/// or both of them, and the last one is short.
pub fn image(version: &str) -> Vec<u8> {
    image_of(version, "sluice", "alix", PART)
}

/// The image with another key epoch in its header.
pub fn with_epoch(mut image: Vec<u8>, key_epoch: u32) -> Vec<u8> {
    let at = HEADER_SECTOR.bytes() as usize;
    let header = SlotHeader::decode(&image[at..at + 512]).unwrap();
    image[at..at + 512].copy_from_slice(&SlotHeader { key_epoch, ..header }.encode().unwrap());
    image
}

/// The same with another product and board, and parts of another size.
pub fn image_of(version: &str, product: &str, board: &str, part: usize) -> Vec<u8> {
    let mut image = vec![0; 9 * part + 5 * 512];
    let own = version.bytes().fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
    let mut common = Dice::new(1);
    let mut different = Dice::new(own);
    let noise =
        |bytes: &mut [u8], dice: &mut Dice| bytes.iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
    // 0: boot programs, label, header, and more; 1: all different; 2: the same; 3 and 4: zero.
    noise(&mut image[..8192], &mut common);
    noise(&mut image[20..60], &mut different);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    noise(&mut image[9216..part], &mut common);
    noise(&mut image[part..2 * part], &mut different);
    noise(&mut image[2 * part..3 * part], &mut common);
    // 5: zero in every other version; 6: what compresses, with a block here and there that differs.
    if own % 2 == 0 {
        image[5 * part + 4096..5 * part + 4099].fill(9);
    }
    image[6 * part..7 * part].fill(b'x');
    for block in [0, 1, 3, 6, 8, 11] {
        noise(&mut image[6 * part + block * 4096..][..16], &mut different);
    }
    // 7: zero; 8: its last sector differs; 9: a short one.
    noise(&mut image[9 * part - 512..9 * part], &mut different);
    noise(&mut image[9 * part + 100..][..40], &mut different);
    let header = SlotHeader {
        product: product.into(),
        board: board.into(),
        version: version.into(),
        commit: "3ed14b5".into(),
        built_from: "miniature".into(),
        built: 1_700_000_000,
        size: Sectors::holding_bytes(image.len() as u64),
        watchdog: 300,
        key_epoch: 0,
    };
    let at = HEADER_SECTOR.bytes() as usize;
    image[at..at + 512].copy_from_slice(&header.encode().unwrap());
    image
}

/// The digest of an image.
pub fn digest(image: &[u8]) -> [u8; 32] {
    let mut digest = ImageDigest::new();
    for raw in image.chunks(CHUNK) {
        digest.add(raw);
    }
    digest.finish()
}

/// The manifest of an image, and its stored chunks.
pub fn manifest(image: &[u8], chunk_sectors: u32) -> (Manifest, Vec<u8>) {
    let (mut chunks, mut stored) = (ChunkList::new(), Vec::new());
    for raw in image.chunks(chunk_sectors as usize * 512) {
        if is_zero(raw) {
            chunks.push_zeros(1);
            continue;
        }
        let compressed = zstd::bulk::compress(raw, 3).unwrap();
        let bytes = if compressed.len() < raw.len() { &compressed[..] } else { raw };
        chunks.push(StoredChunk::of(raw, bytes));
        stored.extend_from_slice(bytes);
    }
    let at = HEADER_SECTOR.bytes() as usize;
    let header = SlotHeader::decode(&image[at..at + 512]).unwrap();
    let manifest = Manifest {
        format: 1,
        product: header.product,
        board: header.board,
        version: header.version,
        commit: header.commit,
        world: header.built_from,
        layouts: vec![LAYOUT],
        config_version: 1,
        minimum: None,
        key_epoch: header.key_epoch,
        revoked_keys: Vec::new(),
        lowers_floors: Vec::new(),
        slot_sectors: header.size.to_u32().unwrap(),
        chunk_sectors,
        built: header.built,
        chunks,
    };
    (manifest, stored)
}

/// Assembles a bundle, signed with the key pair of this number.
pub fn signed(manifest: &[u8], stored: &[u8], pair: usize) -> Vec<u8> {
    let comment = SIGNATURE_COMMENT.strip_prefix("untrusted comment: ");
    let signature = minisign::sign(None, &PAIRS[pair].sk, manifest, Some("timestamp:0"), comment).unwrap();
    let signature = signature.into_string();
    let header = Header::of(manifest, &signature).unwrap().encode();
    [&header[..], manifest, signature.as_bytes(), stored].concat()
}

/// The bundle of an image.
pub fn bundle(image: &[u8]) -> Vec<u8> {
    changed(image, |_| {})
}

/// The bundle of an image, with a changed manifest.
pub fn changed(image: &[u8], change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    changed_by(image, 0, change)
}

/// The same, signed with the key pair of this number.
pub fn changed_by(image: &[u8], pair: usize, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let (mut manifest, stored) = manifest(image, CHUNK_SECTORS);
    change(&mut manifest);
    signed(&manifest.encode().unwrap(), &stored, pair)
}

/// The offset of the first chunk of a bundle.
pub fn first_chunk(bundle: &[u8]) -> usize {
    let header = Header::decode(bundle[..HEADER_BYTES].try_into().unwrap()).unwrap();
    HEADER_BYTES + (header.manifest_bytes + header.signature_bytes) as usize
}
