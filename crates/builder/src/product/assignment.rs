//! Assignments to variables of rc.conf(5), as sysrc(8) accepts them.

use anyhow::{Result, bail, ensure};

/// A change to one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// The change.
    pub change: Change,
}

/// What happens to a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `name=value`
    Set(String),
    /// `name+=value`: the value has one more word.
    Add(String),
    /// `name-=value`: the value has one word less.
    Subtract(String),
    /// `-x name`: the variable is removed.
    Unset,
}

impl Assignment {
    /// Parses `name=value`, `name+=value`, `name-=value` or `-x name`.
    ///
    /// # Errors
    /// Something else, or a value that would not be one in a file of variables.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, change) = if let Some(name) = text.strip_prefix("-x ") {
            (name.trim(), Change::Unset)
        } else if let Some((name, value)) = text.split_once('=') {
            let value = value.to_owned();
            match (name.strip_suffix('+'), name.strip_suffix('-')) {
                (Some(name), _) => (name, Change::Add(value)),
                (_, Some(name)) => (name, Change::Subtract(value)),
                _ => (name, Change::Set(value)),
            }
        } else {
            bail!(
                "`{text}` is not an assignment\nhint: write `name=value`, `name+=value`, `name-=value` or `-x name`, as for sysrc(8)"
            )
        };
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        ensure!(
            name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()),
            "`{name}` is not the name of a variable"
        );
        if let Change::Set(value) | Change::Add(value) | Change::Subtract(value) = &change {
            ensure!(
                !value.contains(['"', '\n', '\\', '`', '$']),
                "the value `{value}` of {name} contains what the shell would change\nhint: add the line with a hook or `append`"
            );
        }
        Ok(Self { name: name.to_owned(), change })
    }
}
