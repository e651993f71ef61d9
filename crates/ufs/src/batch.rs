//! Gathers the pieces of a file system into large writes.
//!
//! The invariant: batches do not overlap, and as long as offsets and lengths of all pieces are
//! multiples of 512 bytes, those of batches are, too. How a piece is encoded does not belong here.

/// Maximum length of a write, unless a single piece is longer and must not be divided (bytes).
const MAX_WRITE: u64 = 1024 << 10;
/// Gaps up to this length are written as zeros; a longer gap ends the write (bytes).
const MAX_GAP: u64 = 16 << 10;

/// The structure that a piece belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Structure {
    /// The sector with the recovery information, before the superblock.
    Recovery,
    /// The superblock or one of its backups.
    Superblock,
    /// The header of a cylinder group.
    CylinderGroup(u32),
    /// The summary of all groups.
    Summary,
    /// The used inodes of a group.
    Inodes(u32),
    /// An indirect block of a node.
    IndirectBlock { node: usize, index: usize },
    /// Content of a node from byte `from` on.
    Content { node: usize, from: u64 },
}

impl Structure {
    /// Returns the structure without its first `bytes`; `None` if it must not be divided.
    fn skip(self, bytes: u64) -> Option<Self> {
        match self {
            Self::Content { node, from } => Some(Self::Content { node, from: from + bytes }),
            _ => None,
        }
    }
}

/// A consecutive range of bytes of one structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Byte offset in the file system.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    pub structure: Structure,
}

/// The pieces of one write.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Byte offset in the file system.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    pub pieces: Vec<Piece>,
}

impl Batch {
    /// Returns whether the next piece, or at least its beginning, belongs to this write.
    fn accepts(&self, piece: &Piece) -> bool {
        let start = piece.offset - self.offset;
        let divisible = piece.structure.skip(0).is_some();
        let end = if divisible { start + 1 } else { start + piece.length };
        start - self.length <= MAX_GAP && end <= MAX_WRITE
    }
}

/// Gathers adjacent pieces and divides those that are too large. `pieces` is sorted by offset.
pub(crate) fn batches(pieces: Vec<Piece>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for piece in pieces {
        let mut rest = Some(piece);
        while let Some(mut piece) = rest.take() {
            let batch = match batches.last_mut() {
                Some(open) if open.accepts(&piece) => open,
                _ => {
                    batches.push(Batch { offset: piece.offset, length: 0, pieces: Vec::new() });
                    let last = batches.len() - 1;
                    &mut batches[last]
                }
            };
            let start = piece.offset - batch.offset;
            let space = MAX_WRITE.saturating_sub(start);
            if let Some(structure) = piece.structure.skip(space).filter(|_| piece.length > space) {
                let (offset, length) = (piece.offset + space, piece.length - space);
                rest = Some(Piece { offset, length, structure });
                piece.length = space;
            }
            batch.length = start + piece.length;
            batch.pieces.push(piece);
        }
    }
    batches
}
