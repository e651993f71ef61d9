//! Tests of whole bundles: made, read back, truncated, flipped bit by bit, and made of arbitrary bytes.

use std::io::{Read, Write as _};
use std::sync::LazyLock;

use minisign::KeyPair;
use proptest::prelude::*;

use super::*;

/// Sectors per chunk in these tests: 4 KiB, so that small images have many chunks.
const SECTORS: u32 = 8;
const BYTES: usize = SECTORS as usize * 512;

/// Two key pairs, of which the first is trusted. Generating them takes longer than everything else here.
static PAIRS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [(); 2].map(|()| KeyPair::generate_unencrypted_keypair().unwrap()));

fn key_text(pair: &KeyPair) -> String {
    pair.pk.to_box().unwrap().into_string()
}

/// The name of the key as minisign writes it into the comment of its file.
fn name(pair: &KeyPair) -> String {
    key_text(pair).lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
}

fn keys() -> PublicKeys {
    PublicKeys::parse([&*key_text(&PAIRS[0])]).unwrap()
}

fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    let comment = SIGNATURE_COMMENT.strip_prefix("untrusted comment: ");
    minisign::sign(None, &pair.sk, bytes, Some("timestamp:0\tfile:manifest.json\thashed"), comment)
        .unwrap()
        .into_string()
}

fn manifest(image: &[u8]) -> (Manifest, Vec<u8>) {
    let (mut chunks, mut stored) = (ChunkList::new(), Vec::new());
    for raw in image.chunks(BYTES) {
        if is_zero(raw) {
            chunks.push_zeros(1);
            continue;
        }
        let compressed = zstd::bulk::compress(raw, 19).unwrap();
        let bytes = if compressed.len() < raw.len() { &compressed[..] } else { raw };
        chunks.push(StoredChunk::of(raw, bytes));
        stored.extend_from_slice(bytes);
    }
    let manifest = Manifest {
        format: 1,
        product: "sluice".into(),
        board: "alix".into(),
        version: "0.2.0-dev.3+gabc.dirty".into(),
        commit: "3ed14b5".into(),
        world: "miniature".into(),
        layouts: vec![crate::layout::LAYOUT],
        config_version: 1,
        minimum: Some("0.1.0".into()),
        key_epoch: 2,
        revoked_keys: vec!["E7620F1842B4E81F".parse().unwrap()],
        lowers_floors: vec!["99.0.0".into()],
        slot_sectors: u32::try_from(image.len() / 512).unwrap(),
        chunk_sectors: SECTORS,
        built: 1_700_000_000,
        chunks,
    };
    (manifest, stored)
}

/// A bundle with any manifest bytes, signed with the trusted key.
fn assemble(manifest: &[u8], stored: &[u8]) -> Vec<u8> {
    let signature = sign(&PAIRS[0], manifest);
    let header = Header::of(manifest, &signature).unwrap().encode();
    [&header[..], manifest, signature.as_bytes(), stored].concat()
}

fn bundle(image: &[u8]) -> Vec<u8> {
    let (manifest, stored) = manifest(image);
    assemble(&manifest.encode().unwrap(), &stored)
}

/// A slot with zeros, compressible and incompressible data, and a short last chunk.
fn image() -> Vec<u8> {
    let mut image = vec![0; 7 * BYTES + 1024];
    image[3] = 1;
    image[BYTES..2 * BYTES].fill(b'x');
    let mut noise = 1u32;
    for byte in &mut image[4 * BYTES..5 * BYTES] {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (noise >> 24) as u8;
    }
    image[7 * BYTES + 1000] = 7;
    image
}

/// Reads a whole bundle: the image up to the first error, and the error or the length of the bundle.
fn read(bundle: impl Read) -> (Vec<u8>, Result<u64, BundleError>) {
    let mut image = Vec::new();
    let mut reader = match Reader::open(bundle, &keys()) {
        Ok(reader) => reader,
        Err(error) => return (image, Err(error)),
    };
    let mut raw = Vec::new();
    loop {
        match reader.next_chunk(&mut raw) {
            Ok(Some(chunk)) => {
                assert_eq!((chunk.offset, chunk.bytes as usize), (image.len() as u64, raw.len()));
                image.extend_from_slice(&raw);
            }
            Ok(None) => return (image, Ok(reader.position())),
            Err(error) => {
                assert!(raw.is_empty(), "unchecked bytes were returned with {error}");
                return (image, Err(error));
            }
        }
    }
}

