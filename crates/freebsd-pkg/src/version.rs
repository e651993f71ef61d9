//! Versions of FreeBSD packages, `PORTVERSION[_PORTREVISION][,PORTEPOCH]`, in the order of pkg(8)
//! (`pkg_version_cmp` in `libpkg/pkg_version.c`).

use std::cmp::Ordering;
use std::fmt;

use anyhow::{Result, ensure};

/// Words that begin a component of their own, and the value that each sorts as. A letter sorts as its position in the
/// alphabet plus [`FIRST_LETTER`].
const STAGES: [(&str, i64); 6] = [
    ("pl", 0),
    ("snap", 18 + FIRST_LETTER),
    ("alpha", FIRST_LETTER),
    ("beta", 1 + FIRST_LETTER),
    ("pre", 15 + FIRST_LETTER),
    ("rc", 17 + FIRST_LETTER),
];

/// The value of `a`: after no letter at all, and after `pl`.
const FIRST_LETTER: i64 = 2;

/// Compares two versions: by epoch, then by version, then by revision.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    one.epoch
        .cmp(&other.epoch)
        .then_with(|| compare_components(one.version, other.version))
        .then(one.revision.cmp(&other.revision))
}

/// A version, split into the parts that are compared.
struct Parts<'a> {
    version: &'a [u8],
    epoch: u64,
    revision: u64,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let version = text.rsplit('-').next().unwrap_or(text).as_bytes();
        let last = |from: usize, byte: u8| {
            version[from..].iter().rposition(|found| *found == byte).map(|at| from + at)
        };
        let number = |at: Option<usize>| at.map_or(0, |at| leading_number(&version[at + 1..]).0 as u64);
        let underscore = last(0, b'_');
        let comma = last(underscore.map_or(0, |at| at + 1), b',');
        let end = underscore.or(comma).unwrap_or(version.len());
        Self { version: &version[..end], epoch: number(comma), revision: number(underscore) }
    }
}

/// A number, a letter and a patch level.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    number: i64,
    letter: i64,
    patch: i64,
}

fn compare_components(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (first, second) = (next(&mut one), next(&mut other));
        if first.is_none() && second.is_none() {
            // Both are at a `+`, or one is at its end: continue with the components after it.
            one = one.get(1..).unwrap_or_default();
            other = other.get(1..).unwrap_or_default();
            continue;
        }
        let order = first.unwrap_or_default().cmp(&second.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Removes the next component from `rest`; `None` at the end or before a `+`.
fn next(rest: &mut &[u8]) -> Option<Component> {
    let text = *rest;
    let first = *text.first().filter(|byte| **byte != b'+')?;
    let mut component = Component::default();
    let mut at = 0;
    let mut starts_with_letter = false;
    if first.is_ascii_digit() {
        (component.number, at) = leading_number(text);
    } else if first == b'*' {
        component.number = -2;
        at = text.iter().position(|byte| *byte == b'+').unwrap_or(text.len());
    } else {
        component.number = -1;
        starts_with_letter = true;
    }

    let letters = text[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = String::from_utf8_lossy(&text[at..at + letters]).to_ascii_lowercase();
    let stage = STAGES.iter().find(|(name, _)| letters > 1 && *name == word);
    let has_patch = match stage {
        Some((_, value)) if starts_with_letter => {
            component.letter = *value;
            at += letters;
            true
        }
        // As if it followed a dot.
        Some(_) => false,
        None if letters > 0 => {
            component.letter = i64::from(word.as_bytes()[0] - b'a') + FIRST_LETTER;
            at += letters;
            true
        }
        None => false,
    };
    if has_patch {
        let (patch, used) = leading_number(&text[at..]);
        component.patch = if used > 0 { patch } else { -1 };
        at += used;
    }
    let starts_anew = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'*');
    at += text[at..].iter().position(starts_anew).unwrap_or(text.len() - at);
    *rest = &text[at..];
    Some(component)
}

/// The number at the start of `text` (0 if there is none), and its length in digits.
fn leading_number(text: &[u8]) -> (i64, usize) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = text[..digits]
        .iter()
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    (number, digits)
}

/// A condition on a version: `>=1.24`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    operator: Operator,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotLess,
    NotGreater,
    Greater,
    Less,
}

