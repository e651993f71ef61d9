//! `product.toml`: the keys that a configuration sets, in the order of `appliance.toml`, each with its origin.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, Value};

use super::meaning::{self, Meaning};
use super::report::Report;
use super::request::Request;

/// The sections in their order.
const SECTIONS: [&str; 10] =
    ["product", "console", "media", "slices", "filesystem", "ram", "boot", "kernel", "world", "customize"];

/// The keys so far.
#[derive(Debug, Default)]
pub struct Draft {
    keys: Vec<(String, Value, String)>,
    /// The modes of paths of the image, such as `/cfg/ssh/key`.
    modes: BTreeMap<String, String>,
}

impl Draft {
    /// Sets `key`, such as `media.drive`; `origin` becomes a comment behind it.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, origin: impl Into<String>) {
        self.keys.retain(|(known, ..)| known != key);
        self.keys.push((key.to_owned(), value.into(), origin.into()));
    }

    /// The value of `key` so far.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.iter().find(|(known, ..)| known == key).map(|(_, value, _)| value)
    }

    /// Adds a rule that gives `path` the octal `mode`.
    pub fn set_mode(&mut self, path: String, mode: String) {
        self.modes.insert(path, mode);
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The text of the file; `head` is its first comment.
    pub fn text(&self, head: &str) -> String {
        let mut document = DocumentMut::new();
        for section in SECTIONS {
            let mut table = Table::new();
            for (key, value, origin) in &self.keys {
                let Some(name) = key.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) else {
                    continue;
                };
                let mut value = value.clone();
                if !origin.is_empty() {
                    value.decor_mut().set_suffix(format!(" # {origin}"));
                }
                table.insert(name, Item::Value(value));
            }
            if !table.is_empty() {
                table.decor_mut().set_prefix("\n");
                document.insert(section, Item::Table(table));
            }
        }
        if !self.modes.is_empty() {
            document.insert("overlay", Item::Table(self.rules()));
        }
        let head: String = head.lines().map(|line| format!("# {line}\n")).collect();
        head + &document.to_string()
    }

    /// `[overlay]` with a rule for each mode.
    fn rules(&self) -> Table {
        let mut rules = Table::new();
        rules.set_implicit(true);
        for (path, mode) in &self.modes {
            let mut rule = Table::new();
            rule.decor_mut().set_prefix("\n");
            rule.insert("mode", Item::Value(mode.into()));
            rules.insert(path, Item::Table(rule));
        }
        let mut overlay = Table::new();
        overlay.set_implicit(true);
        overlay.insert("rules", Item::Table(rules));
        overlay
    }

    /// Reports where the product definition differs from NanoBSD's own values of variables that the configuration does not
    /// set; `set` are those that it sets.
    ///
    /// # Errors
    /// The definition cannot be read.
    pub fn report_differences(
        &self,
        request: &Request<'_>,
        set: &BTreeSet<String>,
        report: &mut Report,
    ) -> Result<()> {
        let path = request.root.join(request.product.definition());
        let attempt = || format!("reading the product definition {}", path.display());
        let text = std::fs::read_to_string(&path).with_context(attempt)?;
        let document: DocumentMut = text.parse().with_context(attempt)?;
        for (name, value) in meaning::of_product().filter(|(name, _)| !set.contains(*name)) {
            let Ok(Meaning::Keys(keys, _)) = meaning::meaning(name, value) else { continue };
            // `media.device` implies the other keys of the card.
            if name != "NANO_DRIVE"
                && keys.iter().any(|(key, _)| key.starts_with("media."))
                && self.has("media.device")
            {
                continue;
            }
            let differ: Vec<String> = keys
                .iter()
                .filter(|(key, _)| !self.has(key))
                .filter_map(|(key, value)| {
                    let (section, name) = key.split_once('.')?;
                    let here = document.get(section)?.get(name)?.as_value()?;
                    let (here, there) = (plain(here), plain(value));
                    let short = if here.len() > 30 { "[...]" } else { &here };
                    (here != there).then(|| format!("{key} = {short}"))
                })
                .collect();
            if !differ.is_empty() {
                let value = if value.trim().is_empty() { "nothing".to_owned() } else { format!("`{value}`") };
                let keys = differ.join(", ");
                let definition = request.product.definition();
                report.general(format!(
                    "{name} is not set: {keys} of {definition} is used; NanoBSD's own value is {value}"
                ));
            }
        }
        Ok(())
    }
}

/// The value without comments and line breaks.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(array) => format!("[{}]", array.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => {
            let mut other = other.clone();
            other.decor_mut().clear();
            other.to_string()
        }
    }
}