fn refusal(bundle: &[u8]) -> BundleError {
    read(bundle).1.unwrap_err()
}

#[test]
fn a_bundled_image_is_read_back_chunk_by_chunk() {
    let image = image();
    let bundle = bundle(&image);
    let (back, end) = read(&*bundle);
    assert!(back == image);
    assert_eq!(end.unwrap(), bundle.len() as u64);

    let reader = Reader::open(&*bundle, &keys()).unwrap();
    let mut digest = ImageDigest::new();
    for raw in image.chunks(BYTES) {
        digest.add(raw);
    }
    assert_eq!(reader.manifest().image_digest(), digest.finish());
    assert_eq!(reader.key_id().to_string(), name(&PAIRS[0]));
    assert_eq!(keys().verify(reader.manifest_bytes(), reader.signature_text()), Ok(reader.key_id()));
    let kinds: Vec<_> = reader.manifest().chunks().map(|chunk| chunk.content == ChunkContent::Zero).collect();
    assert_eq!(kinds, [false, false, true, true, false, true, true, false]);
}

/// A pipe returns data in portions of any size.
#[test]
fn a_stream_in_small_portions_is_the_same_bundle() {
    struct Portions<'a>(&'a [u8], usize);
    impl Read for Portions<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            if self.1 == 3 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }
    let (back, end) = read(Portions(&bundle(&image()), 0));
    assert!(back == image() && end.is_ok());
}

#[test]
fn every_bit_of_header_manifest_and_signature_matters() {
    let good = bundle(&image());
    let header = Header::decode(good[..HEADER_BYTES].try_into().unwrap()).unwrap();
    let end = HEADER_BYTES + (header.manifest_bytes + header.signature_bytes) as usize;
    for at in 0..end {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let error = match Reader::open(&*bad, &keys()) {
                Ok(_) => panic!("bit {bit} of byte {at} does not matter"),
                Err(error) => error,
            };
            let expected = match at {
                0..8 => matches!(error, BundleError::NotABundle),
                8..HEADER_BYTES => matches!(error, BundleError::HeaderDamaged),
                _ if at < HEADER_BYTES + header.manifest_bytes as usize => {
                    matches!(error, BundleError::SignatureInvalid)
                }
                _ => matches!(
                    error,
                    BundleError::SignatureInvalid
                        | BundleError::NotASignature
                        | BundleError::UnknownKey { .. }
                ),
            };
            assert!(expected, "bit {bit} of byte {at}: {error}");
        }
    }
}

#[test]
fn every_byte_of_a_chunk_matters_and_the_chunks_before_it_are_returned() {
    let good = bundle(&image());
    let (_, stored) = manifest(&image());
    let mut before = 0;
    for at in good.len() - stored.len()..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (read, error) = read(&*bad);
        let index = (read.len() / BYTES) as u32;
        assert!(matches!(error, Err(BundleError::ChunkDamaged { index: named }) if named == index), "{at}");
        assert!(image().starts_with(&read) && read.len() >= before);
        before = read.len();
    }
}

#[test]
fn a_truncated_bundle_is_refused_with_the_position() {
    let good = bundle(&image());
    for length in 0..good.len() {
        let (_, error) = read(&good[..length]);
        assert!(matches!(error, Err(BundleError::Truncated { .. })), "{length}: {error:?}");
    }
    let text = refusal(&good[..20]).to_string();
    assert!(text.contains("in the middle of the header"), "{text}");
    let text = refusal(&good[..good.len() - 1]).to_string();
    assert!(
        text.contains("in the middle of chunk 7") && text.contains("\nhint: download it again"),
        "{text}"
    );
}

#[test]
fn nothing_may_follow_the_last_chunk() {
    let mut long = bundle(&image());
    long.push(0);
    assert!(matches!(refusal(&long), BundleError::TrailingData));
    let mut reader = Reader::open(&*long, &keys()).unwrap();
    let mut raw = Vec::new();
    while reader.next_chunk(&mut raw).is_ok() {}
    assert!(
        matches!(reader.next_chunk(&mut raw), Err(BundleError::GivenUp)),
        "another attempt must fail as well"
    );
}

