//! Copies of files and directories beside a configuration.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use rootfs::version_control;
use walkdir::WalkDir;

/// Keeps an empty directory in git; overlays leave it out.
const PLACEHOLDER: &str = ".gitkeep";

/// The largest file that is examined for carriage returns, in bytes.
const LARGEST_TEXT: u64 = 1 << 20;

/// What to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A copy of this file.
    File(PathBuf),
    /// This text: a script without its carriage returns.
    Script(Vec<u8>),
    /// An empty file that keeps a directory in git.
    Placeholder,
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Link(PathBuf),
    /// Nothing, for this reason.
    LeftOut(&'static str),
}

/// A file, directory or link to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// What to create.
    pub content: Content,
    /// The path in the output directory.
    pub to: PathBuf,
    /// The permission bits, if an overlay would give it others.
    pub mode: Option<u32>,
    /// A script is executable.
    pub is_executable: bool,
    /// The lines of a text that is not a script end with a carriage return.
    pub has_carriage_returns: bool,
}

impl Copy {
    /// `content` with the usual mode.
    pub fn new(content: Content, to: PathBuf) -> Self {
        Self { content, to, mode: None, is_executable: false, has_carriage_returns: false }
    }

    /// Whether the copy is created.
    pub fn is_created(&self) -> bool {
        !matches!(self.content, Content::LeftOut(_))
    }

    /// The copy of a script: without carriage returns.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn into_script(self) -> Result<Self> {
        match &self.content {
            Content::File(from) if self.has_carriage_returns => {
                let text = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
                let content = Content::Script(without_carriage_returns(&text));
                Ok(Self { content, has_carriage_returns: false, ..self })
            }
            _ => Ok(self),
        }
    }

    /// Whether a link leads out of the directory whose copy is `top`. An absolute target is a path of the unit.
    pub fn leaves(&self, top: &Path) -> bool {
        let Content::Link(target) = &self.content else { return false };
        let Ok(below) = self.to.strip_prefix(top) else { return false };
        let mut depth = below.components().count().saturating_sub(1);
        for component in target.components() {
            match component {
                Component::RootDir | Component::Prefix(_) => return false,
                Component::CurDir => {}
                Component::ParentDir if depth == 0 => return true,
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
            }
        }
        false
    }
}

/// The files, directories and links below `from`, and `from` itself if it is not a directory, as copies below `to`.
///
/// # Errors
/// Something cannot be read.
pub fn below(from: &Path, to: &Path) -> Result<Vec<Copy>> {
    let mut copies = Vec::new();
    let mut entries = WalkDir::new(from).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| without_repetition(error, from))?;
        let relative = entry.path().strip_prefix(from)?;
        let to = if relative.as_os_str().is_empty() { to.to_owned() } else { to.join(relative) };
        let attempt = || format!("reading {}", entry.path().display());
        let mode = || Ok::<_, anyhow::Error>(entry.metadata().with_context(attempt)?.permissions().mode());
        let file_type = entry.file_type();
        if entry.depth() > 0 && version_control::is_metadata(entry.file_name()) {
            if file_type.is_dir() {
                entries.skip_current_dir();
            }
            copies.push(Copy::new(Content::LeftOut("files of version control"), to));
        } else if file_type.is_symlink() && entry.depth() > 0 {
            let target = fs::read_link(entry.path()).with_context(attempt)?;
            copies.push(Copy::new(Content::Link(target), to));
        } else if entry.path().is_dir() {
            if entry.depth() > 0 {
                let mode = unusual(mode()?, 0o755);
                copies.push(Copy { mode, ..Copy::new(Content::Directory, to.clone()) });
            }
            if fs::read_dir(entry.path()).with_context(attempt)?.next().is_none() {
                copies.push(Copy::new(Content::Placeholder, to.join(PLACEHOLDER)));
            }
        } else if entry.path().is_file() {
            copies.push(file(entry.path(), to).with_context(attempt)?);
        } else {
            copies.push(Copy::new(Content::LeftOut("pipes, sockets and devices"), to));
        }
    }
    Ok(copies)
}

/// The copy of the file `from`.
fn file(from: &Path, to: PathBuf) -> io::Result<Copy> {
    let metadata = fs::metadata(from)?;
    let mode = metadata.permissions().mode();
    let is_executable = mode & 0o100 != 0;
    let mode = unusual(mode, if is_executable { 0o755 } else { 0o644 });
    let copy = Copy { mode, is_executable, ..Copy::new(Content::File(from.to_owned()), to) };
    if metadata.len() > LARGEST_TEXT {
        return Ok(copy);
    }
    let bytes = fs::read(from)?;
    let has_carriage_returns = !bytes.contains(&0) && bytes.windows(2).any(|pair| pair == b"\r\n");
    let is_script =
        bytes.starts_with(b"#!") || is_executable || from.extension().is_some_and(|name| name == "sh");
    Ok(match has_carriage_returns && is_script {
        true => Copy { content: Content::Script(without_carriage_returns(&bytes)), ..copy },
        false => Copy { has_carriage_returns, ..copy },
    })
}

/// `text` with line feeds for its line ends.
pub fn without_carriage_returns(text: &[u8]) -> Vec<u8> {
    let is_line_end = |at: usize| text[at] == b'\r' && matches!(text.get(at + 1), Some(b'\n') | None);
    (0..text.len()).filter(|at| !is_line_end(*at)).map(|at| text[at]).collect()
}

/// An error of [`WalkDir`], whose text contains that of its cause.
fn without_repetition(error: walkdir::Error, from: &Path) -> anyhow::Error {
    let path = error.path().unwrap_or(from).to_owned();
    let message = error.to_string();
    match error.into_io_error() {
        Some(cause) => anyhow::Error::new(cause).context(format!("reading {}", path.display())),
        None => anyhow::anyhow!("reading {}: {message}", path.display()),
    }
}

/// The permission bits in `mode`, unless they are the usual ones. Write permission for the group depends on the host's umask
/// and does not count.
fn unusual(mode: u32, usual: u32) -> Option<u32> {
    Some(mode & 0o7777).filter(|mode| mode & !0o020 != usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_reported_once() {
        let error = format!("{:#}", below(Path::new("/nowhere/at all"), Path::new("x")).unwrap_err());
        assert_eq!(error, "reading /nowhere/at all: No such file or directory (os error 2)");
    }

    #[test]
    fn only_line_ends_lose_their_carriage_returns() {
        assert_eq!(without_carriage_returns(b"a\r\nb\rc\r\r\n\nd\r"), b"a\nb\rc\r\n\nd");
    }

    #[test]
    fn a_link_that_leads_out_is_found() {
        for (to, target, leaves) in [
            ("Files/a", "b", false),
            ("Files/a", "../b", true),
            ("Files/etc/a", "../b", false),
            ("Files/etc/a", "../../b", true),
            ("Files/etc/a", "x/../../../b", true),
            ("Files/a", "/b", false),
            ("cfg/a", "../b", false),
        ] {
            let content = Content::Link(target.into());
            let copy = Copy::new(content, to.into());
            assert_eq!(copy.leaves(Path::new("Files")), leaves, "{to} -> {target}");
        }
    }
}
