//! GEOM's generic label: a name in the last sector of a slice, by which FreeBSD finds the slice on any drive
//! (`/dev/label/NAME`, glabel(8)).
//!
//! | offset | bytes | what (`sys/geom/label/g_label.h`, little-endian)        |
//! |-------:|------:|----------------------------------------------------------|
//! |      0 |    16 | `GEOM::LABEL`, padded with zeros                         |
//! |     16 |     4 | version, 2                                               |
//! |     20 |    16 | the name, padded with zeros                              |
//! |     36 |     8 | size of the slice in bytes; the kernel ignores the label if it differs |
//!
//! The labelled device is one sector smaller than the slice.

use thiserror::Error;

use crate::units::{SECTOR_BYTES, Sectors};

/// Sectors of a slice that its label occupies.
pub const LABEL_SECTORS: Sectors = Sectors(1);

/// The most bytes of a name, without the zero that ends it.
pub const NAME_MAX: usize = 15;

const BYTES: usize = SECTOR_BYTES as usize;
const MAGIC: [u8; 16] = *b"GEOM::LABEL\0\0\0\0\0";
const VERSION: u32 = 2;
const VERSION_AT: usize = 16;
const NAME_AT: usize = 20;
const SIZE_AT: usize = 36;

/// The label of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeomLabel {
    /// The name below `/dev/label/`.
    pub name: String,
    /// The size of the whole slice, including the label.
    pub size: Sectors,
}

/// A name that a label cannot have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "labelling a slice: invalid name `{name}`\nhint: use 1 to {NAME_MAX} letters, digits, `_`, `-` and `.`"
)]
pub struct NameError {
    /// The invalid name.
    pub name: String,
}

impl GeomLabel {
    /// The label as it is stored in the last sector of the slice.
    ///
    /// # Errors
    /// The name is empty, too long, or contains a character with a meaning in a path or in the kernel's root mount script.
    pub fn encode(&self) -> Result<[u8; BYTES], NameError> {
        let name = self.name.as_bytes();
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > NAME_MAX || !name.iter().all(good) {
            return Err(NameError { name: self.name.clone() });
        }
        let mut sector = [0; BYTES];
        sector[..MAGIC.len()].copy_from_slice(&MAGIC);
        sector[VERSION_AT..VERSION_AT + 4].copy_from_slice(&VERSION.to_le_bytes());
        sector[NAME_AT..NAME_AT + name.len()].copy_from_slice(name);
        sector[SIZE_AT..SIZE_AT + 8].copy_from_slice(&self.size.bytes().to_le_bytes());
        Ok(sector)
    }

    /// The label in `sector`; `None` if there is no label of this version.
    pub fn decode(sector: &[u8]) -> Option<Self> {
        let field = |at: usize, bytes: usize| sector.get(at..at + bytes);
        let is_label = field(0, MAGIC.len())? == MAGIC && field(VERSION_AT, 4)? == VERSION.to_le_bytes();
        let name = field(NAME_AT, NAME_MAX + 1)?.split(|byte| *byte == 0).next()?;
        let bytes = u64::from_le_bytes(field(SIZE_AT, 8)?.try_into().ok()?);
        let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
        is_label.then(|| Self { name: name.to_owned(), size: Sectors(bytes / SECTOR_BYTES) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> GeomLabel {
        GeomLabel { name: name.to_owned(), size: Sectors(4032) }
    }

    #[test]
    fn the_label_has_the_bytes_that_the_kernel_reads() {
        let sector = label("gws1").encode().unwrap();
        assert_eq!(&sector[..16], b"GEOM::LABEL\0\0\0\0\0");
        assert_eq!(&sector[16..44], b"\x02\0\0\0gws1\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\x1f\0\0\0\0\0");
        assert!(sector[44..].iter().all(|byte| *byte == 0));
        assert_eq!(GeomLabel::decode(&sector), Some(label("gws1")));
    }

    #[test]
    fn a_sector_without_a_label_decodes_to_none() {
        let sector = label("gws1").encode().unwrap();
        for at in [0, 16] {
            let mut sector = sector;
            sector[at] ^= 1;
            assert_eq!(GeomLabel::decode(&sector), None);
        }
        let mut nameless = sector;
        nameless[NAME_AT] = 0;
        assert_eq!(GeomLabel::decode(&nameless), None);
        assert_eq!(GeomLabel::decode(&sector[..40]), None);
        assert_eq!(GeomLabel::decode(&[]), None);
    }

    #[test]
    fn a_name_that_devfs_cannot_show_is_refused() {
        for name in ["", "sixteen-letters-", "a/b", "a b", "gw\u{e4}"] {
            assert_eq!(label(name).encode(), Err(NameError { name: name.to_owned() }), "{name}");
        }
        label("fifteen-letters").encode().unwrap();
    }
}
