//! Names of shell variables.

/// Splits `name=value`.
pub fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_name(name))
}

/// Whether `text` can be the name of a variable.
pub fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(good) && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
}
