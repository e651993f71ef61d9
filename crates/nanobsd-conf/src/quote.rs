//! Words for a shell.

/// `text` as one word of the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `text` as one word of a command to type: quoted only if necessary.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// `word` without the quotation marks around it.
pub fn unquoted(word: &str) -> &str {
    let inner = ['"', '\''].iter().find_map(|mark| word.strip_prefix(*mark)?.strip_suffix(*mark));
    inner.unwrap_or(word)
}

/// The first line of `text`, for a message.
pub fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().to_owned();
    if lines.next().is_some() { first + " ..." } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_gets_them() {
        assert_eq!(shell_word("/home/me/gw.conf"), "/home/me/gw.conf");
        assert_eq!(shell_word("my conf/gw's"), "'my conf/gw'\\''s'");
        assert_eq!(shell_word(""), "''");
        for (word, inner) in [("'a'", "a"), ("\"a b\"", "a b"), ("'a", "'a"), ("'", "'"), ("a", "a")] {
            assert_eq!(unquoted(word), inner);
        }
    }
}
