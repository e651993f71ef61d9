//! Expansion of a word of the shell, as far as that is possible without running anything: quotes, variables with known
//! values, and arithmetic.

use super::name::is_name;
use super::value::{Piece, Value};

/// Removes the quotes of `word` and replaces variables by their values, which `lookup` returns.
///
/// # Errors
/// The reason why the value is not known: it depends on a command, or on a variable without a known value.
pub fn expand(word: &str, lookup: &mut dyn FnMut(&str) -> Result<Value, String>) -> Result<Value, String> {
    if word.starts_with('~') {
        return Err(format!("{} is known only when the file is run", from(word)));
    }
    let mut value = Value::default();
    append(word, &mut value, lookup)?;
    Ok(value)
}

/// The beginning of the value of `word`, as far as it is known, and whether it is the whole value.
pub fn expand_prefix(word: &str, lookup: &mut dyn FnMut(&str) -> Result<Value, String>) -> (Value, bool) {
    let mut value = Value::default();
    let is_whole = append(word, &mut value, lookup).is_ok();
    (value, is_whole)
}

/// Appends the value of `word` to `value`. After an error, the part before it is in `value`.
fn append(
    word: &str,
    value: &mut Value,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<(), String> {
    let mut rest = word;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        rest = match c {
            '\'' if !quoted => {
                let (text, behind) = behind.split_once('\'').unwrap_or((behind, ""));
                value.push_str(text);
                behind
            }
            '"' => {
                quoted = !quoted;
                behind
            }
            '\\' => {
                let next = behind.chars().next();
                let length = next.map_or(0, char::len_utf8);
                match next {
                    Some('\n') => {}
                    Some(next) if quoted && !matches!(next, '$' | '`' | '"' | '\\') => {
                        value.push_str(&rest[..1 + length]);
                    }
                    Some(_) => value.push_str(&behind[..length]),
                    None => value.push_str("\\"),
                }
                &behind[length..]
            }
            '`' => command(behind, behind.find('`'), 1, value, lookup)?,
            '$' => substitute(rest, value, lookup)?,
            _ => {
                value.push_str(&rest[..c.len_utf8()]);
                behind
            }
        };
    }
    Ok(())
}

/// The first line of `text`, for a message.
fn from(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    format!("`{}`", line.trim_matches('`'))
}

/// Commands that print the directory of nanobsd.sh, or the one that it was started in.
const SITE: [&str; 16] = [
    "pwd",
    "/bin/pwd",
    "pwd -P",
    "pwd -L",
    "realpath .",
    "dirname $0",
    "realpath $(dirname $0)",
    "realpath `dirname $0`",
    "dirname $(realpath $0)",
    "dirname `realpath $0`",
    "dirname $(readlink -f $0)",
    "dirname `readlink -f $0`",
    "dirname $(readlink $0)",
    "dirname -- $0",
    "cd $(dirname $0) && pwd",
    "cd `dirname $0` && pwd",
];

/// Appends the output of the command at the start of `text`, which ends at `end`, before a bracket of `bracket` bytes;
/// returns the rest of `text`.
fn command<'a>(
    text: &'a str,
    end: Option<usize>,
    bracket: usize,
    value: &mut Value,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<&'a str, String> {
    let command = &text[..end.unwrap_or(text.len())];
    let shown = command.lines().next().unwrap_or_default();
    let why = format!("the value is the output of `{shown}`, and commands are not run");
    let plain = command.replace(['"', '{', '}'], "").replace(';', " &&");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if SITE.contains(&plain.as_str()) {
        value.pieces.push(Piece::Site { value: Err(why) });
    } else {
        value.append(&real_path(command, lookup).ok_or_else(|| why.clone())?.because(&why));
    }
    Ok(end.map_or("", |end| &text[end + bracket..]))
}

/// The path that `realpath PATH`, `readlink -f PATH` or `cd PATH && pwd` prints, if it is known from where it leads.
fn real_path(command: &str, lookup: &mut dyn FnMut(&str) -> Result<Value, String>) -> Option<Value> {
    let plain = command.replace('"', "").replace(';', " &&");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let moved = plain.strip_prefix("cd ").and_then(|rest| {
        ["pwd", "pwd -P", "pwd -L", "/bin/pwd"]
            .iter()
            .find_map(|pwd| rest.strip_suffix(pwd)?.strip_suffix(" && "))
    });
    let shown = ["realpath ", "readlink -f "].iter().find_map(|program| plain.strip_prefix(program));
    let path = moved.or(shown)?;
    let value = expand(path, lookup).ok()?;
    if value.below_site().is_some() {
        return Some(value);
    }
    let text = value.plain().ok().filter(|text| !text.is_empty() && !text.contains(char::is_whitespace))?;
    if text.starts_with('/') {
        return Some(value);
    }
    let mut below = Value { pieces: vec![Piece::Site { value: Err(String::new()) }] };
    below.push_str("/");
    below.append(&value);
    Some(below)
}

