//! What an update bundle is, and whether all of it holds.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use firmware::bundle::{
    BundleError, Chunk, ChunkContent, HEADER_BYTES, Header, Manifest, Reader, SignatureError,
};
use firmware::units::Sectors;

use crate::keys::Trusted;
use crate::{hex, report};

/// What stands before the chunks.
struct Head {
    manifest_bytes: Vec<u8>,
    signature: String,
    manifest: Manifest,
    /// Where the first stored chunk begins.
    end: u64,
}

/// Whether `file` begins as a bundle does, or is called one.
///
/// # Errors
/// It cannot be read.
pub fn is_one(file: &Path) -> Result<bool> {
    let attempt = || format!("inspecting {}", file.display());
    let mut header = Vec::new();
    let opened = File::open(file).with_context(attempt)?;
    opened.take(HEADER_BYTES as u64).read_to_end(&mut header).with_context(attempt)?;
    let decoded = header.as_slice().try_into().ok().map(Header::decode);
    let begins = decoded.is_some_and(|header| !matches!(header, Err(BundleError::NotABundle)));
    Ok(begins || file.extension().is_some_and(|extension| extension == "fw"))
}

/// Shows the bundle `file`, then checks it or extracts its signed part into a folder, as told.
///
/// # Errors
/// It is none, or with `check` something in it does not hold.
pub fn inspect(file: &Path, keys: &Trusted, check: bool, extract: Option<&Path>) -> Result<()> {
    let attempt = || format!("inspecting {}", file.display());
    let open = || File::open(file).with_context(attempt);
    let bytes = open()?.metadata().with_context(attempt)?.len();
    if check {
        // What a unit would refuse unread is not shown as if it were something.
        Reader::open(BufReader::new(open()?), keys.public()).with_context(attempt)?;
    }
    let head = Head::read(BufReader::new(open()?)).with_context(attempt)?;
    print!("{}", head.describe(bytes, keys));
    if let Some(dir) = extract {
        head.extract(dir)?;
        println!("extracted     {0}/manifest.json, {0}/manifest.json.minisig", dir.display());
    }
    if check {
        let chunks = verify(BufReader::new(open()?), keys).with_context(attempt)?;
        println!("verified      the signature, {chunks} chunks, and that nothing follows");
    }
    Ok(())
}

impl Head {
    fn read(mut file: impl Read) -> Result<Self> {
        let mut header = [0; HEADER_BYTES];
        let read = file.read_exact(&mut header);
        if read.is_err() {
            return Err(BundleError::NotABundle.into());
        }
        let header = Header::decode(&header)?;
        let mut take = |what: &str, bytes: u32| -> Result<Vec<u8>> {
            let mut part = vec![0; bytes as usize];
            let truncated = |_| BundleError::Truncated { what: what.to_owned() };
            file.read_exact(&mut part).map_err(truncated)?;
            Ok(part)
        };
        let manifest_bytes = take("the manifest", header.manifest_bytes)?;
        let signature = take("the signature", header.signature_bytes)?;
        let signature = String::from_utf8(signature).map_err(|_| BundleError::NotASignature)?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        let end = HEADER_BYTES as u64 + u64::from(header.manifest_bytes) + u64::from(header.signature_bytes);
        Ok(Self { manifest_bytes, signature, manifest, end })
    }

    fn describe(&self, bytes: u64, keys: &Trusted) -> String {
        let manifest = &self.manifest;
        let (mut stored, mut stored_bytes, mut raw_bytes) = (0, 0, 0);
        for chunk in manifest.chunks() {
            if let ChunkContent::Stored { bytes, .. } = chunk.content {
                stored += 1;
                stored_bytes += u64::from(bytes);
                raw_bytes += u64::from(chunk.bytes);
            }
        }
        let layouts: Vec<String> = manifest.layouts.iter().map(u32::to_string).collect();
        let signature = match keys.public().verify(&self.manifest_bytes, &self.signature) {
            Ok(id) => format!("holds, with the key {id} ({})", keys.name_of(id).unwrap_or("unnamed")),
            Err(SignatureError::UnknownKey { id }) => {
                format!("not checked: the key {id} is not known here (--key FILE)")
            }
            Err(error) => format!("DOES NOT HOLD: {error}"),
        };
        let or_none = |text: &str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
        let mut text = String::new();
        let mut fact = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<13} {value}"); // writing to a string cannot fail
        };
        fact("bundle", format!("format {}, {} ({bytes} bytes)", manifest.format, report::size(bytes)));
        fact("version", format!("{} {} for {}", manifest.product, manifest.version, manifest.board));
        fact("commit", or_none(&manifest.commit));
        fact("world", or_none(&manifest.world));
        fact("built", format!("{} s after 1970", manifest.built));
        fact(
            "updates from",
            manifest.minimum.as_ref().map_or("any version".to_owned(), |least| format!("{least} on")),
        );
        fact("layouts", layouts.join(", "));
        fact("configuration", format!("version {}", manifest.config_version));
        fact("slot", Sectors(manifest.slot_sectors.into()).to_string());
        fact("image digest", hex(&manifest.image_digest()));
        let (count, size) = (manifest.chunk_count(), report::size(manifest.chunk_bytes().into()));
        fact("chunks", format!("{count} of {size}: {stored} stored, {} zero", count - stored));
        let percent = stored_bytes * 100 / raw_bytes.max(1);
        let (small, large) = (report::size(stored_bytes), report::size(raw_bytes));
        fact("stored", format!("{small} for {large} ({percent} %), from byte {} on", self.end));
        fact("signature", signature);
        text
    }

    fn extract(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        for (name, bytes) in
            [("manifest.json", &*self.manifest_bytes), ("manifest.json.minisig", self.signature.as_bytes())]
        {
            let path = dir.join(name);
            File::create_new(&path)
                .and_then(|mut file| file.write_all(bytes))
                .with_context(|| format!("extracting {}", path.display()))?;
        }
        Ok(())
    }
}

/// Reads all of a bundle as a unit does, and tells how many chunks it has.
fn verify(file: impl Read, keys: &Trusted) -> Result<u32> {
    let mut reader = Reader::open(file, keys.public())?;
    let mut raw = Vec::new();
    let mut count = 0;
    loop {
        let at = reader.position();
        match reader.next_chunk(&mut raw) {
            Ok(Some(Chunk { index, .. })) => count = index + 1,
            Ok(None) => return Ok(count),
            Err(error) => {
                return Err(error).with_context(|| format!("at byte {at}, where chunk {count} should be"));
            }
        }
    }
}
