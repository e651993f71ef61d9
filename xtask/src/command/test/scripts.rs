//! The shell scripts of the repository.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::{DirEntry, WalkDir};

/// Directories of scripts that have no `#!` line, because other scripts source them. A path may also be that of a file.
const SOURCED: [&str; 6] = [
    "crates/builder/src/customize/shims/common",
    "overlay/etc/defaults",
    "overlay/etc/periodic.conf",
    "overlay/etc/rc.conf",
    "overlay/etc/rc.conf.d",
    "overlay/usr/share/sluice/cfg.subr",
];

/// Paths of scripts, relative to the repository.
#[derive(Debug, Default)]
pub struct Scripts {
    /// Scripts of sh that are run by themselves.
    pub programs: Vec<PathBuf>,
    /// Scripts of sh whose variables other scripts read: settings, functions, services of rc(8).
    pub sourced: Vec<PathBuf>,
    /// Scripts of bash.
    pub bash: Vec<PathBuf>,
}

/// Finds the scripts below `root`.
///
/// # Errors
/// A directory or file cannot be read.
pub fn find(root: &Path) -> Result<Scripts> {
    let mut scripts = Scripts::default();
    let entries = WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !is_foreign(entry)) {
        let entry = entry.with_context(|| format!("reading {}", root.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let shell = shell(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
        let path = entry.path().strip_prefix(root)?.to_owned();
        let is_service =
            path.parent().is_some_and(|dir| dir.ends_with("etc/rc.d") || dir.ends_with("startup"));
        match shell {
            Some(Shell::Bash) => scripts.bash.push(path),
            Some(Shell::Sh) if is_service => scripts.sourced.push(path),
            Some(Shell::Sh) => scripts.programs.push(path),
            None if SOURCED.iter().any(|known| path.starts_with(known)) => scripts.sourced.push(path),
            None => {}
        }
    }
    Ok(scripts)
}

/// Whether a directory holds nothing of the repository's own: cargo's output, git's and editors' files.
fn is_foreign(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    entry.file_type().is_dir()
        && (name == "target" || (name.as_encoded_bytes().starts_with(b".") && name != ".ci"))
}

enum Shell {
    Sh,
    Bash,
}

/// The shell that the `#!` line of a file names.
fn shell(path: &Path) -> io::Result<Option<Shell>> {
    let mut head = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut head)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else { return Ok(None) };
    let line = String::from_utf8_lossy(line);
    let mut words = line.split([' ', '/']).filter(|word| !word.is_empty());
    Ok(words.find_map(|word| match word {
        "sh" => Some(Shell::Sh),
        "bash" => Some(Shell::Bash),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn scripts_are_found_by_their_first_line_or_their_path() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            (".ci/run", "#!/usr/bin/env bash\n"),
            (".git/hooks/pre-commit", "#!/bin/sh\n"),
            ("build", "#!/bin/sh\n"),
            ("notes", "sh\n"),
            ("overlay/etc/rc.conf", "x=\"YES\"\n"),
            ("overlay/etc/rc.d/x", "#!/bin/sh\n"),
            ("report", "#!/usr/bin/python3\n"),
            ("target/made", "#!/bin/sh\n"),
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = find(root.path()).unwrap();
        let names = |paths: &[PathBuf]| {
            let names: Vec<_> = paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
            names.join(" ")
        };
        assert_eq!(names(&found.programs), "build");
        assert_eq!(names(&found.sourced), "overlay/etc/rc.conf overlay/etc/rc.d/x");
        assert_eq!(names(&found.bash), ".ci/run");
    }

    #[test]
    fn every_known_path_is_in_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found = find(root).unwrap();
        for known in SOURCED {
            assert!(found.sourced.iter().any(|path| path.starts_with(known)), "{known} has no scripts");
        }
        assert!(found.programs.iter().any(|path| path.ends_with("mount_cfg")), "{found:?}");
        assert!(found.bash.iter().any(|path| path.ends_with(".ci/run")), "{found:?}");
    }
}
