//! Encodes the content of a directory (sys/ufs/ufs/dir.h).
//!
//! | offset | bytes | field      | content                                                   |
//! |--------|-------|------------|-----------------------------------------------------------|
//! | 0      | 4     | `d_ino`    | inode number                                              |
//! | 4      | 2     | `d_reclen` | bytes to the next entry: a multiple of 4                  |
//! | 6      | 1     | `d_type`   | type: the top four bits of the mode                       |
//! | 7      | 1     | `d_namlen` | length of the name in bytes                               |
//! | 8      | n + 1 | `d_name`   | the name and a NUL, padded with zeros                     |
//!
//! The invariant: no entry crosses a multiple of DIRBLKSIZ, the last entry before one extends to
//! it, and `.` and `..` come first. Which blocks hold the content does not belong here.

/// The unit in which the kernel writes directories (bytes).
const DIRBLKSIZ: usize = 512;
/// Bytes of an entry before its name.
const HEADER_SIZE: usize = 8;
/// DIR_ROUNDUP (bytes).
const ALIGN: usize = 4;
/// MAXDIRSIZE (bytes).
pub(crate) const MAX_SIZE: u64 = 0x7fff_ffff;

/// Returns the size in bytes of a directory with these names, `.` and `..` not among them.
pub(crate) fn size<'n>(names: impl Iterator<Item = &'n [u8]>) -> u64 {
    let mut end = 0;
    for name in dots().into_iter().chain(names) {
        end = entry_offset(end, name) + entry_size(name);
    }
    (end as u64).div_ceil(DIRBLKSIZ as u64) * DIRBLKSIZ as u64
}

/// One entry of a directory.
pub(crate) struct Entry<'n> {
    pub inode: u32,
    /// The type bits of the mode, such as `S_IFDIR >> 12`.
    pub file_type: u8,
    pub name: &'n [u8],
}

/// Encodes a directory; `.` and `..` are not among `entries`.
pub(crate) fn encode<'n>(
    own: u32,
    parent: u32,
    directory_type: u8,
    entries: impl Iterator<Item = Entry<'n>>,
) -> Vec<u8> {
    let [dot, dot_dot] = dots();
    let dots = [(own, dot), (parent, dot_dot)];
    let dots = dots.map(|(inode, name)| Entry { inode, file_type: directory_type, name });
    let mut bytes = Vec::new();
    let mut last = 0;
    for entry in dots.into_iter().chain(entries) {
        let start = entry_offset(bytes.len(), entry.name);
        if start != bytes.len() {
            extend_entry(&mut bytes, last, start);
        }
        last = start;
        let reclen = entry_size(entry.name);
        bytes.extend_from_slice(&entry.inode.to_le_bytes());
        bytes.extend_from_slice(&(reclen as u16).to_le_bytes());
        bytes.extend_from_slice(&[entry.file_type, entry.name.len() as u8]);
        bytes.extend_from_slice(entry.name);
        bytes.resize(start + reclen, 0);
    }
    let end = bytes.len().div_ceil(DIRBLKSIZ) * DIRBLKSIZ;
    extend_entry(&mut bytes, last, end);
    bytes
}

/// Extends the entry at `last` to `end`.
fn extend_entry(bytes: &mut Vec<u8>, last: usize, end: usize) {
    bytes.resize(end, 0);
    bytes[last + 4..last + 6].copy_from_slice(&((end - last) as u16).to_le_bytes());
}

fn dots() -> [&'static [u8]; 2] {
    [b".", b".."]
}

/// DIRECTSIZ: the minimum size of an entry (bytes).
fn entry_size(name: &[u8]) -> usize {
    (HEADER_SIZE + name.len() + 1).next_multiple_of(ALIGN)
}

/// Returns the offset of an entry that follows `end` bytes of entries.
fn entry_offset(end: usize, name: &[u8]) -> usize {
    if end % DIRBLKSIZ + entry_size(name) > DIRBLKSIZ { end.next_multiple_of(DIRBLKSIZ) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planned_size_is_the_encoded_size_and_no_entry_crosses_a_directory_block() {
        for name_length in 1..=255 {
            let names: Vec<Vec<u8>> =
                (0..50).map(|number: u8| [vec![b'n'; name_length - 1], vec![number + 48]].concat()).collect();
            let entries = names.iter().map(|name| Entry { inode: 7, file_type: 8, name });
            let bytes = encode(3, 2, 4, entries);
            assert_eq!(bytes.len() as u64, size(names.iter().map(Vec::as_slice)));
            let mut at = 0;
            let mut seen = 0;
            while at < bytes.len() {
                let reclen = usize::from(u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]));
                assert!(reclen >= HEADER_SIZE && at / DIRBLKSIZ == (at + reclen - 1) / DIRBLKSIZ);
                at += reclen;
                seen += 1;
            }
            assert_eq!(seen, names.len() + 2);
        }
    }

    #[test]
    fn an_empty_directory_is_one_directory_block() {
        let bytes = encode(2, 2, 4, std::iter::empty());
        assert_eq!(bytes.len(), DIRBLKSIZ);
        assert_eq!(&bytes[..16], b"\x02\0\0\0\x0c\0\x04\x01.\0\0\0\x02\0\0\0");
        assert_eq!(&bytes[16..24], b"\xf4\x01\x04\x02..\0\0");
    }
}
