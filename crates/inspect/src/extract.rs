//! Files copied out of a file system, into a folder that is ours alone: nothing is written outside of it, whatever the
//! names and links in the image are.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ufs::read::{FileType, Stat};

use super::Files;

/// Bytes that are copied at a time.
const PIECE: usize = 1 << 20;

/// Writes the file at `path` to `out`.
///
/// # Errors
/// It is no file, or cannot be read.
pub fn cat(files: &Files, path: &str, out: &mut impl Write) -> Result<()> {
    let stat = files.lookup(path.as_bytes())?;
    match stat.file_type {
        FileType::File => copy(files, &stat, out),
        FileType::Directory => bail!("it is a directory; list it with `ls`"),
        FileType::Symlink => {
            let target = files.read_link(stat.ino)?;
            bail!("it is a symbolic link to {}; ask for that", String::from_utf8_lossy(&target))
        }
        _ => bail!("it is no file"),
    }
}

fn copy(files: &Files, stat: &Stat, out: &mut impl Write) -> Result<()> {
    pieces(files, stat, |piece| Ok(out.write_all(piece)?))
}

/// Gives the content of a file to `take`, piece by piece.
///
/// # Errors
/// It cannot be read, or `take` refuses.
pub fn pieces(files: &Files, stat: &Stat, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; PIECE.min(usize::try_from(stat.size)?.max(1))];
    let mut at = 0;
    while at < stat.size {
        let read = files.read_at(stat.ino, at, &mut buffer)?;
        ensure!(read > 0, "it ends at byte {at} of {}", stat.size);
        take(&buffer[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// Copies `path`, with all below it if it is a directory, into the folder `dir`, which is made or is empty. Returns what
/// was left out.
///
/// # Errors
/// There is no such path, the folder holds something, or the host cannot hold a file.
pub fn into(files: &Files, path: &str, dir: &Path) -> Result<Vec<String>> {
    let stat = files.lookup(path.as_bytes())?;
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let is_empty = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?.next().is_none();
    ensure!(is_empty, "{} is not empty: extract into a new folder", dir.display());
    let mut copier = Copier { files, links: HashMap::new(), entered: HashSet::new(), owned: 0, special: 0 };
    if stat.file_type == FileType::Directory {
        copier.children(&stat, dir)?;
    } else {
        let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        copier.one(&stat, &dir.join(checked(name.as_bytes())?))?;
    }
    let mut notes = Vec::new();
    if copier.owned > 0 {
        notes.push(format!(
            "{} paths have an owner, flags or set-id bits in the image that they do not have here (`ls -l` shows them)",
            copier.owned
        ));
    }
    if copier.special > 0 {
        notes.push(format!("{} devices, pipes or sockets were left out", copier.special));
    }
    Ok(notes)
}

struct Copier<'f> {
    files: &'f Files,
    /// Where a file with several names is already.
    links: HashMap<u32, PathBuf>,
    entered: HashSet<u32>,
    owned: usize,
    special: usize,
}

impl Copier<'_> {
    fn children(&mut self, stat: &Stat, dir: &Path) -> Result<()> {
        ensure!(self.entered.insert(stat.ino), "the directory {} has two names", dir.display());
        for entry in self.files.list(stat.ino)? {
            if entry.name == b"." || entry.name == b".." {
                continue;
            }
            let place = dir.join(checked(&entry.name)?);
            self.one(&self.files.stat(entry.ino)?, &place)?;
        }
        Ok(())
    }

    fn one(&mut self, stat: &Stat, place: &Path) -> Result<()> {
        let attempt = || format!("writing {}", place.display());
        if stat.uid != 0 || stat.gid != 0 || stat.flags != 0 || stat.mode & 0o7000 != 0 {
            self.owned += 1;
        }
        let mode = Permissions::from_mode(u32::from(stat.mode & 0o777));
        match stat.file_type {
            FileType::Directory => {
                fs::create_dir(place).with_context(attempt)?;
                self.children(stat, place)?;
                fs::set_permissions(place, mode).with_context(attempt)
            }
            FileType::File => {
                if let Some(first) = self.links.get(&stat.ino) {
                    return fs::hard_link(first, place).with_context(attempt);
                }
                let mut file = File::create_new(place).with_context(attempt)?;
                copy(self.files, stat, &mut file).with_context(attempt)?;
                file.set_permissions(mode).with_context(attempt)?;
                if stat.nlink > 1 {
                    self.links.insert(stat.ino, place.to_owned());
                }
                Ok(())
            }
            FileType::Symlink => {
                let target = self.files.read_link(stat.ino)?;
                symlink(OsStr::from_bytes(&target), place).with_context(attempt)
            }
            _ => {
                self.special += 1;
                Ok(())
            }
        }
    }
}

/// A name that stays in its directory.
fn checked(name: &[u8]) -> Result<&OsStr> {
    let bad = name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0);
    ensure!(!bad, "the name `{}` in the image would lead out of its folder", String::from_utf8_lossy(name));
    Ok(OsStr::from_bytes(name))
}