#[test]
fn a_reader_that_failed_never_reports_the_end_of_the_bundle() {
    let mut bad = bundle(&image());
    let last = bad.len() - 1;
    bad[last] ^= 1;
    let mut reader = Reader::open(&*bad, &keys()).unwrap();
    let mut raw = Vec::new();
    let chunks = std::iter::repeat_with(|| reader.next_chunk(&mut raw)).take(12);
    assert!(chunks.skip(7).all(|next| next.is_err()), "the fault is in the last chunk");
}

#[test]
fn an_image_is_distinguished_from_garbage() {
    let mut image = image();
    assert!(matches!(refusal(&image), BundleError::NotABundle));
    image[510..512].copy_from_slice(&BOOT);
    let error = refusal(&image);
    assert!(matches!(error, BundleError::SlotImage) && error.to_string().contains(".fw"), "{error}");
    assert!(matches!(refusal(&image[..511]), BundleError::NotABundle));
    assert!(matches!(refusal(b"#!/bin/sh"), BundleError::NotABundle));
}

const BOOT: [u8; 2] = [0x55, 0xaa];

#[test]
fn an_unknown_key_and_a_missing_signature_are_distinguished_from_a_forged_one() {
    let (manifest, stored) = manifest(&image());
    let json = manifest.encode().unwrap();
    let with = |signature: &str| {
        let header = Header::of(&json, signature).unwrap().encode();
        refusal(&[&header[..], &json, signature.as_bytes(), &stored].concat())
    };
    let foreign = sign(&PAIRS[1], &json);
    let error = with(&foreign);
    assert!(matches!(error, BundleError::UnknownKey { .. }));
    assert!(error.to_string().contains(&*name(&PAIRS[1])), "{error}");
    assert!(matches!(with(&sign(&PAIRS[0], b"something else")), BundleError::SignatureInvalid));
    assert!(matches!(with(""), BundleError::NotASignature));
    let good = sign(&PAIRS[0], &json);
    for (from, to) in [("minisign secret", "other secret"), ("\n", "\r\n"), ("timestamp:0", "timestamp:1")] {
        assert!(matches!(
            with(&good.replace(from, to)),
            BundleError::NotASignature | BundleError::SignatureInvalid
        ));
    }
    assert!(matches!(with(&(good + "\n")), BundleError::NotASignature));
}

#[test]
fn a_revoked_key_is_refused_even_if_it_is_trusted_and_its_signature_is_valid() {
    let good = bundle(&image());
    let id = keys().ids().next().unwrap();
    for mut keys in [keys(), PublicKeys::new()] {
        keys.revoke([KeyId([7; 8]), id]);
        let Err(error) = Reader::open(&*good, &keys) else { panic!("the bundle is accepted") };
        assert!(matches!(error, BundleError::RevokedKey { id: revoked } if revoked == id), "{error}");
        assert!(error.to_string().contains("revoked on this unit\nhint: "), "{error}");
    }
    let mut keys = keys();
    keys.revoke([KeyId([7; 8])]);
    assert!(Reader::open(&*good, &keys).is_ok());
}

#[test]
fn keys_are_distinguished_by_name_and_a_name_has_one_key() {
    let [ours, theirs] = [0, 1].map(|pair| key_text(&PAIRS[pair]));
    let mut keys = PublicKeys::parse([&*ours, &theirs, &ours]).unwrap();
    assert_eq!(keys.ids().count(), 2);
    let signature = sign(&PAIRS[1], b"x");
    assert_eq!(keys.verify(b"x", &signature).ok(), keys.ids().nth(1));
    assert_eq!(keys.add("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"), Err(KeyError::NotAKey));
    assert_eq!(keys.add(&signature), Err(KeyError::NotAKey));
    // The same name with another key: the last characters belong to the key itself.
    let mut forged = theirs.trim_end().to_owned();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.push(last);
    assert!(matches!(keys.add(&forged), Err(KeyError::Ambiguous { .. })), "{forged}");
    assert!(PublicKeys::new().is_empty() && PublicKeys::new().verify(b"x", &signature).is_err());
}

