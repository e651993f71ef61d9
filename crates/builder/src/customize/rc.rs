//! Setting variables of rc.conf(5) as sysrc(8) does.

use anyhow::{Result, ensure};
use rootfs::tree::{LayerId, Tree, TreePath};

use super::step::rewrite;
use crate::product::{Assignment, Change};

/// The file with the value of a variable that the edited file does not set.
const DEFAULTS: &str = "etc/defaults/rc.conf";

impl Assignment {
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
                    "removing `{value}` from {name} in {file}: its value is `{current}`"
                );
                words().filter(|word| word != value).collect::<Vec<_>>().join(" ")
            }
            Change::Unset => {
                ensure!(
                    own.is_some(),
                    "removing {name} from {file}: the file does not set it\nhint: drop the step"
                );
                let kept = text.lines().filter(|line| assigned(line, name).is_none());
                return rewrite(tree, layer, file, &kept.map(|line| format!("{line}\n")).collect::<String>());
            }
        };
        let line = format!("{name}=\"{wanted}\"\n");
        // The last assignment takes effect, so it is the one to change.
        let is_assignment = |(index, line)| assigned(line, name).map(|_| index);
        let last = text.lines().enumerate().filter_map(is_assignment).last();
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

/// The value that `line` assigns to `name`, without quotes and trailing comment.
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
