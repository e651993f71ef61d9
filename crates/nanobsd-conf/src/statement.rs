//! The statements of a configuration in order, each with its lines: assignments, functions, simple commands, and other
//! commands as a whole.
//!
//! A text that sh(1) accepts is split as sh splits it. A function whose bracket is not closed ends before the next line at
//! the left margin that begins a function, registers one or sets a variable of NanoBSD: [`Shape::Function::missing`].

use super::defaults::is_nanobsds;
use super::name::{assignment, is_name};
use super::stage::Stage;
use super::token::{Fault, Kind, Token, line, tokens};

/// A statement.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The text, without the newline or operator that ends it.
    pub text: &'a str,
    /// The first line, from 1.
    pub first: usize,
    /// The last line.
    pub last: usize,
    /// The shape.
    pub shape: Shape<'a>,
}

/// The shape of a statement.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// `name=value ...`, with the values as they are written.
    Assignments(Vec<(&'a str, &'a str)>),
    /// `export name`, or `export name=value`; also `readonly`.
    Export(Vec<(&'a str, Option<&'a str>)>),
    /// A function.
    Function {
        /// The name.
        name: &'a str,
        /// The closing brackets and words that are missing at its end, innermost first.
        missing: Option<String>,
    },
    /// A command that consists of words only, without pipes and redirections.
    Command(Vec<&'a str>),
    /// Any other command, and why it is not carried out.
    Other(&'static str),
}

/// A construct that is open within a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Brace,
    Parenthesis,
    If,
    Loop,
    /// `case`, before `in`.
    Subject,
    /// `case`, in a pattern.
    Pattern,
    /// `case`, after a pattern.
    Branch,
}

impl Open {
    const fn end(self) -> &'static str {
        match self {
            Self::Brace => "}",
            Self::Parenthesis => ")",
            Self::If => "fi",
            Self::Loop => "done",
            Self::Subject | Self::Pattern | Self::Branch => "esac",
        }
    }
}

/// Splits `text` into statements.
///
/// # Errors
/// As [`tokens`].
pub fn statements(text: &str) -> Result<Vec<Statement<'_>>, Fault> {
    let script = Script { text, tokens: tokens(text)? };
    let mut statements = Vec::new();
    let mut at = 0;
    while let Some(token) = script.tokens.get(at) {
        if token.kind == Kind::Newline || matches!(script.word(at), ";" | "&") {
            at += 1;
            continue;
        }
        let (end, missing) = script.extent(at);
        statements.push(script.statement(at, end, missing));
        at = end;
    }
    Ok(statements)
}

/// The result of following the structure of a text.
enum End {
    /// The statement ends before this token.
    At(usize),
    /// These constructs are still open at the end of the text.
    Open(Vec<Open>),
    /// A construct is closed that is not open.
    Stray,
}