/// The example from minisign's own documentation.
#[test]
fn a_signature_made_by_minisign_is_accepted_under_the_name_that_it_shows() {
    let keys = PublicKeys::parse(["untrusted comment: minisign public key E7620F1842B4E81F\n\
         RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n"])
    .unwrap();
    let signature = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n";
    assert_eq!(keys.verify(b"test", signature).unwrap().to_string(), "E7620F1842B4E81F");
    assert_eq!(keys.verify(b"Test", signature), Err(SignatureError::Invalid));
}

#[test]
fn a_header_of_a_newer_format_or_out_of_range_is_refused_with_the_reason() {
    let mut good = bundle(&image());
    let mut with = |at: usize, byte: u8| {
        let before = std::mem::replace(&mut good[at], byte);
        let crc = crc32fast::hash(&good[..28]).to_le_bytes();
        good[28..32].copy_from_slice(&crc);
        let error = refusal(&good);
        good[at] = before;
        error
    };
    assert!(matches!(with(8, 2), BundleError::Format { found: 2, known: 1 }));
    assert!(matches!(with(10, 64), BundleError::HeaderDamaged));
    assert!(matches!(with(20, 1), BundleError::HeaderDamaged));
    assert!(matches!(with(15, 1), BundleError::TooLarge { what: "manifest", .. }));
    assert!(matches!(with(18, 1), BundleError::TooLarge { what: "signature", .. }));
}

/// The JSON of a good manifest after `change`.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, BundleError> {
    let (manifest, _) = manifest(&image());
    let mut json = serde_json::to_value(&manifest).unwrap();
    change(&mut json);
    Manifest::parse(json.to_string().as_bytes())
}

#[test]
fn a_manifest_has_the_documented_form() {
    let mut image = vec![0; 4 * BYTES];
    image[BYTES] = 1;
    let (mut manifest, _) = manifest(&image);
    let json: serde_json::Value = serde_json::from_slice(&manifest.encode().unwrap()).unwrap();
    let chunks = json["chunks"].as_array().unwrap();
    assert_eq!((&chunks[0], &chunks[2]), (&1.into(), &2.into()));
    assert_eq!(chunks[1][2].as_str().unwrap().len(), 64);
    assert_eq!(json["minimum"], "0.1.0");
    manifest.minimum = None;
    assert_eq!(Manifest::parse(&manifest.encode().unwrap()).unwrap(), manifest);
    let again = changed(|json| {
        json["from_a_later_builder"] = serde_json::json!({"a": [1, {}]});
        for optional in ["minimum", "key_epoch", "revoked_keys", "lowers_floors"] {
            json.as_object_mut().unwrap().remove(optional);
        }
    });
    let again = again.unwrap();
    assert_eq!((again.minimum.as_ref(), again.lowers_floors.len()), (None, 0));
    assert!(again.revocations().is_empty());
}

/// The frozen form: docs/bundle.md.
#[test]
fn a_manifest_has_these_bytes() {
    let mut image = vec![0; 4 * BYTES];
    image[BYTES] = 1;
    let (mut manifest, _) = manifest(&image);
    let digest = "0".repeat(64);
    manifest.chunks = ChunkList::new();
    manifest.chunks.push_zeros(1);
    manifest.chunks.push(StoredChunk { bytes: 26, stored_sha256: [0; 32], raw_sha256: [0; 32] });
    manifest.chunks.push_zeros(2);
    let json = format!(
        "{}{}{}\n",
        r#"{"format":1,"product":"sluice","board":"alix","version":"0.2.0-dev.3+gabc.dirty","commit":"3ed14b5","#,
        r#""world":"miniature","layouts":[1],"config_version":1,"minimum":"0.1.0","key_epoch":2,"revoked_keys":["E7620F1842B4E81F"],"lowers_floors":["99.0.0"],"#,
        format_args!(
            r#""slot_sectors":32,"chunk_sectors":8,"built":1700000000,"chunks":[1,[26,"{digest}","{digest}"],2]}}"#
        ),
    );
    assert_eq!(String::from_utf8(manifest.encode().unwrap()).unwrap(), json);
    assert_eq!(Manifest::parse(json.as_bytes()).unwrap(), manifest);
    assert_eq!(manifest.revocations().keys, manifest.revoked_keys);
}

