//! Any bytes may be given as a bundle. The first byte of an input chooses how deep the rest of it gets: as a whole
//! bundle; as a manifest that is signed; as a manifest and chunks whose digests hold too, down to the decompressor.

#![no_main]

use std::io::Read;
use std::sync::LazyLock;

use blake2::{Blake2b512, Digest};
use ed25519_compact::{KeyPair, Seed};
use firmware::bundle::{
    BundleError, ChunkContent, ChunkList, Header, Manifest, PublicKeys, Reader, SIGNATURE_COMMENT,
    StoredChunk, sha256,
};
use libfuzzer_sys::fuzz_target;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Sectors and bytes of a chunk here.
const CHUNK: (u32, usize) = (8, 4096);

/// The same key in every run, so that a corpus stays of use.
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::from_seed(Seed::new([7; 32])));
static KEYS: LazyLock<PublicKeys> = LazyLock::new(|| {
    let key = base64(&[&b"Ed"[..], &[1; 8], &KEY.pk[..]].concat());
    PublicKeys::parse([&*format!("untrusted comment: a key\n{key}\n")]).expect("a key")
});

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    match mode % 4 {
        0 => read(rest),
        1 => {
            let _ = Manifest::parse(rest);
            if let Ok(text) = str::from_utf8(rest) {
                let _ = PublicKeys::new().add(text);
                let _ = KEYS.verify(b"", text);
            }
        }
        2 => {
            // Manifest and chunks, apart at the first line's end.
            let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
            let (manifest, chunks) = rest.split_at(end);
            read(&signed(manifest, chunks));
        }
        _ => read(&frames(rest)),
    }
});

/// A bundle whose chunks are `input`, 4 KiB of it or what follows a length, under digests that hold of what is stored.
fn frames(mut input: &[u8]) -> Vec<u8> {
    let (mut chunks, mut stored) = (ChunkList::new(), Vec::new());
    let mut count = 0;
    while let Some((length, rest)) = input.split_first_chunk() {
        let length = (usize::from(u16::from_le_bytes(*length)) % (CHUNK.1 + 1)).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        if bytes.is_empty() {
            chunks.push_zeros(1);
        } else {
            chunks.push(StoredChunk {
                bytes: length as u32,
                stored_sha256: sha256(bytes),
                raw_sha256: sha256(&decompressed(bytes).unwrap_or(bytes.to_vec())),
            });
            stored.extend_from_slice(bytes);
        }
        (input, count) = (rest, count + 1);
    }
    chunks.push_zeros(3);
    let manifest = Manifest {
        format: 1,
        product: "sluice".into(),
        board: "alix".into(),
        version: "1.2.3".into(),
        commit: String::new(),
        world: String::new(),
        layouts: vec![1],
        config_version: 1,
        minimum: None,
        key_epoch: 0,
        revoked_keys: Vec::new(),
        lowers_floors: Vec::new(),
        slot_sectors: (count + 3) * CHUNK.0,
        chunk_sectors: CHUNK.0,
        built: 0,
        chunks,
    };
    signed(&manifest.encode().unwrap_or_default(), &stored)
}

/// What a decoder that is used once makes of a chunk, for one that is used again and again must make the same.
fn decompressed(stored: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(CHUNK.1 as u64);
    let mut frame = StreamingDecoder::new_with_decoder(stored, decoder).ok()?;
    let mut raw = Vec::new();
    (&mut frame).take(CHUNK.1 as u64 + 1).read_to_end(&mut raw).ok()?;
    (raw.len() == CHUNK.1).then_some(raw)
}

fn signed(manifest: &[u8], chunks: &[u8]) -> Vec<u8> {
    let signature = KEY.sk.sign(Blake2b512::digest(manifest), None);
    let global = KEY.sk.sign([&signature[..], b"x"].concat(), None);
    let signed = base64(&[&b"ED"[..], &[1; 8], &signature[..]].concat());
    let text = format!("{SIGNATURE_COMMENT}\n{signed}\ntrusted comment: x\n{}\n", base64(&global[..]));
    match Header::of(manifest, &text) {
        Ok(header) => [&header.encode()[..], manifest, text.as_bytes(), chunks].concat(),
        Err(_) => Vec::new(),
    }
}

/// Reads all that can be read, and holds it against the manifest.
fn read(bundle: &[u8]) {
    let Ok(mut reader) = Reader::open(bundle, &KEYS) else { return };
    let mut raw = Vec::new();
    let mut end = 0;
    loop {
        match reader.next_chunk(&mut raw) {
            Ok(Some(chunk)) => {
                assert_eq!(raw.len(), chunk.bytes as usize);
                assert!(chunk.offset >= end);
                if let ChunkContent::Stored { raw_sha256, .. } = chunk.content {
                    assert_eq!(sha256(&raw), raw_sha256);
                }
                end = chunk.offset + u64::from(chunk.bytes);
            }
            Ok(None) => {
                assert_eq!(reader.position(), bundle.len() as u64);
                assert_eq!(end, u64::from(reader.manifest().slot_sectors) * 512);
                return;
            }
            Err(error) => {
                assert!(raw.is_empty(), "unchecked bytes were handed out with {error}");
                assert!(matches!(reader.next_chunk(&mut raw), Err(BundleError::GivenUp)));
                return;
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at <= group.len() { sign } else { '=' });
        }
    }
    text
}
