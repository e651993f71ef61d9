//! tar archives of FreeBSD's packages and distribution sets, compressed with zstd, xz, bzip2 or gzip, or not at all. The
//! compression is detected from the first bytes, because `.pkg` does not reveal it. Owners, modes and flags come from the
//! headers.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::flags;
use crate::inode::{Attributes, Principal};

/// zstd's frame magic (RFC 8878).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// xz's stream magic.
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// gzip's magic (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// bzip2's magic.
const BZIP2: &[u8] = b"BZh";
/// Compressions that libarchive reads and pkg never writes, with their names for messages.
const OTHERS: [(&[u8], &str); 4] = [
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"LZIP", "lzip"),
    (&[0x5d, 0, 0], "lzma"),
    (&[0x1f, 0x9d], "compress"),
];
/// The most memory, in bytes, that an xz archive may need; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 512 << 20;

/// Opens an archive for streaming.
///
/// # Errors
/// The archive cannot be read, or is compressed in another way.
pub fn open<'a>(from: impl Read + 'a) -> Result<tar::Archive<Box<dyn Read + 'a>>> {
    let mut from = BufReader::with_capacity(1 << 16, from);
    let start = from.fill_buf().context("reading the start of the archive")?;
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        bail!(
            "it is compressed with {name}, which is not supported\nhint: use zstd, xz, bzip2 or gzip, as pkg does, or no compression"
        );
    }
    let plain: Box<dyn Read + 'a> = if start.starts_with(ZSTD) {
        Box::new(zstd::Decoder::with_buffer(from).context("starting zstd")?)
    } else if start.starts_with(XZ) {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)
            .context("starting xz")?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
    } else if start.starts_with(GZIP) {
        Box::new(flate2::bufread::MultiGzDecoder::new(from))
    } else if start.starts_with(BZIP2) {
        Box::new(bzip2::bufread::MultiBzDecoder::new(from))
    } else {
        Box::new(from)
    };
    Ok(tar::Archive::new(plain))
}

/// All bytes of a member.
///
/// # Errors
/// It cannot be read, or is larger than `most` bytes.
pub fn member(entry: &mut impl Read, name: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry
        .take(most + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("reading {name} of the archive: it is damaged"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "reading {name} of the archive: it is larger than {most} bytes"
    );
    Ok(bytes)
}

/// Copies the rest of a member to `to`, a file whose path is `path`, and passes all bytes to `seen`.
///
/// # Errors
/// The archive is damaged, or the file cannot be written.
pub fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    path: &Path,
    mut seen: impl FnMut(&[u8]),
) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut buffer).context("reading the archive: it is damaged")?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).with_context(|| format!("writing {}", path.display()))?;
        seen(&buffer[..count]);
    }
}

/// Owner, mode and flags of a member, from its header.
///
/// # Errors
/// A malformed number, or an unknown flag.
pub fn attributes(entry: &mut tar::Entry<'_, impl Read>) -> Result<Attributes> {
    let header = entry.header().clone();
    let owner = |name: Option<&[u8]>, id: std::io::Result<u64>| -> Result<Principal> {
        match name.map(String::from_utf8_lossy).filter(|name| !name.is_empty()) {
            Some(name) => Ok(Principal::from(&*name)),
            None => Ok(Principal::from(&*id?.to_string())),
        }
    };
    Ok(Attributes {
        user: owner(header.username_bytes(), header.uid())?,
        group: owner(header.groupname_bytes(), header.gid())?,
        mode: u16::try_from(header.mode()? & 0o7777)?,
        flags: file_flags(entry)?,
    })
}

/// File flags, which libarchive keeps in a PAX record.
fn file_flags(entry: &mut tar::Entry<'_, impl Read>) -> Result<u32> {
    let Some(records) = entry.pax_extensions().context("reading its PAX records")? else { return Ok(0) };
    for record in records {
        let record = record.context("reading its PAX records")?;
        if record.key_bytes() == b"SCHILY.fflags" {
            return flags::parse(&String::from_utf8_lossy(record.value_bytes()));
        }
    }
    Ok(0)
}
