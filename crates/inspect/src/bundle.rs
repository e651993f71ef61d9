//! Update bundles: their properties, whether they are valid, and the slot image in them.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use bsd_disk::units::Sectors;
use builder::keys::Trusted;
use firmware::bundle::{
    BundleError, Chunk, ChunkContent, HEADER_BYTES, Header, Manifest, Reader, SignatureError,
};

/// The part of a bundle before the chunks.
struct Head {
    manifest_bytes: Vec<u8>,
    signature: String,
    manifest: Manifest,
    /// The offset of the first stored chunk.
    end: u64,
}

/// Whether `file` is meant to be a bundle, by its first bytes or its name.
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

/// Prints the properties of the bundle `file`. With `check`, verifies all of it; `extract` is a directory for the signed
/// part.
///
/// # Errors
/// It is not a bundle, or `check` finds a fault.
pub fn inspect(file: &Path, keys: &Trusted, check: bool, extract: Option<&Path>) -> Result<()> {
    let attempt = || format!("inspecting {}", file.display());
    let open = || File::open(file).with_context(attempt);
    let bytes = open()?.metadata().with_context(attempt)?.len();
    if check {
        // What a unit would refuse without reading it is not shown.
        reader(open()?, keys).with_context(attempt)?;
    }
    let head = Head::read(BufReader::new(open()?)).with_context(attempt)?;
    let properties = head.properties(bytes, keys).into_iter();
    report::result(&properties.map(|(name, value)| format!("{name:<13} {value}\n")).collect::<String>())?;
    if let Some(dir) = extract {
        head.extract(dir)?;
        report::result(&format!(
            "extracted     {0}/manifest.json, {0}/manifest.json.minisig\n",
            dir.display()
        ))?;
    }
    if check {
        let chunks = chunks(open()?, keys, |_, _| Ok(())).with_context(attempt)?;
        report::result(&format!("verified      signature and {chunks} chunks, with nothing after them\n"))?;
    }
    Ok(())
}

/// The properties of the bundle `file`, by the names that [`inspect`] prints, and its slot image: an unnamed temporary
/// file, with holes where it is zero.
///
/// # Errors
/// It is not a bundle, is damaged or not signed with one of `keys`, or there is no room for the slot image.
pub fn unpack(file: &Path, keys: &Trusted) -> Result<(Vec<(&'static str, String)>, File)> {
    let attempt = || format!("unpacking the update {}", file.display());
    let writing = || "writing its slot image to a temporary file";
    let open = || File::open(file).with_context(attempt);
    let slot = tempfile::tempfile().with_context(writing).with_context(attempt)?;
    let write = |chunk: Chunk, raw: &[u8]| match chunk.content {
        ChunkContent::Stored { .. } => slot.write_all_at(raw, chunk.offset).with_context(writing),
        ChunkContent::Zero => Ok(()),
    };
    chunks(open()?, keys, write).with_context(attempt)?;
    let bytes = open()?.metadata().with_context(attempt)?.len();
    let head = Head::read(BufReader::new(open()?)).with_context(attempt)?;
    let sectors = Sectors(head.manifest.slot_sectors.into());
    slot.set_len(sectors.bytes()).with_context(writing).with_context(attempt)?;
    Ok((head.properties(bytes, keys), slot))
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

    fn properties(&self, bytes: u64, keys: &Trusted) -> Vec<(&'static str, String)> {
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
            Ok(id) => format!("valid, with the key {id} ({})", keys.name_of(id).unwrap_or("unnamed")),
            Err(SignatureError::UnknownKey { id }) => {
                format!("not checked: the key {id} is unknown here (--key FILE)")
            }
            Err(error) => format!("INVALID: {error}"),
        };
        let or_unknown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
        let mut properties = Vec::new();
        let mut add = |name, value| properties.push((name, value));
        add("bundle", format!("format {}, {} ({bytes} bytes)", manifest.format, report::size(bytes)));
        add("version", format!("{} {} for {}", manifest.product, manifest.version, manifest.board));
        add("commit", or_unknown(&manifest.commit));
        add("world", or_unknown(&manifest.world));
        add("built", report::time(manifest.built));
        add(
            "updates from",
            manifest.minimum.as_ref().map_or("any version".to_owned(), |least| format!("{least} or later")),
        );
        if !manifest.revocations().is_empty() {
            add("keys", manifest.revocations().to_string());
        }
        if !manifest.lowers_floors.is_empty() {
            add("lowers floors", manifest.lowers_floors.join(", "));
        }
        add("fits", format!("units with disk layout {}", layouts.join(" or ")));
        add("configuration", format!("saved to /cfg in format {}", manifest.config_version));
        add("slot", Sectors(manifest.slot_sectors.into()).to_string());
        add("image digest", hex::encode(manifest.image_digest()));
        let (count, size) = (manifest.chunk_count(), report::size(manifest.chunk_bytes().into()));
        add("chunks", format!("{count} of {size}: {stored} stored, {} of zeros", count - stored));
        let percent = stored_bytes * 100 / raw_bytes.max(1);
        let (small, large) = (report::size(stored_bytes), report::size(raw_bytes));
        add("stored", format!("{small} for {large} ({percent} %), from byte {} of the file", self.end));
        add("signature", signature);
        properties
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

/// A reader of the chunks, after the signature is verified.
fn reader(file: File, keys: &Trusted) -> Result<Reader<BufReader<File>>> {
    let opened = Reader::open(BufReader::new(file), keys.public());
    if matches!(opened, Err(BundleError::UnknownKey { .. })) {
        return opened.context("checking its signature\nhint: if you trust the key, pass it with --key FILE");
    }
    Ok(opened?)
}

/// Reads all of a bundle as a unit does, passes each chunk to `take`, and returns their number.
fn chunks(file: File, keys: &Trusted, mut take: impl FnMut(Chunk, &[u8]) -> Result<()>) -> Result<u32> {
    let mut reader = reader(file, keys)?;
    let mut raw = Vec::new();
    let mut count = 0;
    loop {
        let at = reader.position();
        let chunk = reader.next_chunk(&mut raw);
        let chunk = chunk.with_context(|| format!("at byte {at}, where chunk {count} should be"))?;
        let Some(chunk) = chunk else { return Ok(count) };
        count = chunk.index + 1;
        take(chunk, &raw)?;
    }
}
