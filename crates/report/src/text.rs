//! Text that a terminal shows.

use std::borrow::Cow;

/// Lines of a result, without the spaces that an empty last column leaves.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds a line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref().trim_end());
        self.0.push('\n');
    }

    /// All lines.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// `text` from a disk that anyone may have written, with control characters escaped, so that they do not reach the
/// terminal.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) { text.escape_debug().to_string().into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("/a b\u{e9}"), "/a b\u{e9}");
        assert_eq!(plain("/a\x1b[2J"), "/a\\u{1b}[2J");
    }
}
