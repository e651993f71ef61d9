//! Splits a line of shell script into words, as far as packages' scripts need it: quotes are removed, nothing is expanded.

/// The words of `line`.
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for byte in line.chars() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, _) if byte.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    #[test]
    fn quoted_words_stay_together_even_if_empty() {
        assert_eq!(super::split("a  -c \"b c\" 'd'e ''"), ["a", "-c", "b c", "de", ""]);
    }
}
