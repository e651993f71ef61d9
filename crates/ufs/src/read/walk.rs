//! Goes through all names of a file system.
//!
//! The invariant: a walk ends. No directory is entered twice, so there are at most as many steps
//! as names on the disk.

use std::collections::HashSet;

use super::error::ReadError;
use super::inode::{FileType, Stat};
use super::source::Source;
use super::{ROOT, Reader};

/// One name of a [`Walk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Path from the root: `/etc/motd`; `/` for the root.
    pub path: Vec<u8>,
    /// Its inode.
    pub stat: Stat,
}

/// The iterator of [`Reader::walk`].
#[derive(Debug)]
pub struct Walk<'r, S> {
    reader: &'r Reader<S>,
    /// Names still to be visited, the next last.
    todo: Vec<(Vec<u8>, u32)>,
    entered: HashSet<u32>,
}

impl<'r, S: Source> Walk<'r, S> {
    pub(super) fn new(reader: &'r Reader<S>) -> Self {
        Self { reader, todo: vec![(b"/".to_vec(), ROOT)], entered: HashSet::new() }
    }

    fn visit(&mut self, path: Vec<u8>, ino: u32) -> Result<Visit, ReadError> {
        let stat = self.reader.stat(ino)?;
        if stat.file_type == FileType::Directory {
            if !self.entered.insert(ino) {
                let why = format!("{} is another name of it", crate::error::shown(&path));
                return Err(ReadError::corrupt(format!("directory {ino}"), why));
            }
            let prefix = if path == b"/" { b"".as_slice() } else { &path };
            let children = self.reader.list(ino)?.into_iter();
            let below = children
                .filter(|entry| entry.name != b"." && entry.name != b"..")
                .map(|entry| ([prefix, b"/", &entry.name].concat(), entry.ino));
            let first = self.todo.len();
            self.todo.extend(below);
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