#[test]
fn an_invalid_manifest_is_refused_with_the_reason() {
    let reason =
        |field: &str, value: serde_json::Value| changed(|json| json[field] = value).unwrap_err().to_string();
    let zeros = "0".repeat(64);
    let many: Vec<u32> = (0..33).collect();
    for (field, value, part) in [
        ("product", "".into(), "product is not printable"),
        ("board", "a".repeat(32).into(), "1 to 31 bytes"),
        ("world", "\u{1b}[2J".into(), "world is not printable"),
        ("version", "1.2".into(), "its version `1.2` is not a valid version"),
        ("minimum", "".into(), "its minimum `` is not a valid version"),
        ("key_epoch", 10_000.into(), "the key epoch 10000 is above 9999"),
        ("key_epoch", 0.into(), "the key epoch is 0, although keys are revoked"),
        ("key_epoch", u64::MAX.into(), "invalid value"),
        ("revoked_keys", vec!["0000000000000001"; 2].into(), "the key 0000000000000001 is revoked twice"),
        ("revoked_keys", vec!["0000000000000000"].into(), "which marks an unused entry"),
        ("revoked_keys", vec!["e7620f1842b4e81f"].into(), "16 digits"),
        ("revoked_keys", vec!["0000000000000001"; 13].into(), "more than 12 revoked keys"),
        ("lowers_floors", vec!["99"].into(), "its floor to lower `99` is not a valid version"),
        ("lowers_floors", vec!["99.0.0"; 9].into(), "more than 8 version floors"),
        ("layouts", serde_json::json!([]), "0 layouts"),
        ("layouts", many.into(), "more than 32 layouts"),
        ("slot_sectors", 16.into(), "no room for its header"),
        ("slot_sectors", 66.into(), "8 chunks; a slot of 66 sectors (33.0 KiB) has 9"),
        ("slot_sectors", u64::MAX.into(), "invalid value"),
        ("chunk_sectors", 0.into(), "0 sectors"),
        ("chunk_sectors", 24.into(), "24 sectors"),
        ("chunk_sectors", 512.into(), "512 sectors"),
        ("chunks", serde_json::json!([8, [1, zeros, zeros]]), "has 9 chunks"),
        ("chunks", serde_json::json!([4, 4]), "two adjacent runs of zeros"),
        ("chunks", serde_json::json!([0, 8]), "an empty run of chunks"),
        ("chunks", serde_json::json!([u64::MAX]), "too many chunks"),
        ("chunks", serde_json::json!([u32::MAX, [1, zeros, zeros], u32::MAX]), "8589934591 chunks"),
        (
            "chunks",
            serde_json::json!([7, [1025, zeros, zeros]]),
            "chunk 7 is stored in 1025 bytes; 1 to 1024",
        ),
        ("chunks", serde_json::json!([7, [0, zeros, zeros]]), "stored in 0 bytes"),
        ("chunks", serde_json::json!([7, [9, zeros]]), "invalid length 2"),
        ("chunks", serde_json::json!([7, [9, zeros, zeros, 1]]), "invalid length 4"),
        ("chunks", serde_json::json!([7, [9, zeros, "F".repeat(64)]]), "64 lower-case"),
        ("chunks", serde_json::json!([7, [9, "0", zeros]]), "64 lower-case"),
        ("chunks", serde_json::json!([-8]), "a number of chunks of zeros"),
    ] {
        let text = reason(field, value);
        assert!(text.contains(part), "{field}: {text}");
    }
    assert!(matches!(changed(|json| json["format"] = 2.into()), Err(BundleError::Format { found: 2, .. })));
    let huge = vec![b' '; MANIFEST_BYTES_MAX as usize + 1];
    assert!(matches!(Manifest::parse(&huge), Err(BundleError::TooLarge { .. })));
}

