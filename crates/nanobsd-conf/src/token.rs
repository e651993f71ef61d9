//! The words and operators of a shell script, each with its position in the text: sh(1)'s token recognition, with quotes,
//! comments, substitutions and here-documents as far as needed to find the end of each. Nothing is expanded.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word, with its quotes.
    Word,
    /// `;`, `(`, `>>` and so on.
    Operator,
    /// The end of a line, with the here-documents that begin there.
    Newline,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The kind.
    pub kind: Kind,
    /// The position, in bytes.
    pub span: Range<usize>,
}

/// The reason why a text cannot be split into tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte at which the fault begins.
    pub at: usize,
    /// The fault, such as "unterminated quotation mark `'`".
    pub what: String,
}

/// Operators, the longest first.
const OPERATORS: [&str; 18] =
    ["<<-", "<<", ">>", "<&", ">&", "<>", ">|", "&&", "||", ";;", ";&", ";", "&", "|", "(", ")", "<", ">"];

/// Splits `text` into tokens. Comments and blanks are left out.
///
/// # Errors
/// An unterminated quotation mark, substitution or here-document.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    let mut tokens = Vec::new();
    // The here-documents that begin with the next line: their delimiters, and whether tabs before these are ignored.
    let mut documents: Vec<(usize, String, bool)> = Vec::new();
    let mut document_next = None;
    while let Some(byte) = scanner.peek() {
        let start = scanner.at;
        let kind = match byte {
            b' ' | b'\t' | b'\r' => {
                scanner.at += 1;
                continue;
            }
            b'\\' if scanner.rest().starts_with("\\\n") => {
                scanner.at += 2;
                continue;
            }
            b'#' => {
                scanner.at += scanner.rest().find('\n').unwrap_or(scanner.rest().len());
                continue;
            }
            b'\n' => {
                scanner.at += 1;
                for (begin, delimiter, tabs) in documents.drain(..) {
                    scanner.document(begin, &delimiter, tabs)?;
                }
                Kind::Newline
            }
            _ => match OPERATORS.into_iter().find(|operator| scanner.rest().starts_with(operator)) {
                Some(operator) => {
                    scanner.at += operator.len();
                    document_next = operator.starts_with("<<").then_some(operator == "<<-");
                    Kind::Operator
                }
                None => {
                    scanner.word()?;
                    if let Some(tabs) = document_next.take() {
                        let word = &text[start..scanner.at];
                        documents.push((start, word.replace(['\'', '"', '\\'], ""), tabs));
                    }
                    Kind::Word
                }
            },
        };
        tokens.push(Token { kind, span: start..scanner.at });
    }
    match documents.into_iter().next() {
        Some((at, delimiter, _)) => Err(document_fault(at, &delimiter)),
        None => Ok(tokens),
    }
}

/// The commands of the substitutions in `word`, without their brackets.
pub fn substitutions(word: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner { text: word, at: 0, depth: 0 };
    let mut found = Vec::new();
    let mut quoted = false;
    while let Some(byte) = scanner.peek() {
        let start = scanner.at;
        let rest = scanner.rest();
        let begin = match byte {
            b'"' => {
                quoted = !quoted;
                scanner.at += 1;
                continue;
            }
            b'\'' if quoted => {
                scanner.at += 1;
                continue;
            }
            b'$' if rest.starts_with("${") => {
                scanner.at += 2;
                continue;
            }
            b'$' if rest.starts_with("$(") && !rest.starts_with("$((") => start + 2,
            _ => start + 1,
        };
        if scanner.part().is_err() {
            break;
        }
        if byte == b'`' || begin == start + 2 {
            found.push(begin..scanner.at - 1);
        }
    }
    found
}

/// The number of the line that contains the byte `at`, from 1.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

fn document_fault(at: usize, delimiter: &str) -> Fault {
    Fault { at, what: format!("unterminated here-document `{delimiter}`") }
}