/// Signs and operators; a sign comes before those that it begins with.
const OPERATORS: [(&str, Operator); 5] = [
    (">=", Operator::NotLess),
    ("<=", Operator::NotGreater),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

impl Requirement {
    /// Splits `nginx>=1.24` into the name and the requirement, if there is one.
    ///
    /// # Errors
    /// No version follows the operator.
    pub fn split(text: &str) -> Result<(&str, Option<Self>)> {
        let Some(at) = text.find(['=', '<', '>']) else { return Ok((text.trim(), None)) };
        let (name, rest) = text.split_at(at);
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((rest.strip_prefix(sign)?, *operator)));
        let (version, operator) = found.unwrap_or((rest, Operator::Equal));
        let version = version.trim();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._,+*:-".contains(&byte);
        ensure!(
            version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
                && version.bytes().all(good),
            "`{}` is not a version requirement\nhint: write `=`, `>=`, `<=`, `>` or `<` and a version, such as `>=1.24.0_2,1`",
            rest.trim()
        );
        Ok((name.trim(), Some(Self { operator, version: version.to_owned() })))
    }

    /// Whether `version` satisfies it.
    pub fn matches(&self, version: &str) -> bool {
        let order = compare(version, &self.version);
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::NotLess => order.is_ge(),
            Operator::NotGreater => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::Less => order.is_lt(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| *operator == self.operator);
        write!(out, "{}{}", sign.map_or("=", |(sign, _)| sign), self.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each is less than the next, according to the comments in `pkg_version.c` and the Porter's Handbook.
    const ASCENDING: [&[&str]; 8] = [
        &["1.0", "1.0_1", "1.0_2", "1.0_10", "1.1", "1.0,1", "0.9,2"],
        &["2.*", "2pl1", "2alpha3", "2.9f7", "3.*"],
        &["a", "0"],
        &["10.a", "10", "10a", "10b"],
        &["pl11", "alpha3", "0.1beta2", "0.1"],
        &["1.0.a1", "1.0.b1", "1.0.p1", "1.0.r1", "1.0"],
        &["1.9", "1.10", "1.11.1"],
        &["1.0.1:2003.09.16", "1.0:2003.09.16"],
    ];

    const EQUAL: [(&str, &str); 7] = [
        ("10", "10.0.0"),
        ("10..1", "10.1"),
        ("10alpha", "10.a"),
        ("0.1beta2", "0.1.b2"),
        ("1.d2", "1.Development2"),
        ("1.0:2003.09.16", "1.0.2003.09.16"),
        ("nginx-1.24.0_2,3", "1.24_2,3"),
    ];

    #[test]
    fn versions_sort_as_pkg_sorts_them() {
        for row in ASCENDING {
            for (index, low) in row.iter().enumerate() {
                for high in &row[index + 1..] {
                    assert_eq!(compare(low, high), Ordering::Less, "{low} < {high}");
                    assert_eq!(compare(high, low), Ordering::Greater, "{high} > {low}");
                }
            }
        }
        for (one, other) in EQUAL {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} = {other}");
        }
    }

    #[test]
    fn a_requirement_is_split_off_and_applied() {
        let (name, requirement) = Requirement::split("nginx >= 1.24.0_1").unwrap();
        let requirement = requirement.unwrap();
        assert_eq!((name, requirement.to_string().as_str()), ("nginx", ">=1.24.0_1"));
        let matched = ["1.24.0", "1.24.0_1", "1.25", "1.2,1"].map(|version| requirement.matches(version));
        assert_eq!(matched, [false, true, true, true]);
        assert_eq!(Requirement::split("www/nginx").unwrap(), ("www/nginx", None));
        for bad in ["nginx=", "nginx==1", "nginx>> 1", "nginx>=1 2"] {
            assert!(
                Requirement::split(bad).unwrap_err().to_string().contains("is not a version requirement"),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn comparing_is_antisymmetric_and_terminates(one in "[0-9a-z.+*_,]{0,12}", other in "[0-9a-z.+*_,]{0,12}") {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
            prop_assert_eq!(compare(&one, &one), Ordering::Equal);
        }
    }
}