/// Only a holder of the key could make these; still there must be no panic and no unbounded memory.
#[test]
fn a_signed_chunk_of_the_wrong_length_is_damaged() {
    let image = {
        let mut image = vec![0; 3 * BYTES];
        image[0] = 1;
        image
    };
    let with = |stored: &[u8]| {
        let (mut manifest, _) = manifest(&image);
        manifest.chunks = ChunkList::new();
        manifest.chunks.push(StoredChunk {
            bytes: u32::try_from(stored.len()).unwrap(),
            stored_sha256: sha256(stored),
            raw_sha256: sha256(&image[..BYTES]),
        });
        manifest.chunks.push_zeros(2);
        read(&*assemble(&manifest.encode().unwrap(), stored)).1
    };
    let frame = |raw: &[u8]| zstd::bulk::compress(raw, 3).unwrap();
    assert!(with(&frame(&image[..BYTES])).is_ok());
    // A frame without a length and with a checksum is valid zstd.
    let mut stream = zstd::Encoder::new(Vec::new(), 3).unwrap();
    stream.window_log(10).unwrap();
    stream.include_checksum(true).unwrap();
    stream.write_all(&image[..BYTES]).unwrap();
    assert!(with(&stream.finish().unwrap()).is_ok());
    // Blocks of 4 bytes that decompress to 128 KiB each.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00];
    for _ in 0..900 {
        bomb.extend_from_slice(&((0x1_ffff << 3 | 0b010) as u32).to_le_bytes()[..3]);
        bomb.push(0);
    }
    let frames = [frame(&image[..BYTES]), frame(b"")].concat();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0][..], &frame(&image[..BYTES])].concat();
    for bad in [
        frame(&image[..BYTES - 1]),
        frame(&image[..BYTES + 1]),
        frame(&vec![0; 1 << 20]),
        frame(&image[..BYTES])[..10].to_vec(),
        image[..BYTES - 1].to_vec(),
        bomb,
        frames,
        skippable,
    ] {
        assert!(matches!(with(&bad), Err(BundleError::ChunkDamaged { index: 0 })), "{} bytes", bad.len());
    }
}

#[test]
fn zeros_are_distinguished_from_everything_else() {
    for length in [0, 1, 63, 64, 65, 1024] {
        let mut bytes = vec![0; length];
        assert!(is_zero(&bytes));
        for at in 0..length {
            bytes[at] = 0x80;
            assert!(!is_zero(&bytes), "{at} of {length}");
            bytes[at] = 0;
        }
        let mut digest = ImageDigest::new();
        assert_eq!(digest.add(&bytes), sha256(&bytes), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_image_is_read_back(
        chunks in proptest::collection::vec(prop_oneof![
            Just(vec![0; BYTES]),
            any::<u8>().prop_map(|byte| vec![byte; BYTES]),
            proptest::collection::vec(any::<u8>(), BYTES),
        ], 3..10),
        short in 0..SECTORS as usize,
    ) {
        let mut image = chunks.concat();
        image.truncate(image.len() - short * 512);
        let bundle = bundle(&image);
        let (back, end) = read(&*bundle);
        prop_assert_eq!(end.unwrap(), bundle.len() as u64);
        prop_assert!(back == image);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(read(&*bytes).1.is_err());
        let _ = Manifest::parse(&bytes);
        let _ = String::from_utf8(bytes.clone()).map(|text| (keys().add(&text), keys().verify(&[], &text)));
        // After a valid header.
        let mut header = [0; HEADER_BYTES];
        header[..bytes.len().min(HEADER_BYTES)].copy_from_slice(&bytes[..bytes.len().min(HEADER_BYTES)]);
        let lengths = Header {
            manifest_bytes: u32::from(header[0]),
            signature_bytes: u32::from(header[1]),
        };
        prop_assert!(read(&*[&lengths.encode()[..], &bytes].concat()).1.is_err());
    }

    /// Anything that a holder of the key may sign.
    #[test]
    fn a_signed_manifest_of_arbitrary_bytes_is_never_a_panic(
        at in any::<prop::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 0..40),
        junk in proptest::collection::vec(any::<u8>(), 0..9000),
    ) {
        let (manifest, _) = manifest(&image());
        let mut json = manifest.encode().unwrap();
        let at = at.index(json.len());
        let end = (at + bytes.len()).min(json.len());
        json.splice(at..end, bytes);
        let _ = read(&*assemble(&json, &junk));
    }

    #[test]
    fn every_header_is_read_back(manifest_bytes in 0..=MANIFEST_BYTES_MAX, signature_bytes in 0..=SIGNATURE_BYTES_MAX) {
        let header = Header { manifest_bytes, signature_bytes };
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }
}
