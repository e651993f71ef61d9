//! tar archives as pkg packs them: with zstd, with xz, or not at all. Which one is seen from the first bytes, for
//! `.pkg` says nothing of it.

use std::io::{BufRead, BufReader, Read};

use anyhow::{Context, Result, bail};

/// zstd's frame magic (RFC 8878).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// xz's stream magic.
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// Packings that pkg knows and nobody uses, to be told by name.
const OTHERS: [(&[u8], &str); 2] = [(&[0x1f, 0x8b], "gzip"), (b"BZh", "bzip2")];
/// Memory that an xz archive may ask for; `xz -9` takes 65 MiB.
const XZ_MEMORY: u64 = 512 << 20;

/// Opens an archive for streaming.
///
/// # Errors
/// It cannot be read, or is packed in another way.
pub fn open<'a>(from: impl Read + 'a) -> Result<tar::Archive<Box<dyn Read + 'a>>> {
    let mut from = BufReader::with_capacity(1 << 16, from);
    let start = from.fill_buf().context("reading the start of the archive")?;
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        bail!("it is packed with {name}; only zstd (.pkg, .tzst) and xz (.pkg, .txz) are known");
    }
    let plain: Box<dyn Read + 'a> = if start.starts_with(ZSTD) {
        Box::new(zstd::Decoder::with_buffer(from).context("starting zstd")?)
    } else if start.starts_with(XZ) {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0).context("starting xz")?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
    } else {
        Box::new(from)
    };
    Ok(tar::Archive::new(plain))
}

/// All of a member, which may have at most `most` bytes.
///
/// # Errors
/// It is larger, or cannot be read.
pub fn member(entry: &mut impl Read, name: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("reading {name} of the archive"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "reading {name} of the archive: it is larger than {most} bytes"
    );
    Ok(bytes)
}
