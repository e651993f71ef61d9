//! Copies of directories beside a configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// Names that NanoBSD's `cust_install_files` leaves out.
const VERSION_CONTROL: [&str; 4] = ["CVS", ".svn", ".hg", ".git"];

/// Keeps an empty directory in git; overlays leave it out.
const PLACEHOLDER: &str = ".gitkeep";

/// A file to copy.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy {
    /// The original; an empty file if there is none.
    pub from: Option<PathBuf>,
    /// The path in the output directory.
    pub to: PathBuf,
    /// The permission bits, if an overlay would give it others.
    pub mode: Option<u32>,
}

/// The files and empty directories below `from`, with links followed, as copies below `to`.
///
/// # Errors
/// Something cannot be read.
pub fn below(from: &Path, to: &Path) -> Result<Vec<Copy>> {
    let attempt = || format!("reading {}", from.display());
    let is_wanted = |entry: &walkdir::DirEntry| {
        !VERSION_CONTROL.iter().any(|name| entry.depth() > 0 && entry.file_name() == *name)
    };
    let mut copies = Vec::new();
    for entry in WalkDir::new(from).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_wanted)
    {
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

/// The permission bits in `mode`, unless an overlay gives them anyway. Write permission for the group depends on the
/// host's umask and does not count.
fn unusual(mode: u32) -> Option<u32> {
    let usual = if mode & 0o100 != 0 { 0o755 } else { 0o644 };
    Some(mode & 0o7777).filter(|mode| mode & !0o020 != usual)
}
