//! A digest of several pieces.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

/// 128 bits over pieces, each with its length, so that none runs into the next.
///
/// It tells sources apart that engineers edit, and protects from nobody. The standard library's hash will do for that, and
/// the builder's build script needs no crate for it. Another compiler may give another digest.
pub struct Digest([DefaultHasher; 2]);

impl Default for Digest {
    fn default() -> Self {
        let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
        hashers[1].write_u8(1);
        Self(hashers)
    }
}

impl Digest {
    /// Adds a piece.
    pub fn add(&mut self, piece: impl AsRef<[u8]>) {
        let piece = piece.as_ref();
        for hasher in &mut self.0 {
            hasher.write_u64(piece.len() as u64);
            hasher.write(piece);
        }
    }

    /// A digest of names and content of `files` below `root`. A missing file counts as missing.
    pub fn of_files<'a>(root: &Path, files: impl IntoIterator<Item = &'a str>) -> String {
        let mut digest = Self::default();
        for file in files {
            digest.add(file);
            match fs::read(root.join(file)) {
                Ok(content) => digest.add(content),
                Err(_) => digest.add("missing"),
            }
        }
        digest.text()
    }

    /// The digest in hexadecimal.
    pub fn text(self) -> String {
        self.0.iter().map(|hasher| format!("{:016x}", hasher.finish())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_run_into_each_other_and_the_halves_are_two() {
        let digest = |pieces: &[&str]| {
            let mut digest = Digest::default();
            pieces.iter().for_each(|piece| digest.add(piece));
            digest.text()
        };
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        let text = digest(&["ab"]);
        assert_ne!(text[..16], text[16..]);
    }
}