struct Script<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Script<'a> {
    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| &self.text[token.span.clone()])
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Word)
    }

    /// Whether the tokens at `at` are `name ( )`. FreeBSD's shell accepts any plain text without `/`; of that, what is a
    /// pattern, an assignment or a quotation elsewhere is left out.
    fn is_function(&self, at: usize) -> bool {
        let good = |c: char| !c.is_control() && !"/'\"\\$`*?[]{}=#~!".contains(c);
        self.is_word(at)
            && self.word(at).chars().all(good)
            && self.word(at + 1) == "("
            && self.word(at + 2) == ")"
    }

    /// The end of the statement at `start`, and the constructs that are still open there: none in particular if the
    /// brackets do not match.
    fn extent(&self, start: usize) -> (usize, Option<Vec<Open>>) {
        let open = match self.follow(start, self.tokens.len()) {
            End::At(end) => return (end, None),
            // A stray closing bracket is a statement of its own, up to the end of its line.
            End::Stray if !self.is_function(start) => {
                let rest = start..self.tokens.len();
                let end = rest.into_iter().find(|at| self.tokens[*at].kind == Kind::Newline);
                return (end.unwrap_or(self.tokens.len()), Some(Vec::new()));
            }
            End::Stray => Vec::new(),
            End::Open(open) => open,
        };
        let end = (start + 1..self.tokens.len()).find(|at| self.is_boundary(*at));
        match end {
            None => (self.tokens.len(), Some(open)),
            Some(end) => match self.follow(start, end) {
                End::Open(open) => (end, Some(open)),
                End::At(_) | End::Stray => (end, Some(Vec::new())),
            },
        }
    }

    /// Whether the line that begins with the token `at` cannot be part of a function.
    fn is_boundary(&self, at: usize) -> bool {
        let start = self.tokens[at].span.start;
        let word = self.word(at);
        let registers = Stage::of_command(word).is_some() || ["FlashDevice", "UsbDevice"].contains(&word);
        let sets = assignment(word).is_some_and(|(name, _)| is_nanobsds(name));
        self.text[..start].ends_with('\n') && (registers || sets || self.is_function(at))
    }

    /// Follows the structure from `start`, up to the token `limit` at most.
    fn follow(&self, start: usize, limit: usize) -> End {
        let mut open: Vec<Open> = Vec::new();
        // Whether the next word is a command, whether the statement continues on the next line, and whether the next word
        // is the target of a redirection.
        let (mut command, mut continues, mut target) = (true, false, false);
        let mut at = start;
        while at < limit {
            let word = self.word(at);
            let top = open.last().copied();
            match self.tokens[at].kind {
                Kind::Newline => {
                    if open.is_empty() && !continues {
                        return End::At(at);
                    }
                    command = !matches!(top, Some(Open::Subject | Open::Pattern));
                }
                Kind::Operator => {
                    target = false;
                    match word {
                        ";" | "&" if open.is_empty() => return End::At(at),
                        ";;" | ";&" if top == Some(Open::Branch) => {
                            open.pop();
                            open.push(Open::Pattern);
                        }
                        ";;" | ";&" => return End::Stray,
                        ")" if top == Some(Open::Pattern) => {
                            open.pop();
                            open.push(Open::Branch);
                            command = true;
                        }
                        "(" if top == Some(Open::Pattern) => {}
                        "(" => {
                            open.push(Open::Parenthesis);
                            command = true;
                        }
                        ")" if top == Some(Open::Parenthesis) => {
                            open.pop();
                            command = false;
                        }
                        ")" => return End::Stray,
                        ";" | "&" | "|" | "&&" | "||" => command = true,
                        _ => target = true,
                    }
                    continues = matches!(word, "|" | "&&" | "||");
                }
                Kind::Word => {
                    continues = false;
                    if std::mem::take(&mut target) {
                        // Not a command.
                    } else if top == Some(Open::Subject) {
                        if word == "in" {
                            open.pop();
                            open.push(Open::Pattern);
                        }
                    } else if top == Some(Open::Pattern) {
                        if word == "esac" {
                            open.pop();
                        }
                    } else if command && self.is_function(at) {
                        continues = true;
                        at += 2;
                    } else if command {
                        match word {
                            "{" => open.push(Open::Brace),
                            "if" => open.push(Open::If),
                            "while" | "until" => open.push(Open::Loop),
                            "for" => {
                                open.push(Open::Loop);
                                command = false;
                            }
                            "case" => open.push(Open::Subject),
                            "then" | "else" | "elif" | "do" | "!" => {}
                            "}" | "fi" | "done" | "esac" => {
                                if top.is_none_or(|top| top.end() != word) {
                                    return End::Stray;
                                }
                                open.pop();
                                command = false;
                            }
                            _ => command = assignment(word).is_some(),
                        }
                    }
                }
            }
            at += 1;
        }
        if open.is_empty() && !continues { End::At(at) } else { End::Open(open) }
    }

    fn statement(&self, start: usize, end: usize, missing: Option<Vec<Open>>) -> Statement<'a> {
        let from = self.tokens[start].span.start;
        // An unterminated function ends before the comments of the next one.
        let last = (start..end).rev().find(|at| self.tokens[*at].kind != Kind::Newline).unwrap_or(start);
        let text = &self.text[from..self.tokens[last].span.end];
        let here = (start..end).any(|at| self.word(at).starts_with("<<"));
        // A here-document is part of its statement; it is in the token of the newline before it.
        let text = match self.tokens.get(end).filter(|token| here && token.kind == Kind::Newline) {
            Some(newline) => self.text[from..newline.span.end].trim_end_matches('\n'),
            None => text,
        };
        let first = line(self.text, from);
        let last = first + text.matches('\n').count();
        Statement { text, first, last, shape: self.shape(start, end, missing) }
    }

    fn shape(&self, start: usize, end: usize, missing: Option<Vec<Open>>) -> Shape<'a> {
        if self.is_function(start) {
            if missing.as_ref().is_some_and(Vec::is_empty) {
                return Shape::Other("its brackets do not match, as `sh -n` shows");
            }
            let closers =
                |open: Vec<Open>| open.into_iter().rev().map(Open::end).collect::<Vec<_>>().join("\n");
            return Shape::Function { name: self.word(start), missing: missing.map(closers) };
        }
        match missing {
            Some(open) if open.is_empty() => {
                return Shape::Other("it closes a bracket or construct that is not open");
            }
            Some(_) => return Shape::Other("its end is missing"),
            None => {}
        }
        let words: Vec<&str> = (start..end).map(|at| self.word(at)).collect();
        let assignments: Option<Vec<_>> = words.iter().map(|word| assignment(word)).collect();
        if let Some(assignments) = assignments {
            return Shape::Assignments(assignments);
        }
        match words[0] {
            "if" | "case" | "for" | "while" | "until" | "{" | "(" | "!" => {
                return Shape::Other("its effect depends on the machine that runs it");
            }
            _ if (start..end).any(|at| !self.is_word(at)) => {
                return Shape::Other("commands are not run");
            }
            "export" | "readonly" => {
                let names = words[1..].iter().map(|word| match assignment(word) {
                    Some((name, value)) => Some((name, Some(value))),
                    None => is_name(word).then_some((*word, None)),
                });
                if let Some(names) = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty()) {
                    return Shape::Export(names);
                }
            }
            _ => {}
        }
        Shape::Command(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<String> {
        let show = |statement: &Statement<'_>| {
            let Statement { first, last, shape, .. } = statement;
            format!("{first}-{last} {shape:?}")
        };
        statements(text).unwrap().iter().map(show).collect()
    }

    #[test]
    fn each_kind_of_statement_has_its_shape() {
        let text = "\
# a comment
A=1 B='x
y' # why
C=i386; export C
export D=2 E
customize_cmd a b
. common.conf
f () (
\tcase $1 in
\t(a|b) echo ')' ;;
\t*) { true; } ;;
\tesac
)
g()
{
\tfor i in 1 2; do if true; then echo }; fi; done
\tcat >x <<E
}
E
}
if [ -n \"$A\" ]; then
\tA=2
fi
[ -d x ] &&
\tA=3
echo x > y
cat <<E
text
E
}
";
        insta::assert_snapshot!(shapes(text).join("\n"), @r#"
        2-3 Assignments([("A", "1"), ("B", "'x\ny'")])
        4-4 Assignments([("C", "i386")])
        4-4 Export([("C", None)])
        5-5 Export([("D", Some("2")), ("E", None)])
        6-6 Command(["customize_cmd", "a", "b"])
        7-7 Command([".", "common.conf"])
        8-13 Function { name: "f", missing: None }
        14-20 Function { name: "g", missing: None }
        21-23 Other("its effect depends on the machine that runs it")
        24-25 Other("commands are not run")
        26-26 Other("commands are not run")
        27-29 Other("commands are not run")
        30-30 Other("it closes a bracket or construct that is not open")
        "#);
    }

    #[test]
    fn a_function_that_does_not_end_ends_before_what_cannot_be_in_it() {
        let text = "\
f() {
\tif true; then
\t\techo 1

# of g
g() (
\tcd x
customize_cmd f
h() {
\techo > \\
customize_cmd g
i() {
\techo
NANO_DRIVE=ad0
j() {
\tx=1
}
";
        insta::assert_snapshot!(shapes(text).join("\n"), @r#"
        1-3 Function { name: "f", missing: Some("fi\n}") }
        6-7 Function { name: "g", missing: Some(")") }
        8-8 Command(["customize_cmd", "f"])
        9-10 Function { name: "h", missing: Some("}") }
        11-11 Command(["customize_cmd", "g"])
        12-13 Function { name: "i", missing: Some("}") }
        14-14 Assignments([("NANO_DRIVE", "ad0")])
        15-17 Function { name: "j", missing: None }
        "#);
    }

    #[test]
    fn a_name_that_no_hook_can_have_makes_no_function() {
        assert_eq!(shapes("../x() ( true )\n"), ["1-1 Other(\"commands are not run\")"]);
        assert_eq!(shapes("x-1.y() { true; }\n"), ["1-1 Function { name: \"x-1.y\", missing: None }"]);
    }

    #[test]
    fn a_function_has_any_name_that_freebsds_shell_accepts() {
        for name in ["a.b", "c:d", "e+f", "g@h", "i,j", "k%l", "1st", "ä-x", "m^n"] {
            let expected = format!("1-3 Function {{ name: \"{name}\", missing: None }}");
            assert_eq!(shapes(&format!("{name} () {{\n\ttrue\n}}\n")), [expected]);
        }
    }

    #[test]
    fn a_whole_function_is_never_cut() {
        let text = "f() {\n\tcat > x <<E\ncustomize_cmd a\nE\ng() {\n\ttrue\n}\nNANO_X=1\n}\nA=1\n";
        assert_eq!(
            shapes(text),
            ["1-9 Function { name: \"f\", missing: None }", "10-10 Assignments([(\"A\", \"1\")])"]
        );
    }
}
