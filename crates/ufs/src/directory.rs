//! The content of a directory (sys/ufs/ufs/dir.h).
//!
//! | offset | bytes | field      | what                                                      |
//! |--------|-------|------------|-----------------------------------------------------------|
//! | 0      | 4     | `d_ino`    | inode number                                              |
//! | 4      | 2     | `d_reclen` | bytes to the next entry: a multiple of 4                  |
//! | 6      | 1     | `d_type`   | type, as the top four bits of the mode                    |
//! | 7      | 1     | `d_namlen` | bytes of the name                                         |
//! | 8      | n + 1 | `d_name`   | the name with a NUL, padded with zeros                    |
//!
//! The invariant: no entry crosses a boundary of 512 bytes, the last entry before one reaches to
//! it, and `.` and `..` come first. Which blocks hold the content does not belong here.

/// DIRBLKSIZ: what the kernel writes at once (bytes).
const CHUNK: usize = 512;
/// Bytes of an entry before the name.
const HEADER: usize = 8;
/// DIR_ROUNDUP (bytes).
const ALIGN: usize = 4;
/// MAXDIRSIZE (bytes).
pub(crate) const MAX_SIZE: u64 = 0x7fff_ffff;

/// Bytes of the directory with these names; `.` and `..` are added to them.
pub(crate) fn size<'n>(names: impl Iterator<Item = &'n [u8]>) -> u64 {
    let mut end = 0;
    for name in dots().into_iter().chain(names) {
        end = place(end, name) + length(name);
    }
    (end as u64).div_ceil(CHUNK as u64) * CHUNK as u64
}

/// One entry to be written.
pub(crate) struct Entry<'n> {
    pub inode: u32,
    /// The type as in the mode: `S_IFDIR >> 12`.
    pub file_type: u8,
    pub name: &'n [u8],
}

/// The bytes of a directory.
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
        let start = place(bytes.len(), entry.name);
        if start != bytes.len() {
            close(&mut bytes, last, start);
        }
        last = start;
        let reclen = length(entry.name);
        bytes.extend_from_slice(&entry.inode.to_le_bytes());
        bytes.extend_from_slice(&(reclen as u16).to_le_bytes());
        bytes.extend_from_slice(&[entry.file_type, entry.name.len() as u8]);
        bytes.extend_from_slice(entry.name);
        bytes.resize(start + reclen, 0);
    }
    let end = bytes.len().div_ceil(CHUNK) * CHUNK;
    close(&mut bytes, last, end);
    bytes
}

/// Lets the entry at `last` reach to `end`.
fn close(bytes: &mut Vec<u8>, last: usize, end: usize) {
    bytes.resize(end, 0);
    bytes[last + 4..last + 6].copy_from_slice(&((end - last) as u16).to_le_bytes());
}

fn dots() -> [&'static [u8]; 2] {
    [b".", b".."]
}

/// DIRECTSIZ: bytes that an entry needs.
fn length(name: &[u8]) -> usize {
    (HEADER + name.len() + 1).next_multiple_of(ALIGN)
}

/// Where the entry after `end` bytes of entries begins.
fn place(end: usize, name: &[u8]) -> usize {
    if end % CHUNK + length(name) > CHUNK { end.next_multiple_of(CHUNK) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planned_size_is_the_encoded_size_and_no_entry_crosses_a_chunk() {
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
                assert!(reclen >= HEADER && at / CHUNK == (at + reclen - 1) / CHUNK);
                at += reclen;
                seen += 1;
            }
            assert_eq!(seen, names.len() + 2);
        }
    }

    #[test]
    fn an_empty_directory_is_one_chunk() {
        let bytes = encode(2, 2, 4, std::iter::empty());
        assert_eq!(bytes.len(), CHUNK);
        assert_eq!(&bytes[..16], b"\x02\0\0\0\x0c\0\x04\x01.\0\0\0\x02\0\0\0");
        assert_eq!(&bytes[16..24], b"\xf4\x01\x04\x02..\0\0");
    }
}
