//! What an update bundle is, whether all of it holds, and the slot image in it.

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
        reader(open()?, keys).with_context(attempt)?;
    }
    let head = Head::read(BufReader::new(open()?)).with_context(attempt)?;
    let facts = head.facts(bytes, keys).into_iter();
    report::result(&facts.map(|(name, value)| format!("{name:<13} {value}\n")).collect::<String>())?;
    if let Some(dir) = extract {
        head.extract(dir)?;
        report::result(&format!(
            "extracted     {0}/manifest.json, {0}/manifest.json.minisig\n",
            dir.display()
        ))?;
    }
    if check {
        let chunks = chunks(open()?, keys, |_, _| Ok(())).with_context(attempt)?;
        report::result(&format!("verified      the signature, {chunks} chunks, and that nothing follows\n"))?;
    }
    Ok(())
}

/// What the bundle `file` is, by the names that [`inspect`] shows, and the slot image in it: a file that has no name and is
/// gone with the process, with holes where it is zero.
///
/// # Errors
/// It is no bundle, is damaged, none of `keys` has signed it, or there is no room for the slot image.
pub fn unpack(file: &Path, keys: &Trusted) -> Result<(Vec<(&'static str, String)>, File)> {
    let attempt = || format!("unpacking the update {}", file.display());
    let room = || "writing its slot image to a temporary file";
    let open = || File::open(file).with_context(attempt);
    let slot = tempfile::tempfile().with_context(room).with_context(attempt)?;
    let write = |chunk: Chunk, raw: &[u8]| match chunk.content {
        ChunkContent::Stored { .. } => slot.write_all_at(raw, chunk.offset).with_context(room),
        ChunkContent::Zero => Ok(()),
    };
    chunks(open()?, keys, write).with_context(attempt)?;
    let bytes = open()?.metadata().with_context(attempt)?.len();
    let head = Head::read(BufReader::new(open()?)).with_context(attempt)?;
    let sectors = Sectors(head.manifest.slot_sectors.into());
    slot.set_len(sectors.bytes()).with_context(room).with_context(attempt)?;
    Ok((head.facts(bytes, keys), slot))
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

    fn facts(&self, bytes: u64, keys: &Trusted) -> Vec<(&'static str, String)> {
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
        let mut facts = Vec::new();
        let mut fact = |name, value| facts.push((name, value));
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
        fact("image digest", hex::encode(&manifest.image_digest()));
        let (count, size) = (manifest.chunk_count(), report::size(manifest.chunk_bytes().into()));
        fact("chunks", format!("{count} of {size}: {stored} stored, {} zero", count - stored));
        let percent = stored_bytes * 100 / raw_bytes.max(1);
        let (small, large) = (report::size(stored_bytes), report::size(raw_bytes));
        fact("stored", format!("{small} for {large} ({percent} %), from byte {} on", self.end));
        fact("signature", signature);
        facts
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

/// A reader of the chunks, once the signature holds.
fn reader(file: File, keys: &Trusted) -> Result<Reader<BufReader<File>>> {
    let opened = Reader::open(BufReader::new(file), keys.public());
    if matches!(opened, Err(BundleError::UnknownKey { .. })) {
        return opened.context("its key is not known here (--key FILE makes it known)");
    }
    Ok(opened?)
}

/// Reads all of a bundle as a unit does, gives each chunk to `take`, and tells how many there are.
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
