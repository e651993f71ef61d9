//! Expansion of a word of the shell, as far as that is possible without running anything: quotes, variables with known
//! values, and arithmetic.

use std::fmt::Write as _;

use super::name::is_name;

/// The value of a variable, or the reason why it is not known.
pub type Value = Result<String, String>;

/// Removes the quotes of `word` and replaces variables by their values, which `lookup` returns.
///
/// # Errors
/// The reason why the value is not known: it depends on a command, or on a variable without a known value.
pub fn expand(word: &str, lookup: &mut dyn FnMut(&str) -> Value) -> Value {
    let mut value = String::new();
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
                match next {
                    Some('\n') => {}
                    Some(next) if !quoted || matches!(next, '$' | '`' | '"' | '\\') => value.push(next),
                    Some(next) => value.extend(['\\', next]),
                    None => value.push('\\'),
                }
                &behind[next.map_or(0, char::len_utf8)..]
            }
            '`' => return Err(printed(rest)),
            '$' => substitute(rest, &mut value, lookup)?,
            _ => {
                value.push(c);
                behind
            }
        };
    }
    Ok(value)
}

/// The first line of `text`, for a message.
fn from(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    format!("`{}`", line.trim_matches('`'))
}

/// The reason why the command substitution at the start of `text` has no known value.
fn printed(text: &str) -> String {
    let inner = text.strip_prefix("$(").unwrap_or(&text[1..]);
    let mut depth = 0_usize;
    let end = inner.char_indices().find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            '`' | ')' | '\n' => return true,
            _ => {}
        }
        false
    });
    let command = end.map_or(inner, |(end, _)| &inner[..end]);
    format!("the value is the output of `{command}`, and commands are not run")
}

/// Appends the value of the `$...` at the start of `text` to `value`; returns the rest of `text`.
fn substitute<'a>(
    text: &'a str,
    value: &mut String,
    lookup: &mut dyn FnMut(&str) -> Value,
) -> Result<&'a str, String> {
    if let Some(inner) = text.strip_prefix("$((") {
        let Some((expression, behind)) = inner.split_once("))") else {
            return Err(format!("the arithmetic in {} is not supported", from(text)));
        };
        let number = arithmetic(expression, lookup)?;
        let _ = write!(value, "{number}"); // writing to a string cannot fail
        return Ok(behind);
    }
    if text.starts_with("$(") {
        return Err(printed(text));
    }
    if let Some(inner) = text.strip_prefix("${") {
        let (name, behind) = inner.split_once('}').unwrap_or((inner, ""));
        if !is_name(name) {
            return Err(format!("`${{{name}}}` is not supported; only `${{NAME}}` is"));
        }
        value.push_str(&lookup(name)?);
        return Ok(behind);
    }
    let name = &text[1..];
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let (name, behind) = name.split_at(end);
    if name.is_empty() && !behind.starts_with(['@', '*', '#', '?', '-', '$', '!']) {
        value.push('$');
        return Ok(behind);
    }
    if !is_name(name) {
        return Err(format!("{} is known only when the file is run", from(text)));
    }
    value.push_str(&lookup(name)?);
    Ok(behind)
}

/// Evaluates an expression of `$(( ))` that has integers, `+ - * / %` and parentheses.
fn arithmetic(text: &str, lookup: &mut dyn FnMut(&str) -> Value) -> Result<i64, String> {
    let fault = || format!("the arithmetic in `$(({text}))` is not supported");
    let mut sum = Sum { rest: text, lookup };
    let number = sum.terms()?.ok_or_else(fault)?;
    if sum.rest.trim().is_empty() { Ok(number) } else { Err(fault()) }
}

struct Sum<'a, 'l> {
    rest: &'a str,
    lookup: &'l mut dyn FnMut(&str) -> Value,
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
            return Ok((self.lookup)(word)?.trim().parse().ok());
        }
        // For sh(1), a number with a leading zero is octal.
        Ok(word.parse().ok().filter(|_| word == "0" || !word.starts_with('0')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(word: &str) -> Value {
        expand(word, &mut |name| match name {
            "A" => Ok("x y".to_owned()),
            "N" => Ok("7".to_owned()),
            _ => Err(format!("`{name}` is not set")),
        })
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
