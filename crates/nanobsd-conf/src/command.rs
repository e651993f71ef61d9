//! The commands of a function, in order, with their words as they are written.

use super::name::assignment;
use super::token::{Kind, line, substitutions, tokens};

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command<'a> {
    /// The line, from 0.
    pub line: usize,
    /// The variables that it sets: `name=value` before the first word.
    pub sets: Vec<(&'a str, &'a str)>,
    /// The words. There are none if it only sets variables.
    pub words: Vec<&'a str>,
    /// The files that it reads with `<`.
    pub reads: Vec<&'a str>,
    /// The files that it writes with `>`.
    pub writes: Vec<&'a str>,
}

/// A step through the commands of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A command.
    Command(Command<'a>),
    /// A subshell begins.
    Enter,
    /// A subshell ends.
    Leave,
}

/// Where in a `case` a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// Before `in`.
    Subject,
    /// In a pattern.
    Pattern,
    /// After a pattern.
    Branch,
}

/// Words after which a command begins.
const PRECEDING: [&str; 9] = ["then", "else", "elif", "do", "if", "while", "until", "!", "{"];

/// The steps through `text`, substitutions included. A text that the shell does not accept has none.
pub fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    walk(text, 0, &mut steps);
    steps
}

/// The commands in `text`, substitutions included.
pub fn commands(text: &str) -> Vec<Command<'_>> {
    let commands = steps(text).into_iter().filter_map(|step| match step {
        Step::Command(command) => Some(command),
        Step::Enter | Step::Leave => None,
    });
    commands.collect()
}

/// Adds the steps through `text`, whose first line is `first`.
fn walk<'a>(text: &'a str, first: usize, steps: &mut Vec<Step<'a>>) {
    let mut current: Option<Command<'a>> = None;
    let (mut redirection, mut end) = (None, 0);
    let mut cases: Vec<Case> = Vec::new();
    for token in tokens(text).unwrap_or_default() {
        let word = &text[token.span.clone()];
        let is_adjacent = std::mem::replace(&mut end, token.span.end) == token.span.start;
        if token.kind != Kind::Word {
            redirection = word.starts_with(['<', '>']).then_some(word);
            if let Some(command) = current.as_mut().filter(|_| redirection.is_some() && is_adjacent) {
                // `2` in `2>` is a file descriptor.
                command.words.pop_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
            }
            if redirection.is_none() {
                steps.extend(current.take().map(Step::Command));
                match (word, cases.last_mut()) {
                    ("(" | "|", Some(Case::Pattern)) => {}
                    (")", Some(case @ Case::Pattern)) => *case = Case::Branch,
                    (";;" | ";&", Some(case)) => *case = Case::Pattern,
                    ("(", _) => steps.push(Step::Enter),
                    (")", _) => steps.push(Step::Leave),
                    _ => {}
                }
            }
            continue;
        }
        for inner in substitutions(word) {
            steps.push(Step::Enter);
            let line = first + line(text, token.span.start + inner.start) - 1;
            walk(&word[inner], line, steps);
            steps.push(Step::Leave);
        }
        let line = first + line(text, token.span.start) - 1;
        if let Some(operator) = redirection.take() {
            let command = current.get_or_insert_with(|| Command { line, ..Command::default() });
            match operator {
                "<" => command.reads.push(word),
                ">" | ">>" | ">|" => command.writes.push(word),
                _ => {}
            }
            continue;
        }
        let begins = current.as_ref().is_none_or(|command| command.words.is_empty());
        match (word, cases.last_mut()) {
            ("case", _) if begins => cases.push(Case::Subject),
            ("in", Some(case @ Case::Subject)) => {
                *case = Case::Pattern;
                steps.extend(current.take().map(Step::Command));
                continue;
            }
            ("esac", Some(case)) if begins || *case == Case::Pattern => {
                cases.pop();
                continue;
            }
            (_, Some(Case::Pattern)) => continue,
            _ => {}
        }
        if begins && PRECEDING.contains(&word) {
            continue;
        }
        let command = current.get_or_insert_with(|| Command { line, ..Command::default() });
        match assignment(word).filter(|_| begins) {
            Some(set) => command.sets.push(set),
            None => command.words.push(word),
        }
    }
    steps.extend(current.map(Step::Command));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_of_a_case_are_not_commands() {
        let text = "f() {\n\t(cd a; case $1 in b|c) d ;; (e) f; case g in\n\th) i ;;\n\tesac; j ;; k) ;; esac; l) m\n}";
        let found: Vec<String> = steps(text)
            .into_iter()
            .map(|step| match step {
                Step::Command(command) => command.words.join(" "),
                Step::Enter => "(".to_owned(),
                Step::Leave => ")".to_owned(),
            })
            .collect();
        assert_eq!(found.join("; "), "f; (; ); (; cd a; case $1; d; f; case g; i; j; l; ); m; }");
    }

    #[test]
    fn commands_have_words_and_redirections() {
        let text = "f () {\n\tA=1 B=$(date -r 0 < x) cp a \"b `id -u`\" >> c 2>/dev/null\n\t(cd d; C=2)\n}";
        let found: Vec<String> = steps(text)
            .into_iter()
            .map(|step| match step {
                Step::Command(Command { line, sets, words, reads, writes }) => {
                    format!("{line} {sets:?} {words:?} {reads:?} {writes:?}")
                }
                other => format!("{other:?}"),
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        0 [] ["f"] [] []
        Enter
        Leave
        Enter
        1 [] ["date", "-r", "0"] ["x"] []
        Leave
        Enter
        1 [] ["id", "-u"] [] []
        Leave
        1 [("A", "1"), ("B", "$(date -r 0 < x)")] ["cp", "a", "\"b `id -u`\""] [] ["c", "/dev/null"]
        Enter
        2 [] ["cd", "d"] [] []
        2 [("C", "2")] [] [] []
        Leave
        3 [] ["}"] [] []
        "#);
    }
}
