//! The directory of a configuration, with what NanoBSD looks for in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::configuration::Configuration;
use super::request::Request;
use super::value::Value;

/// NanoBSD's own directory in FreeBSD's source tree.
const TOOLS: &str = "tools/tools/nanobsd/";

/// A configuration in its directory.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The conversion that is asked for.
    pub request: &'a Request<'a>,
    /// The configuration.
    pub configuration: &'a Configuration,
}

impl<'a> Site<'a> {
    /// The directory of the configuration.
    pub fn directory(&self) -> &'a Path {
        let parent = self.request.file.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
    }

    /// `text` as a path.
    pub fn path(&self, text: &str) -> PathBuf {
        self.directory().join(text)
    }

    /// The path that is the value of a variable: of these that it can stand for, the first that exists, or else the first.
    pub fn find(&self, value: &Value) -> Option<PathBuf> {
        let plain = value.plain().ok();
        let in_tools = plain.as_deref().and_then(|plain| plain.split_once(TOOLS));
        let below_site = value.below_site().map(|path| path.prefix().0);
        let behind = below_site.or_else(|| Some(in_tools?.1.to_owned()));
        let behind = behind.map(|path| self.path(path.trim_start_matches('/')));
        let candidates = plain.as_deref().map(|plain| self.path(plain)).into_iter().chain(behind);
        let first = candidates.clone().next();
        candidates.clone().find(|path| path.exists()).or(first)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.configuration.variables.get(name)?.value.as_ref().ok()
    }

    /// `Files` in `NANO_TOOLS`, or beside the configuration.
    pub fn files(&self) -> Option<PathBuf> {
        let tools = self.value("NANO_TOOLS").and_then(|tools| Some(self.find(tools)?.join("Files")));
        tools.into_iter().chain([self.path("Files")]).find(|path| path.is_dir())
    }

    /// The packages in `NANO_PACKAGE_DIR`, or in `Pkg` beside the configuration: the names of their files.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn packages(&self) -> Result<Vec<String>> {
        let named = self.value("NANO_PACKAGE_DIR").and_then(|path| self.find(path));
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
