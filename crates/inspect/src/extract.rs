//! Copies files out of a file system into an empty directory. Nothing is written outside of it, whatever names and links
//! the image has. Blocks of zeros become holes, so that a sparse file stays sparse.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ufs::read::{FileType, Stat};

use crate::disk::Files;

/// Bytes that are copied at a time.
const PIECE: usize = 1 << 20;

/// Bytes that are a hole if all of them are zero.
const BLOCK: usize = 4096;

/// Writes the file at `path` to `out`.
///
/// # Errors
/// It is not a file, or cannot be read.
pub fn cat(files: &Files, path: &str, out: &mut impl Write) -> Result<()> {
    let stat = files.lookup(path.as_bytes())?;
    match stat.file_type {
        FileType::File => pieces(files, &stat, |piece| Ok(out.write_all(piece)?)),
        FileType::Directory => bail!("it is a directory\nhint: list it with `ls`"),
        FileType::Symlink => {
            let target = files.read_link(stat.ino)?;
            bail!("it is a symbolic link to {}\nhint: pass that path", String::from_utf8_lossy(&target))
        }
        _ => bail!("it is not a file"),
    }
}

/// Passes the content of a file to `take`, piece by piece.
///
/// # Errors
/// It cannot be read, or `take` fails.
pub fn pieces(files: &Files, stat: &Stat, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; PIECE.min(usize::try_from(stat.size)?.max(1))];
    let mut at = 0;
    while at < stat.size {
        let read = files.read_at(stat.ino, at, &mut buffer)?;
        ensure!(read > 0, "the file ends at byte {at} of {}", stat.size);
        take(&buffer[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// Copies `path`, and everything below it if it is a directory, into `dir`, which is created or empty. Returns notes on
/// what was not copied.
///
/// # Errors
/// There is no such path, the directory is not empty, or the host cannot hold a file.
pub fn into(files: &Files, path: &str, dir: &Path) -> Result<Vec<String>> {
    let stat = files.lookup(path.as_bytes())?;
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let is_empty = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?.next().is_none();
    ensure!(is_empty, "{} is not empty\nhint: extract into a new directory", dir.display());
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
            "{} paths have an owner, flags or set-id bits in the image that were not copied; `ls -l` shows them",
            copier.owned
        ));
    }
    if copier.special > 0 {
        notes.push(format!("{} devices, pipes or sockets were not copied", copier.special));
    }
    Ok(notes)
}

/// Copies the content of a file, with holes where it is zero.
fn copy(files: &Files, stat: &Stat, out: &mut File) -> Result<()> {
    out.set_len(stat.size)?;
    let mut at = 0;
    pieces(files, stat, |piece| {
        for block in piece.chunks(BLOCK) {
            if block.iter().any(|byte| *byte != 0) {
                out.write_all_at(block, at)?;
            }
            at += block.len() as u64;
        }
        Ok(())
    })
}

struct Copier<'f> {
    files: &'f Files,
    /// The first copy of each file with several names.
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
            let to = dir.join(checked(&entry.name)?);
            self.one(&self.files.stat(entry.ino)?, &to)?;
        }
        Ok(())
    }

    fn one(&mut self, stat: &Stat, to: &Path) -> Result<()> {
        let attempt = || format!("writing {}", to.display());
        if stat.uid != 0 || stat.gid != 0 || stat.flags != 0 || stat.mode & 0o7000 != 0 {
            self.owned += 1;
        }
        let mode = Permissions::from_mode(u32::from(stat.mode & 0o777));
        match stat.file_type {
            FileType::Directory => {
                fs::create_dir(to).with_context(attempt)?;
                self.children(stat, to)?;
                fs::set_permissions(to, mode).with_context(attempt)
            }
            FileType::File => {
                if let Some(first) = self.links.get(&stat.ino) {
                    return fs::hard_link(first, to).with_context(attempt);
                }
                let mut file = File::create_new(to).with_context(attempt)?;
                copy(self.files, stat, &mut file).with_context(attempt)?;
                file.set_permissions(mode).with_context(attempt)?;
                if stat.nlink > 1 {
                    self.links.insert(stat.ino, to.to_owned());
                }
                Ok(())
            }
            FileType::Symlink => {
                let target = self.files.read_link(stat.ino)?;
                symlink(OsStr::from_bytes(&target), to).with_context(attempt)
            }
            _ => {
                self.special += 1;
                Ok(())
            }
        }
    }
}

/// `name`, unless it would lead out of its directory.
fn checked(name: &[u8]) -> Result<&OsStr> {
    let bad = name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0);
    ensure!(
        !bad,
        "the name `{}` in the image would lead out of its directory",
        String::from_utf8_lossy(name)
    );
    Ok(OsStr::from_bytes(name))
}
