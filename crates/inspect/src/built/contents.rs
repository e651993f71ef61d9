//! The files of an image, listed at once and hashed on request.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use rayon::prelude::*;
use rootfs::flags;
use sha2::{Digest, Sha256};
use ufs::read::{FileType, Stat, Visit};

use super::node::{self, Node, Paths};
use super::spec;
use crate::disk::Files;
use crate::extract;

/// The file systems of an image.
#[derive(Debug)]
pub struct Contents(pub Vec<ListedFiles>);

/// A file system whose files are listed.
#[derive(Debug)]
pub struct ListedFiles {
    /// The file system.
    pub files: Files,
    inodes: HashMap<String, u32>,
    source: String,
}

impl Contents {
    /// The digests of the files among `paths`, in hex. A file with several names is read once.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn hash<'p>(&self, paths: &[&'p str]) -> Result<BTreeMap<String, String>> {
        let mut names: BTreeMap<(usize, u32), Vec<&str>> = BTreeMap::new();
        for (index, system) in self.0.iter().enumerate() {
            for path in paths {
                if let Some(ino) = system.inodes.get(*path) {
                    names.entry((index, *ino)).or_default().push(path);
                }
            }
        }
        let hash = |((index, ino), names): ((usize, u32), Vec<&'p str>)| {
            let system = &self.0[index];
            let attempt = || format!("reading {} in {}", report::plain(names[0]), system.source);
            let digest = system.digest(ino).with_context(attempt)?;
            Ok((names, digest))
        };
        let hashed: Vec<(Vec<&str>, String)> = names.into_par_iter().map(hash).collect::<Result<_>>()?;
        let named = hashed
            .into_iter()
            .flat_map(|(names, digest)| names.into_iter().map(move |name| (name.to_owned(), digest.clone())));
        Ok(named.collect())
    }
}

/// The slot of a card that is not examined.
#[derive(Debug)]
pub struct OtherSlot {
    /// Its file system.
    pub files: Files,
    /// Its name in messages.
    pub source: String,
}

impl OtherSlot {
    /// A digest of everything that a specification would list.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn digest(self) -> Result<String> {
        let (paths, system) = ListedFiles::list(self.files, "", self.source)?;
        let names: Vec<&str> = paths.keys().map(String::as_str).collect();
        let content = Contents(vec![system]).hash(&names)?;
        Ok(digest(format!("{paths:?} {content:?}").as_bytes()))
    }
}

impl ListedFiles {
    /// Lists all paths in `files`, below `prefix`; the root is `PREFIX/.` unless the prefix is empty.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn list(files: Files, prefix: &str, source: String) -> Result<(Paths, Self)> {
        let attempt = || format!("listing the files of {source}");
        let (mut paths, mut inodes) = (Paths::new(), HashMap::new());
        let mut names: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for visit in files.walk() {
            let Visit { path, stat } = visit.with_context(attempt)?;
            let path = match String::from_utf8(path) {
                Ok(path) => path,
                Err(odd) => odd.as_bytes().escape_ascii().to_string(),
            };
            let path = match (prefix, path.as_str()) {
                ("", _) => path,
                (_, "/") => format!("{prefix}/."),
                _ => format!("{prefix}{path}"),
            };
            if stat.file_type == FileType::File {
                inodes.insert(path.clone(), stat.ino);
                names.entry(stat.ino).or_default().push(path.clone());
            }
            paths.insert(path, node(&files, &stat).with_context(attempt)?);
        }
        for names in names.into_values().filter(|names| names.len() > 1) {
            node::share(&mut paths, names, 1);
        }
        Ok((paths, Self { files, inodes, source }))
    }

    fn digest(&self, ino: u32) -> Result<String> {
        let mut hash = Sha256::new();
        extract::pieces(&self.files, &self.files.stat(ino)?, |piece| {
            hash.update(piece);
            Ok(())
        })?;
        Ok(hex::encode(hash.finalize()))
    }
}

/// The SHA-256 of `bytes`, as a property.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256 {}", hex::encode(Sha256::digest(bytes)))
}

fn node(files: &Files, stat: &Stat) -> Result<Node> {
    let (kind, is_device) = match stat.file_type {
        FileType::Directory => ("dir", false),
        FileType::File => ("file", false),
        FileType::Symlink => ("link", false),
        FileType::CharDevice => ("char", true),
        FileType::BlockDevice => ("block", true),
        FileType::Fifo => ("fifo", false),
        FileType::Socket => ("socket", false),
    };
    let link = match stat.file_type {
        FileType::Symlink => Some(String::from_utf8_lossy(&files.read_link(stat.ino)?).into_owned()),
        _ => None,
    };
    let is_file = stat.file_type == FileType::File;
    Ok(Node {
        kind: kind.to_owned(),
        uid: stat.uid,
        gid: stat.gid,
        mode: spec::mode(stat.mode),
        flags: flags::names(stat.flags),
        size: if is_file { stat.size } else { 0 },
        sha256: None,
        link,
        device: is_device.then_some(stat.rdev),
        names: if is_file { stat.nlink.into() } else { 1 },
        shares: None,
        layer: None,
    })
}
