//! Walks through all paths of a file system.
//!
//! The invariant: a walk ends. It enters no directory twice, so it has at most as many steps as there
//! are directory entries on the disk.

use std::collections::HashSet;

use super::error::ReadError;
use super::inode::{FileType, Stat};
use super::reader::{ROOT, Reader};
use super::source::Source;
use crate::error::printable;

/// One step of a [`Walk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Path from the root, such as `/etc/motd`; `/` for the root itself.
    pub path: Vec<u8>,
    /// Attributes of the inode.
    pub stat: Stat,
}

/// Iterator over all paths of a file system; see [`Reader::walk`].
#[derive(Debug)]
pub struct Walk<'r, S> {
    reader: &'r Reader<S>,
    /// Stack of the paths still to visit.
    todo: Vec<(Vec<u8>, u32)>,
    entered: HashSet<u32>,
}

impl<S: Source> Reader<S> {
    /// Walks through all paths, starting with the root: parents before children, siblings in the
    /// order of their directory. A directory that is reached twice is an error.
    pub fn walk(&self) -> Walk<'_, S> {
        Walk { reader: self, todo: vec![(b"/".to_vec(), ROOT)], entered: HashSet::new() }
    }
}

impl<S: Source> Walk<'_, S> {
    fn visit(&mut self, path: Vec<u8>, ino: u32) -> Result<Visit, ReadError> {
        let stat = self.reader.stat(ino)?;
        if stat.file_type == FileType::Directory {
            if !self.entered.insert(ino) {
                let why = format!("it is reached a second time as {}", printable(&path));
                return Err(ReadError::corrupt(format!("directory {ino}"), why));
            }
            let prefix = if path == b"/" { b"".as_slice() } else { &path };
            let children = self.reader.list(ino)?.into_iter();
            let paths = children
                .filter(|entry| entry.name != b"." && entry.name != b"..")
                .map(|entry| ([prefix, b"/", &entry.name].concat(), entry.ino));
            let first = self.todo.len();
            self.todo.extend(paths);
            self.todo[first..].reverse();
        }
        Ok(Visit { path, stat })
    }
}

impl<S: Source> Iterator for Walk<'_, S> {
    type Item = Result<Visit, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (path, ino) = self.todo.pop()?;
        Some(self.visit(path, ino))
    }
}
