//! Copies of the files beside a configuration that hooks use. They are below the directory of the hooks, so that they are
//! inputs of the build as the hooks are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::copy::{Content, Copy, below};
use super::quote::shell_word;
use super::reads::RelativePath;

/// The directory of the copies, in the output directory.
pub const DIRECTORY: &str = "hooks/site";

/// The files beside a configuration that hooks use.
#[derive(Debug, Default)]
pub struct SiteCopies {
    /// The directory of the configuration.
    directory: PathBuf,
    /// The last components of that directory: as many as hooks go up from it.
    names: Vec<String>,
    /// What is copied, without what lies below another.
    paths: Vec<RelativePath>,
    /// Those files that a shell reads.
    scripts: BTreeSet<RelativePath>,
}

impl SiteCopies {
    /// Copies of `paths`, which are from `directory`; a shell reads `scripts`.
    pub fn new<'p>(
        directory: &Path,
        paths: impl Iterator<Item = &'p RelativePath> + Clone,
        scripts: BTreeSet<RelativePath>,
    ) -> Self {
        let all = paths.clone();
        let is_outermost =
            |path: &&RelativePath| !all.clone().any(|other| other != *path && other.contains(path));
        let mut outermost: Vec<RelativePath> = paths.clone().filter(is_outermost).cloned().collect();
        outermost.sort();
        outermost.dedup();
        let up = outermost.iter().map(|path| path.up).max().unwrap_or_default();
        let absolute = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let components = absolute.iter().skip(1).map(|name| name.to_string_lossy().into_owned());
        let names: Vec<String> = components.collect();
        let names = names[names.len().saturating_sub(up)..].to_vec();
        Self { directory: directory.to_owned(), names, paths: outermost, scripts }
    }

    /// The directory that stands for the directory of the configuration, as a word of the shell.
    pub fn root(&self) -> String {
        let path: PathBuf = std::iter::once(DIRECTORY).chain(self.names.iter().map(String::as_str)).collect();
        shell_word(&path.display().to_string())
    }

    /// The path of the copy of `path` in the output directory.
    pub fn to(&self, path: &RelativePath) -> Option<PathBuf> {
        let above = self.names.len().checked_sub(path.up)?;
        let names = self.names[..above].iter().chain(&path.names).map(String::as_str);
        Some(std::iter::once(DIRECTORY).chain(names).collect())
    }

    /// The copies.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn copies(&self) -> Result<Vec<Copy>> {
        let mut copies = Vec::new();
        let scripts: BTreeSet<PathBuf> = self.scripts.iter().filter_map(|path| self.to(path)).collect();
        for path in &self.paths {
            let Some(to) = self.to(path) else { continue };
            let found = below(&self.directory.join(path.text()), &to)?;
            // A hook that copies a directory would copy a placeholder, too.
            for copy in found.into_iter().filter(|copy| copy.content != Content::Placeholder) {
                copies.push(if scripts.contains(&copy.to) { copy.into_script()? } else { copy });
            }
        }
        Ok(copies)
    }
}