/// The maximum nesting of quotes and substitutions, which bounds the recursion.
const DEPTH: usize = 100;

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        // Every stop is before or behind an ASCII character.
        &self.text[self.at..]
    }

    /// Steps over what a backslash and the character behind it take.
    fn escaped(&mut self) {
        self.at += 1 + self.rest()[1..].chars().next().map_or(0, char::len_utf8);
    }

    fn word(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
                _ => self.part()?,
            }
        }
        Ok(())
    }

    /// Skips one character, or one quoted or substituted part.
    fn part(&mut self) -> Result<(), Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'\\') => self.escaped(),
            Some(b'\'') => {
                self.at += 1;
                self.until(start, "quotation mark `'`", b'\'', |scanner| {
                    scanner.at += 1;
                    Ok(())
                })?;
            }
            Some(b'"') => {
                self.at += 1;
                self.until(start, "quotation mark `\"`", b'"', |scanner| match scanner.peek() {
                    Some(b'\'') => {
                        scanner.at += 1;
                        Ok(())
                    }
                    _ => scanner.part(),
                })?;
            }
            Some(b'`') => {
                self.at += 1;
                self.until(start, "backquote substitution", b'`', |scanner| {
                    if scanner.peek() == Some(b'\\') {
                        scanner.escaped();
                    } else {
                        scanner.at += 1;
                    }
                    Ok(())
                })?;
            }
            Some(b'$') if self.rest().starts_with("${") => {
                self.at += 2;
                self.until(start, "substitution `${`", b'}', Self::part)?;
            }
            Some(b'$') if self.rest().starts_with("$(") => {
                self.at += 2;
                self.until(start, "substitution `$(`", b')', Self::command)?;
            }
            _ => self.at += self.rest().chars().next().map_or(1, char::len_utf8),
        }
        Ok(())
    }

    /// Skips one part of the content of `$( )`.
    fn command(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let comment = self.text[..start].ends_with([' ', '\t', '\n', ';', '(']);
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                self.until(start, "parenthesis `(`", b')', Self::command)
            }
            Some(b'#') if comment => {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                Ok(())
            }
            _ => self.part(),
        }
    }

    /// Skips parts up to and including the byte `end`; `what` is what began at `start`.
    fn until(
        &mut self,
        start: usize,
        what: &str,
        end: u8,
        part: impl Fn(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault { at: start, what: format!("nesting of more than {DEPTH} levels") });
        }
        loop {
            match self.peek() {
                None => return Err(Fault { at: start, what: format!("unterminated {what}") }),
                Some(byte) if byte == end => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                Some(_) => part(self)?,
            }
        }
    }

    /// Skips a here-document.
    fn document(&mut self, begin: usize, delimiter: &str, tabs: bool) -> Result<(), Fault> {
        while !self.rest().is_empty() {
            let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
            self.at += line.len();
            let line = line.strip_suffix('\n').unwrap_or(line);
            if (if tabs { line.trim_start_matches('\t') } else { line }) == delimiter {
                return Ok(());
            }
        }
        Err(document_fault(begin, delimiter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).unwrap().into_iter().map(|token| &text[token.span]).collect()
    }

    #[test]
    fn a_word_includes_its_quotes_and_substitutions() {
        for (text, expected) in [
            ("a=1 # b\nc", vec!["a=1", "\n", "c"]),
            ("a='x y'\"z ' \\\" w\" b", vec!["a='x y'\"z ' \\\" w\"", "b"]),
            ("a=$(echo \")\" # )\n) b", vec!["a=$(echo \")\" # )\n)", "b"]),
            ("a=${b:-\"}\"}x `c \\` d` e", vec!["a=${b:-\"}\"}x", "`c \\` d`", "e"]),
            ("a \\\n b\\\nc", vec!["a", "b\\\nc"]),
            ("a>>b;c&&d|e", vec!["a", ">>", "b", ";", "c", "&&", "d", "|", "e"]),
            ("f ( ) {", vec!["f", "(", ")", "{"]),
            ("a#b 'ä'\\ö", vec!["a#b", "'ä'\\ö"]),
            ("ä=$(é (ü)) \"$(ß)ñ\"", vec!["ä=$(é (ü))", "\"$(ß)ñ\""]),
            ("x=$((1+(2*3))) y", vec!["x=$((1+(2*3)))", "y"]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_here_document_belongs_to_its_line() {
        let text = "cat <<-'E F' >x\n}\n\tE F\nnext";
        assert_eq!(texts(text), ["cat", "<<-", "'E F'", ">", "x", "\n}\n\tE F\n", "next"]);
        assert_eq!(texts("cat <<A <<B\n1\nA\n2\nB\nc").last(), Some(&"c"));
    }

    #[test]
    fn what_is_unterminated_is_reported_with_its_beginning() {
        for (text, at, what) in [
            ("a 'b", 2, "unterminated quotation mark `'`"),
            ("a \"b", 2, "unterminated quotation mark `\"`"),
            ("a=$(b", 2, "unterminated substitution `$(`"),
            ("a=\"${b\"", 6, "unterminated quotation mark `\"`"),
            ("a=`b", 2, "unterminated backquote substitution"),
            ("cat <<X\n", 6, "unterminated here-document `X`"),
            ("cat <<X", 6, "unterminated here-document `X`"),
            ("\\", 9, ""),
            (&"$(".repeat(1000), 200, "nesting of more than 100 levels"),
        ] {
            match tokens(text) {
                Err(fault) => assert_eq!((fault.at, fault.what.as_str()), (at, what), "{text}"),
                Ok(_) => assert_eq!(at, 9, "{text}"),
            }
        }
    }
}