/// The byte at which the `)` is that closes the command at the start of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' => return true,
            _ => {}
        }
        false
    });
    end.map(|(end, _)| end)
}

/// Appends the value of the `$...` at the start of `text` to `value`; returns the rest of `text`.
fn substitute<'a>(
    text: &'a str,
    value: &mut Value,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<&'a str, String> {
    if let Some(inner) = text.strip_prefix("$((") {
        let Some((expression, behind)) = inner.split_once("))") else {
            return Err(format!("the arithmetic in {} is not supported", from(text)));
        };
        value.append(&sum(expression, lookup)?);
        return Ok(behind);
    }
    if let Some(inner) = text.strip_prefix("$(") {
        return command(inner, closing(inner), 1, value, lookup);
    }
    if let Some(inner) = text.strip_prefix("${") {
        let (name, behind) = inner.split_once('}').unwrap_or((inner, ""));
        if name == "0%/*" {
            let why = "`${0%/*}` is known only when the file is run".to_owned();
            value.pieces.push(Piece::Site { value: Err(why) });
            return Ok(behind);
        }
        if !is_name(name) {
            return Err(format!("`${{{name}}}` is not supported; only `${{NAME}}` is"));
        }
        value.append(&lookup(name)?);
        return Ok(behind);
    }
    let name = &text[1..];
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let (name, behind) = name.split_at(end);
    if name.is_empty() && !behind.starts_with(['@', '*', '#', '?', '-', '$', '!']) {
        value.push_str("$");
        return Ok(behind);
    }
    if !is_name(name) {
        return Err(format!("{} is known only when the file is run", from(text)));
    }
    value.append(&lookup(name)?);
    Ok(behind)
}

/// The value of an expression of `$(( ))`. If it has variables that the build sets for hooks, it stays an expression there.
fn sum(expression: &str, lookup: &mut dyn FnMut(&str) -> Result<Value, String>) -> Result<Value, String> {
    let number = arithmetic(expression, lookup)?.to_string();
    let (mut text, mut variables) = (String::new(), Vec::new());
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let before = rest[..start].trim_end_matches(['$', '{']);
        let end = rest[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, behind) = rest[start..].split_at(end.unwrap_or(rest.len() - start));
        text += before;
        rest = behind.strip_prefix('}').unwrap_or(behind);
        // `0x10` is a number.
        let is_number = before.ends_with(|c: char| c.is_ascii_digit());
        let value = if is_number { Err(String::new()) } else { lookup(name) };
        match value.as_ref().map(|value| (value.pieces.as_slice(), value.plain())) {
            Ok(([Piece::Variable { .. }], Ok(plain))) => {
                text += name;
                variables.push((name.to_owned(), plain));
            }
            Ok((_, Ok(plain))) => text += plain.trim(),
            _ => text += name,
        }
    }
    text += rest;
    if variables.is_empty() {
        return Ok(Value::from(number.as_str()));
    }
    Ok(Value { pieces: vec![Piece::Sum { text, variables, value: number }] })
}

/// Evaluates an expression of `$(( ))` that has integers, `+ - * / %` and parentheses.
fn arithmetic(text: &str, lookup: &mut dyn FnMut(&str) -> Result<Value, String>) -> Result<i64, String> {
    let fault = || format!("the arithmetic in `$(({text}))` is not supported");
    let mut sum = Sum { rest: text, lookup };
    let number = sum.terms()?.ok_or_else(fault)?;
    if sum.rest.trim().is_empty() { Ok(number) } else { Err(fault()) }
}

struct Sum<'a, 'l> {
    rest: &'a str,
    lookup: &'l mut dyn FnMut(&str) -> Result<Value, String>,
}

impl Sum<'_, '_> {
    /// The next operator, if it is one of `operators`.
    fn operator(&mut self, operators: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let operator = self.rest.chars().next().filter(|c| operators.contains(c))?;
        self.rest = &self.rest[1..];
        Some(operator)
    }

    fn terms(&mut self) -> Result<Option<i64>, String> {
        let mut sum = self.factors()?;
        while let Some(operator) = self.operator(&['+', '-']) {
            let (left, right) = (sum, self.factors()?);
            sum = left.zip(right).and_then(|(left, right)| match operator {
                '+' => left.checked_add(right),
                _ => left.checked_sub(right),
            });
        }
        Ok(sum)
    }

