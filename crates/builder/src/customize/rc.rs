//! Variables of rc.conf(5), set as sysrc(8) sets them.

use anyhow::{Result, bail, ensure};
use rootfs::tree::{LayerId, Tree, TreePath};

use super::step::rewrite;

/// Where a variable's value comes from when the file does not state it.
const DEFAULTS: &str = "etc/defaults/rc.conf";

/// What sysrc(8) is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    name: String,
    change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Set(String),
    Add(String),
    Subtract(String),
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
            bail!("`{text}`; write `name=value`, `name+=value`, `name-=value` or `-x name`, as for sysrc(8)")
        };
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        ensure!(
            name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit()),
            "`{name}` is no name of a variable"
        );
        if let Change::Set(value) | Change::Add(value) | Change::Subtract(value) = &change {
            ensure!(
                !value.contains(['"', '\n', '\\', '`', '$']),
                "the value `{value}` of {name} holds what the shell would change; put the line with a hook or `append`"
            );
        }
        Ok(Self { name: name.to_owned(), change })
    }

    pub(super) fn apply(&self, tree: &mut Tree, layer: LayerId, file: &TreePath) -> Result<()> {
        let text = if tree.get(file).is_some() { tree.read_text(file)? } else { String::new() };
        let name = &self.name;
        let own = value(&text, name);
        let current = match &own {
            Some(value) => value.clone(),
            None => {
                let defaults = TreePath::parse(DEFAULTS)?;
                let known = tree.get(&defaults).is_some();
                known
                    .then(|| tree.read_text(&defaults))
                    .transpose()?
                    .and_then(|text| value(&text, name))
                    .unwrap_or_default()
            }
        };
        let words = || current.split_whitespace();
        let wanted = match &self.change {
            Change::Set(value) => value.clone(),
            Change::Add(value) if words().any(|word| word == value) => current.clone(),
            Change::Add(value) => format!("{current} {value}").trim_start().to_owned(),
            Change::Subtract(value) => {
                ensure!(
                    words().any(|word| word == value),
                    "taking `{value}` from {name} in {file}: it is `{current}`"
                );
                words().filter(|word| word != value).collect::<Vec<_>>().join(" ")
            }
            Change::Unset => {
                ensure!(own.is_some(), "removing {name} from {file}: it is not there; drop the step");
                let kept = text.lines().filter(|line| assigned(line, name).is_none());
                return rewrite(tree, layer, file, &kept.map(|line| format!("{line}\n")).collect::<String>());
            }
        };
        let line = format!("{name}=\"{wanted}\"\n");
        // The last assignment counts; it keeps its place.
        let is_it = |(index, line)| assigned(line, name).map(|_| index);
        let last = text.lines().enumerate().filter_map(is_it).last();
        let mut changed: String = text
            .lines()
            .enumerate()
            .map(|(index, old)| if Some(index) == last { line.clone() } else { format!("{old}\n") })
            .collect();
        if last.is_none() {
            changed.push_str(&line);
        }
        rewrite(tree, layer, file, &changed)
    }
}

/// The value that `line` gives to `name`, as it is written, without quotes and a remark behind it.
fn assigned<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let value = line.trim_start().strip_prefix(name)?.strip_prefix('=')?;
    Some(match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
        _ => value.split([' ', '\t', '#', ';']).next().unwrap_or_default(),
    })
}

fn value(text: &str, name: &str) -> Option<String> {
    text.lines().rev().find_map(|line| assigned(line, name)).map(str::to_owned)
}
