//! make(1) variables: those of the world, and how any is written.

use anyhow::{Result, ensure};

use super::raw::RawWorld;

/// make(1) variables for the world.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// `CPUTYPE`.
    pub cputype: Option<String>,
    /// For building and installing.
    pub both: Vec<String>,
    /// For building only.
    pub build: Vec<String>,
    /// For installing only.
    pub install: Vec<String>,
}

impl WorldOptions {
    pub(super) fn check(raw: RawWorld) -> Result<Self> {
        Ok(Self {
            cputype: raw.cputype,
            both: make_variables("world.options", raw.options)?,
            build: make_variables("world.build", raw.build)?,
            install: make_variables("world.install", raw.install)?,
        })
    }
}

/// `NAME` (for yes) or `NAME=value`, as in src.conf(5).
pub(super) fn make_variables(key: &str, lines: Option<Vec<String>>) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for line in lines.unwrap_or_default() {
        let (name, value) = line.split_once('=').unwrap_or((&line, "yes"));
        let name = name.trim_end_matches(['?', '+']).trim();
        ensure!(
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !value.contains('\n'),
            "{key}: `{line}` is not a make variable\nhint: write `NAME` or `NAME=value`"
        );
        variables.push(if line.contains('=') { line } else { format!("{name}=yes") });
    }
    Ok(variables)
}