    fn factors(&mut self) -> Result<Option<i64>, String> {
        let mut product = self.number()?;
        while let Some(operator) = self.operator(&['*', '/', '%']) {
            let (left, right) = (product, self.number()?);
            product = left.zip(right).and_then(|(left, right)| match operator {
                '*' => left.checked_mul(right),
                '/' => left.checked_div(right),
                _ => left.checked_rem(right),
            });
        }
        Ok(product)
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        let mut negative = false;
        while self.operator(&['-']).is_some() {
            negative = !negative;
        }
        let number = self.positive()?;
        Ok(if negative { number.and_then(i64::checked_neg) } else { number })
    }

    fn positive(&mut self) -> Result<Option<i64>, String> {
        if self.operator(&['(']).is_some() {
            let number = self.terms()?;
            return Ok(number.filter(|_| self.operator(&[')']).is_some()));
        }
        let text = self.rest.trim_start_matches(['$', '{']);
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (word, behind) = text.split_at(end);
        self.rest = behind.strip_prefix('}').unwrap_or(behind);
        if is_name(word) {
            return Ok((self.lookup)(word)?.plain()?.trim().parse().ok());
        }
        if let Some(digits) = word.strip_prefix("0x") {
            return Ok(i64::from_str_radix(digits, 16).ok());
        }
        // For sh(1), a number with a leading zero is octal.
        Ok(word.parse().ok().filter(|_| word == "0" || !word.starts_with('0')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(word: &str) -> Result<String, String> {
        let mut lookup = |name: &str| match name {
            "A" => Ok(Value::from("x y")),
            "N" => Ok(Value::from("7")),
            _ => Err(format!("`{name}` is not set")),
        };
        expand(word, &mut lookup)?.plain()
    }

    #[test]
    fn the_directory_of_nanobsd_sh_stands_for_that_of_the_configuration() {
        for word in [
            "$(pwd)/a",
            "`pwd`/a",
            "\"$(pwd)\"/a",
            "$(dirname \"$0\")/a",
            "`dirname ${0}`/a",
            "$(cd $(dirname $0); pwd)/a",
            "$(cd \"$(dirname \"$0\")\" && pwd -P)/a",
            "`dirname \"$(readlink -f \"$0\")\"`/a",
            "$(realpath a)",
            "$(realpath $(dirname $0)/a)",
            "$(readlink -f \"a\")",
            "`cd a; pwd`",
            "$(realpath $(pwd))/a",
            "${0%/*}/a",
        ] {
            let value = expand(word, &mut |name| Err(name.to_owned())).unwrap();
            assert_eq!(value.below_site(), Some(Value::from("/a")), "{word}");
        }
        for word in ["$(realpath $B)", "$(readlink a)", "$(cd /a && ls)", "$(realpath a b)", "~/a", "~"] {
            assert!(expand(word, &mut |name| Err(name.to_owned())).is_err(), "{word}");
        }
        let (value, is_whole) = expand_prefix("a/b$(ls)/c", &mut |name| Err(name.to_owned()));
        assert_eq!((value.plain().as_deref(), is_whole), (Ok("a/b"), false));
    }

    #[test]
    fn quotes_are_removed_and_variables_replaced() {
        for (word, expected) in [
            ("plain", "plain"),
            ("'${A} \\'\"$A\"", "${A} \\x y"),
            ("\"${A}'s \\$A \\x\"", "x y's $A \\x"),
            ("a\\ b\\\nc", "a bc"),
            ("$A/${A}z", "x y/x yz"),
            ("100$", "100$"),
            ("$((2*(N+1)-10/3))", "13"),
            ("$(( ${N} * $N % 10 ))s", "9s"),
            ("$((-N))", "-7"),
            ("$((0x10 * N))", "112"),
        ] {
            assert_eq!(value(word).as_deref(), Ok(expected), "{word}");
        }
    }

    #[test]
    fn what_only_a_run_would_show_is_reported() {
        let words = [
            "$(pwd)/Pkg",
            "\"$(dirname $(pwd))/x\"",
            "`sysctl -n hw.ncpu`",
            "${A%/x}",
            "$1",
            "$@",
            "$B",
            "$((A+1))",
            "$((1/0))",
            "$((010))",
            "$((1",
        ];
        let reasons: Vec<String> = words.iter().map(|word| value(word).unwrap_err()).collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        the value is the output of `pwd`, and commands are not run
        the value is the output of `dirname $(pwd)`, and commands are not run
        the value is the output of `sysctl -n hw.ncpu`, and commands are not run
        `${A%/x}` is not supported; only `${NAME}` is
        `$1` is known only when the file is run
        `$@` is known only when the file is run
        `B` is not set
        the arithmetic in `$((A+1))` is not supported
        the arithmetic in `$((1/0))` is not supported
        the arithmetic in `$((010))` is not supported
        the arithmetic in `$((1` is not supported
        ");
    }
}
