//! The functions, variables and programs that a function uses.

use std::collections::BTreeSet;

use super::command::commands;
use super::name::{assignment, is_name};
use super::quote::unquoted;

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

/// The words of `text` that call programs or functions: the first of each command, those after words such as `eval`,
/// and those of a loop whose variable is a command.
pub fn calls(text: &str) -> Vec<&str> {
    let commands = commands(text);
    let variable = |word: &str| word.strip_prefix('$').map(|name| name.trim_matches(['{', '}']).to_owned());
    let firsts = commands.iter().filter_map(|command| variable(unquoted(command.words.first()?)));
    let variables: BTreeSet<String> = firsts.collect();
    let mut calls = Vec::new();
    for command in &commands {
        let Some((name, words)) = command.words.split_first() else { continue };
        calls.push(unquoted(name));
        match *name {
            "eval" | "time" | "trap" => calls.extend(words.first().map(|word| unquoted(word))),
            "for" if words.first().is_some_and(|name| variables.contains(*name)) => {
                calls.extend(words.iter().skip(2).map(|word| unquoted(word)));
            }
            _ => {}
        }
    }
    calls
}

/// Whether `text` has `name` as a word of its own.
pub fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| !c.is_whitespace() && !";&|()<>`\"'$={}".contains(c);
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_behind_other_words_and_in_loops() {
        let text = "f() {\n\tfor a in x.1 y.2; do $a; done; for b in z.3; do echo $b; done\n\ttrap 'w.4' EXIT; \
                    time v.5 a; ! u.6 && eval \"t.7\"; echo s.8\n}";
        let calls = calls(text);
        for name in ["x.1", "y.2", "w.4", "v.5", "u.6", "t.7"] {
            assert!(calls.contains(&name), "{name}: {calls:?}");
        }
        assert!(!calls.contains(&"z.3") && !calls.contains(&"s.8"), "{calls:?}");
        assert!(mentions("a; \"b-c\"", "b-c") && mentions("`b-c`", "b-c"));
        assert!(!mentions("a/b-c ab-c b-cd", "b-c"));
    }

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
