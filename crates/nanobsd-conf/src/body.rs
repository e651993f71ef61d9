//! The functions, variables and programs that a function uses.

use std::collections::BTreeSet;

use super::command::commands;
use super::name::{assignment, is_name};

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
    for command in commands(text) {
        found.extend(command.sets.iter().map(|(name, _)| *name));
        let Some((name, words)) = command.words.split_first() else { continue };
        let names = words.iter().map(|word| assignment(word).map_or(*word, |(name, _)| name));
        match *name {
            "for" => found.extend(names.take(1)),
            "read" | "local" | "getopts" | "export" | "readonly" => found.extend(names),
            _ => {}
        }
    }
    // `${A:=b}` sets A.
    found.extend(text.match_indices(":=").filter_map(|(at, _)| text[..at].rsplit("${").next()));
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
