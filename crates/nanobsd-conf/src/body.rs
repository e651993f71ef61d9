//! The functions, variables and programs that a function uses.

use std::collections::BTreeSet;

use super::name::{assignment, is_name};
use super::token::{Kind, line, tokens};

/// All names in `text`, be they of functions, files or variables.
pub fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c: char| !is_part(c)).filter(|name| is_name(name)).collect()
}

/// The variables whose values `text` uses.
pub fn variables(text: &str) -> BTreeSet<&str> {
    let names_at = text.match_indices('$').map(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches(['{', '#']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    let mut found: BTreeSet<&str> = names_at.filter(|name| is_name(name)).collect();
    // In arithmetic, names need no `$`.
    for (at, _) in text.match_indices("$((") {
        let end = text[at..].find("))").map_or(text.len(), |end| at + end);
        found.extend(names(&text[at..end]));
    }
    found
}

/// The variables that `text` sets.
pub fn set(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for token in tokens(text).unwrap_or_default() {
        found.extend(assignment(&text[token.span]).map(|(name, _)| name));
    }
    for (_, words) in commands(text) {
        match words[0] {
            "for" => found.extend(words.get(1)),
            "read" | "local" | "getopts" | "export" | "readonly" => found.extend(&words[1..]),
            _ => {}
        }
    }
    // `${A:=b}` sets A.
    found.extend(text.match_indices(":=").filter_map(|(at, _)| text[..at].rsplit("${").next()));
    found
}

/// The simple commands in `text`, each with its line, from 0, and its words without leading assignments.
pub fn commands(text: &str) -> Vec<(usize, Vec<&str>)> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut found: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut begins = true;
    for token in tokens {
        let word = &text[token.span.clone()];
        if token.kind != Kind::Word {
            begins |= !word.starts_with(['<', '>']);
            continue;
        }
        if !begins {
            found.iter_mut().last().into_iter().for_each(|(_, words)| words.push(word));
            continue;
        }
        let precedes = ["then", "else", "elif", "do", "if", "while", "until", "!", "{"].contains(&word)
            || assignment(word).is_some();
        if !precedes {
            found.push((line(text, token.span.start) - 1, vec![word]));
            begins = false;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_uses_is_found() {
        let text = "f() {\n\techo \"${A}$B\" $((C + 1)) '$D' ${#E} $1 $$\n\tg\n}";
        assert_eq!(variables(text).into_iter().collect::<Vec<_>>(), ["A", "B", "C", "D", "E"]);
        assert!(names(text).contains("g"));
        let text =
            "f() {\n\tfor a in 1; do b=$a; done\n\tx=1 read -r c d\n\tlocal e=1; echo z=1 y >> ${w:=2}\n}";
        let set = set(text);
        assert!(["a", "b", "c", "d", "e", "w", "x"].iter().all(|name| set.contains(name)), "{set:?}");
        assert!(!set.contains("y"), "{set:?}");
    }
}
