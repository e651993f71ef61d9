//! What lies beside a configuration and belongs to it: `Files`, packages, the kernel's configuration, folders for /cfg and
//! /data.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::configuration::{Configuration, Variable};

/// What NanoBSD's `cust_install_files` passes over.
const VERSION_CONTROL: [&str; 4] = ["CVS", ".svn", ".hg", ".git"];

/// Keeps an empty folder in git; the overlay passes it over.
const PLACEHOLDER: &str = ".gitkeep";

/// One file to copy.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where it is; nothing for an empty file that keeps a folder.
    pub from: Option<PathBuf>,
    /// Its path in the new folder.
    pub to: PathBuf,
    /// Its permission bits, where an overlay would give it others.
    pub mode: Option<u32>,
}

/// What a configuration can name: paths are from the folder that it lies in.
#[derive(Debug)]
pub struct Beside<'a> {
    folder: &'a Path,
    configuration: &'a Configuration,
}

impl<'a> Beside<'a> {
    /// Of the configuration in `folder`.
    pub fn new(folder: &'a Path, configuration: &'a Configuration) -> Self {
        Self { folder, configuration }
    }

    /// `text` as a path.
    pub fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let variable: &Variable = self.configuration.variables.get(name)?;
        variable.value.as_deref().ok()
    }

    /// `Files` in `NANO_TOOLS`, or beside the configuration.
    pub fn files(&self) -> Option<PathBuf> {
        let tools = self.value("NANO_TOOLS").map(|tools| self.path(tools).join("Files"));
        tools.into_iter().chain([self.path("Files")]).find(|folder| folder.is_dir())
    }

    /// The packages in `NANO_PACKAGE_DIR`, or in `Pkg` beside the configuration: the names of their files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn packages(&self) -> Result<Vec<String>> {
        let named = self.value("NANO_PACKAGE_DIR").map(|folder| self.path(folder));
        let Some(folder) = named.into_iter().chain([self.path("Pkg")]).find(|folder| folder.is_dir()) else {
            return Ok(Vec::new());
        };
        let attempt = || format!("reading the packages in {}", folder.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).with_context(attempt)? {
            names.push(entry.with_context(attempt)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// The files and empty folders below `from`, links followed, as copies below `to`.
///
/// # Errors
/// Something cannot be read.
pub fn below(from: &Path, to: &Path) -> Result<Vec<Copy>> {
    let attempt = || format!("reading {}", from.display());
    let is_ours = |entry: &walkdir::DirEntry| {
        !VERSION_CONTROL.iter().any(|name| entry.depth() > 0 && entry.file_name() == *name)
    };
    let mut copies = Vec::new();
    for entry in WalkDir::new(from).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_ours) {
        let entry = entry.with_context(attempt)?;
        let to = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_file() {
            let mode = entry.metadata().with_context(attempt)?.permissions().mode();
            copies.push(Copy { from: Some(entry.into_path()), to, mode: unusual(mode) });
        } else if entry.file_type().is_dir()
            && fs::read_dir(entry.path()).with_context(attempt)?.next().is_none()
        {
            copies.push(Copy { from: None, to: to.join(PLACEHOLDER), mode: None });
        }
    }
    Ok(copies)
}

/// The permission bits in `mode`, unless an overlay gives them anyway. Whether the group may write is the host's habit.
fn unusual(mode: u32) -> Option<u32> {
    let usual = if mode & 0o100 != 0 { 0o755 } else { 0o644 };
    Some(mode & 0o7777).filter(|mode| mode & !0o020 != usual)
}

/// The package's name in the name of its file, or in a pattern for such: `sudo` of `All/sudo-1.9.13p3.pkg`.
pub fn package_name(file: &str) -> Option<&str> {
    const SUFFIXES: [&str; 6] = [".pkg", ".txz", ".tzst", ".tbz", ".tgz", ".tar"];
    let name = file.rsplit('/').next()?;
    let stem = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let cut = stem.rmatch_indices('-').find(|(at, _)| {
        let behind = &stem[at + 1..];
        behind.starts_with(|c: char| c.is_ascii_digit() || "*?[".contains(c))
    });
    let name = cut.map_or(stem, |(at, _)| &stem[..at]);
    let good = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    (name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_name_is_found_in_its_files_name() {
        for (file, name) in [
            ("sudo-1.9.13p3.pkg", Some("sudo")),
            ("All/py39-setuptools-63.1.0_1.txz", Some("py39-setuptools")),
            ("nginx-*", Some("nginx")),
            ("gtk-2-engines-1.0,1.pkg", Some("gtk-2-engines")),
            ("bash", Some("bash")),
            ("*", None),
            ("-x", None),
            ("", None),
        ] {
            assert_eq!(package_name(file), name, "{file}");
        }
    }
}
