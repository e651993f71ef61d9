//! Functions that a statement defines or registers only under a condition.

use super::name::assignment;
use super::stage::Stage;
use super::token::{Kind, Token, line, tokens};

/// A definition or registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditional {
    /// The line in the statement, from 0.
    pub line: usize,
    /// The condition in words; empty if there is none.
    pub condition: String,
    /// What depends on it.
    pub what: What,
}

/// What a condition decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The function with this name is defined.
    Defines(String),
    /// This command registers functions.
    Registers(String),
}

/// The functions that `text` defines or registers.
pub fn conditionals(text: &str) -> Vec<Conditional> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut scan = Scan { text, tokens, frames: Vec::new(), previous: None, found: Vec::new() };
    scan.run();
    scan.found
}

/// A compound command that is open.
struct Frame {
    /// The word that closes it.
    end: &'static str,
    /// The text after `if` or `while`, or the subject of `case`.
    head: String,
    /// The condition for the commands that follow.
    condition: String,
}

struct Scan<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    frames: Vec<Frame>,
    /// The condition that `&&` or `||` sets for the next command.
    previous: Option<String>,
    found: Vec<Conditional>,
}

impl<'a> Scan<'a> {
    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| &self.text[token.span.clone()])
    }

    /// The text of the tokens from `start` up to `end`, as one line.
    fn text(&self, start: usize, end: usize) -> String {
        if start >= end {
            return String::new();
        }
        let text = &self.text[self.tokens[start].span.start..self.tokens[end - 1].span.end];
        text.trim_end_matches([';', '\n', ' ', '\t']).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The first token from `at` on that is one of `words`.
    fn find(&self, at: usize, words: &[&str]) -> usize {
        (at..self.tokens.len()).find(|at| words.contains(&self.word(*at))).unwrap_or(self.tokens.len())
    }

    /// The end of the command that begins with the token `at`.
    fn end(&self, at: usize) -> usize {
        (at..self.tokens.len()).find(|at| self.tokens[*at].kind != Kind::Word).unwrap_or(self.tokens.len())
    }

    fn push(&mut self, end: &'static str, head: String, condition: String) {
        self.frames.push(Frame { end, head, condition });
    }

    /// Begins a group of commands that `end` closes, under the condition that `&&` or `||` sets for it.
    fn group(&mut self, end: &'static str) {
        let condition = self.previous.take().unwrap_or_default();
        self.push(end, String::new(), condition);
    }

    /// Closes the construct that ends with `word`.
    fn close(&mut self, word: &str) {
        if self.frames.last().is_some_and(|frame| frame.end == word) {
            self.frames.pop();
        }
    }

    fn enter(&mut self, at: usize, what: What) {
        let conditions: Vec<&str> = self.frames.iter().map(|frame| frame.condition.as_str()).collect();
        let conditions = conditions.into_iter().chain(self.previous.as_deref());
        let condition = conditions.filter(|condition| !condition.is_empty()).collect::<Vec<_>>().join(", ");
        let line = line(self.text, self.tokens[at].span.start) - 1;
        self.found.push(Conditional { line, condition, what });
    }

    fn run(&mut self) {
        let mut at = 0;
        let mut is_command = true;
        while at < self.tokens.len() {
            let word = self.word(at);
            if self.tokens[at].kind != Kind::Word {
                at = self.operator(at, word);
                is_command = true;
            } else if is_command {
                (at, is_command) = self.command(at, word);
            } else {
                at += 1;
            }
        }
    }

    /// Follows the operator or newline at `at`; returns the next token.
    fn operator(&mut self, at: usize, word: &str) -> usize {
        match word {
            "(" => self.group(")"),
            ")" => self.close(word),
            _ => {}
        }
        if !matches!(word, "&&" | "||") {
            self.previous = None;
        }
        let is_case = self.frames.last().is_some_and(|frame| frame.end == "esac");
        if is_case && matches!(word, ";;" | ";&") {
            return self.pattern(at + 1);
        }
        at + 1
    }

    /// Reads the pattern of a `case` at `at`.
    fn pattern(&mut self, at: usize) -> usize {
        let start = (at..self.tokens.len()).find(|at| self.tokens[*at].kind == Kind::Word);
        let Some(start) = start.filter(|start| self.word(*start) != "esac") else { return at };
        let end = self.find(start, &[")"]);
        let pattern = self.text(start, end);
        if let Some(frame) = self.frames.last_mut() {
            frame.condition = format!("in case `{}` is `{pattern}`", frame.head);
        }
        end + 1
    }

    /// Follows the command at `at`; returns the next token, and whether it is a command.
    fn command(&mut self, at: usize, word: &str) -> (usize, bool) {
        match word {
            "if" | "elif" => {
                let then = self.find(at, &["then"]);
                let head = self.text(at + 1, then);
                if word == "elif" {
                    self.frames.pop();
                }
                let condition = format!("if `{head}`");
                self.push("fi", head, condition);
                (then + 1, true)
            }
            "else" => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.condition = format!("if not `{}`", frame.head);
                }
                (at + 1, true)
            }
            "while" | "until" | "for" => {
                let begin = self.find(at, &["do"]);
                let head = self.text(at, begin);
                let condition = format!("in the loop `{head}`");
                self.push("done", head, condition);
                (begin + 1, true)
            }
            "case" => {
                let begin = self.find(at, &["in"]);
                let head = self.text(at + 1, begin);
                self.push("esac", head, String::new());
                (self.pattern(begin + 1), true)
            }
            "fi" | "done" | "esac" => {
                self.close(word);
                (at + 1, false)
            }
            "{" => {
                self.group("}");
                (at + 1, true)
            }
            "}" => {
                self.close(word);
                (at + 1, false)
            }
            "then" | "do" | "!" => (at + 1, true),
            _ if self.word(at + 1) == "(" && self.word(at + 2) == ")" => {
                self.enter(at, What::Defines(word.to_owned()));
                (self.after_body(at + 3), true)
            }
            _ => {
                let end = self.end(at);
                let text = self.text(at, end);
                let is_list = assignment(word).is_some_and(|(name, _)| Stage::of_variable(name).is_some());
                if Stage::of_command(word).is_some() || is_list {
                    self.enter(at, What::Registers(text.clone()));
                }
                match self.word(end) {
                    "&&" => self.previous = Some(format!("if `{text}`")),
                    "||" => {
                        // After `a && b ||`, the condition of b decides as a rule.
                        let before = self
                            .previous
                            .take()
                            .and_then(|before| Some(before.strip_prefix("if ")?.to_owned()));
                        self.previous =
                            Some(format!("if not {}", before.unwrap_or_else(|| format!("`{text}`"))));
                    }
                    _ => {}
                }
                (end, true)
            }
        }
    }

    /// The token after the body of a function, which begins at or after `at`.
    fn after_body(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for next in at..self.tokens.len() {
            match self.word(next) {
                "{" | "(" => depth += 1,
                "}" | ")" if depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        return next + 1;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_its_conditions() {
        let text = "\
if [ -n \"$DEBUG\" ]; then
	cust_debug () (
		customize_cmd inner
	)
	customize_cmd cust_debug cust_b
elif test -d x
then
	[ -f y ] && late_customize_cmd c || early_customize_cmd d
else
	case $1 in
	a|b) customize_cmd e ;;
	*)
		for i in 1 2; do f() { true; }; customize_cmd f; done
		;;
	esac
	customize_cmd g
fi; { customize_cmd h; }
test y && { k() { true; }; customize_cmd k; }; customize_cmd l
test z || ( customize_cmd m; (customize_cmd n) ); customize_cmd o
test x && NANO_CUSTOMIZE=\"$NANO_CUSTOMIZE i\"";
        let found: Vec<String> = conditionals(text)
            .into_iter()
            .map(|Conditional { line, condition, what }| format!("{line} {what:?} {condition}"))
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        1 Defines("cust_debug") if `[ -n "$DEBUG" ]`
        4 Registers("customize_cmd cust_debug cust_b") if `[ -n "$DEBUG" ]`
        7 Registers("late_customize_cmd c") if `test -d x`, if `[ -f y ]`
        7 Registers("early_customize_cmd d") if `test -d x`, if not `[ -f y ]`
        10 Registers("customize_cmd e") if not `test -d x`, in case `$1` is `a|b`
        12 Defines("f") if not `test -d x`, in case `$1` is `*`, in the loop `for i in 1 2`
        12 Registers("customize_cmd f") if not `test -d x`, in case `$1` is `*`, in the loop `for i in 1 2`
        15 Registers("customize_cmd g") if not `test -d x`
        16 Registers("customize_cmd h") 
        17 Defines("k") if `test y`
        17 Registers("customize_cmd k") if `test y`
        17 Registers("customize_cmd l") 
        18 Registers("customize_cmd m") if not `test z`
        18 Registers("customize_cmd n") if not `test z`
        18 Registers("customize_cmd o") 
        19 Registers("NANO_CUSTOMIZE=\"$NANO_CUSTOMIZE i\"") if `test x`
        "#);
    }
}
