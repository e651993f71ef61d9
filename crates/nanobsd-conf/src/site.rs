//! The directory of a configuration, with what NanoBSD looks for in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::configuration::{Configuration, Variable};
use super::request::Request;

/// A configuration in its directory.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The conversion that is asked for.
    pub request: &'a Request<'a>,
    /// The configuration.
    pub configuration: &'a Configuration,
}

impl Site<'_> {
    /// `text` as a path.
    pub fn path(&self, text: &str) -> PathBuf {
        self.request.file.parent().unwrap_or(Path::new(".")).join(text)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let variable: &Variable = self.configuration.variables.get(name)?;
        variable.value.as_deref().ok()
    }

    /// `Files` in `NANO_TOOLS`, or beside the configuration.
    pub fn files(&self) -> Option<PathBuf> {
        let tools = self.value("NANO_TOOLS").map(|tools| self.path(tools).join("Files"));
        tools.into_iter().chain([self.path("Files")]).find(|path| path.is_dir())
    }

    /// The packages in `NANO_PACKAGE_DIR`, or in `Pkg` beside the configuration: the names of their files.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn packages(&self) -> Result<Vec<String>> {
        let named = self.value("NANO_PACKAGE_DIR").map(|path| self.path(path));
        let Some(directory) = named.into_iter().chain([self.path("Pkg")]).find(|path| path.is_dir()) else {
            return Ok(Vec::new());
        };
        let attempt = || format!("reading the packages in {}", directory.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory).with_context(attempt)? {
            names.push(entry.with_context(attempt)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}
