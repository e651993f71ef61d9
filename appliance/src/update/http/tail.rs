//! The last bytes of a download, by which it is known whether a server resumes with the same file.

use std::io::{self, Read};

/// The last bytes that arrived.
#[derive(Debug)]
pub struct Tail {
    bytes: Vec<u8>,
    most: usize,
}

/// What an answer turned out to contain where the download is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// The same file, and the answer was read up to the position.
    Same,
    /// The answer ended before the position.
    Short,
    /// The answer was to be the whole file, and begins where it was asked to.
    Slice,
    /// Other bytes.
    Different,
}

impl Tail {
    /// Keeps at most this many bytes.
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::with_capacity(most), most }
    }

    /// The number of bytes kept.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds what arrived.
    pub fn push(&mut self, arrived: &[u8]) {
        let arrived = &arrived[arrived.len().saturating_sub(self.most)..];
        let surplus = (self.bytes.len() + arrived.len()).saturating_sub(self.most);
        self.bytes.drain(..surplus);
        self.bytes.extend_from_slice(arrived);
    }

    /// Reads `body`, which starts at byte `from` of the file, up to `position`, where this tail ends.
    ///
    /// # Errors
    /// `body` cannot be read.
    pub fn skip_in(&self, body: &mut impl Read, from: u64, position: u64) -> io::Result<Continuation> {
        let kept_from = position - self.len();
        let skip = kept_from.saturating_sub(from);
        let mut head = Vec::new();
        body.by_ref().take(skip.min(self.len())).read_to_end(&mut head)?;
        io::copy(&mut body.by_ref().take(skip - head.len() as u64), &mut io::sink())?;
        let wanted = &self.bytes[from.saturating_sub(kept_from) as usize..];
        let mut found = Vec::new();
        body.by_ref().take(wanted.len() as u64).read_to_end(&mut found)?;
        if found == wanted {
            return Ok(Continuation::Same);
        }
        let is_short = found.len() < wanted.len();
        head.extend_from_slice(&found);
        let is_slice = from == 0 && skip > 0 && head.starts_with(&self.bytes);
        Ok(match (is_slice, is_short) {
            (true, _) => Continuation::Slice,
            (false, true) => Continuation::Short,
            (false, false) => Continuation::Different,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How `body`, from `from` on, continues a download of `0123456789` whose last three bytes are kept.
    fn continued(body: &str, from: u64) -> (Continuation, String) {
        let mut tail = Tail::new(3);
        for arrived in ["0", "1", "2345", "", "67", "89"] {
            tail.push(arrived.as_bytes());
        }
        assert_eq!((tail.bytes.as_slice(), tail.len()), (&b"789"[..], 3));
        let mut body = body.as_bytes();
        let continuation = tail.skip_in(&mut body, from, 10).unwrap();
        (continuation, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn what_follows_the_same_bytes_is_the_same_file() {
        for (body, from) in [("0123456789ab", 0), ("56789ab", 5), ("789ab", 7), ("9ab", 9), ("ab", 10)] {
            assert_eq!(continued(body, from), (Continuation::Same, "ab".to_owned()), "{body} from {from}");
        }
        for (body, from, continuation) in [
            ("789abc", 0, Continuation::Slice),
            ("789abcdefghijkl", 0, Continuation::Slice),
            ("789abc", 6, Continuation::Different),
            ("0123456780ab", 0, Continuation::Different),
            ("a", 8, Continuation::Short),
            ("01234567", 0, Continuation::Short),
            ("012", 0, Continuation::Short),
            ("", 0, Continuation::Short),
            ("", 9, Continuation::Short),
        ] {
            assert_eq!(continued(body, from).0, continuation, "{body} from {from}");
        }
    }
}
