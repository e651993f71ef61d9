//! Lists the files of a file system, as ls(1) does.

use std::collections::HashSet;
use std::io::Write;

use anyhow::{Result, ensure};
use rootfs::flags;
use ufs::read::{FileType, Stat};

use crate::disk::Files;

/// Writes a line for `path`, or for each entry if it is a directory.
///
/// # Errors
/// There is no such path, or the file system is damaged there.
pub fn write(files: &Files, path: &str, long: bool, recursive: bool, out: &mut impl Write) -> Result<()> {
    let stat = files.lookup(path.as_bytes())?;
    if stat.file_type != FileType::Directory {
        return line(files, path.as_bytes(), &stat, long, out);
    }
    Lister { files, long, recursive, entered: HashSet::new(), out }.directory(&stat, &[])
}

struct Lister<'l, W> {
    files: &'l Files,
    long: bool,
    recursive: bool,
    entered: HashSet<u32>,
    out: &'l mut W,
}

impl<W: Write> Lister<'_, W> {
    fn directory(&mut self, stat: &Stat, prefix: &[u8]) -> Result<()> {
        let files = self.files;
        ensure!(
            self.entered.insert(stat.ino),
            "the directory {} has two names",
            String::from_utf8_lossy(prefix)
        );
        for entry in
            files.list(stat.ino)?.into_iter().filter(|entry| entry.name != b"." && entry.name != b"..")
        {
            let stat = files.stat(entry.ino)?;
            let name = [prefix, &entry.name].concat();
            line(files, &name, &stat, self.long, self.out)?;
            if self.recursive && stat.file_type == FileType::Directory {
                self.directory(&stat, &[&name, b"/".as_slice()].concat())?;
            }
        }
        Ok(())
    }
}

fn line(files: &Files, name: &[u8], stat: &Stat, long: bool, out: &mut impl Write) -> Result<()> {
    let name = String::from_utf8_lossy(name);
    if !long {
        return Ok(writeln!(out, "{name}")?);
    }
    let target = match stat.file_type {
        FileType::Symlink => format!(" -> {}", String::from_utf8_lossy(&files.read_link(stat.ino)?)),
        _ => String::new(),
    };
    let Stat { nlink, uid, gid, size, .. } = stat;
    let (mode, flags) = (mode(stat), flags::names(stat.flags));
    Ok(writeln!(out, "{mode} {nlink:>4} {uid:>5} {gid:>5} {flags:<8} {size:>10} {name}{target}")?)
}

/// Type and permissions as ls(1) writes them: `-rwsr-xr-x`.
fn mode(stat: &Stat) -> String {
    let kind = match stat.file_type {
        FileType::Fifo => 'p',
        FileType::CharDevice => 'c',
        FileType::Directory => 'd',
        FileType::BlockDevice => 'b',
        FileType::File => '-',
        FileType::Symlink => 'l',
        FileType::Socket => 's',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = stat.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (stat.mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}
