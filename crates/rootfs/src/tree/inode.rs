//! What a name in the image stands for: kind, attributes, and where the bytes are.
//!
//! Nothing here looks at the owner, mode or times of a host file: attributes are always stated by a layer.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::LayerId;

/// Where the bytes of a regular file are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// The whole of a host file that held `size` bytes when it was listed.
    Host {
        /// The host file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
}

impl Content {
    /// The length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { size, .. } => *size,
        }
    }

    /// All bytes of it.
    ///
    /// # Errors
    /// The host file cannot be read, or is no longer of the size it was listed with.
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.to_vec()),
            Self::Host { path, size } => {
                let mut bytes = Vec::with_capacity(usize::try_from(*size)?);
                File::open(path)
                    .and_then(|mut file| file.read_to_end(&mut bytes))
                    .with_context(|| format!("reading {}", path.display()))?;
                anyhow::ensure!(
                    bytes.len() as u64 == *size,
                    "reading {}: it holds {} bytes now and held {size} when it was listed; run the command again",
                    path.display(),
                    bytes.len()
                );
                Ok(bytes)
            }
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

/// The kind of an inode, with what only that kind has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A directory; its entries are the paths below it.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its target, as it is stored.
    Symlink(String),
    /// A character device and its `dev_t`.
    CharDevice(u64),
    /// A block device and its `dev_t`.
    BlockDevice(u64),
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// The word that mtree(5) has for the kind.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Directory => "dir",
            Self::File(_) => "file",
            Self::Symlink(_) => "link",
            Self::CharDevice(_) => "char",
            Self::BlockDevice(_) => "block",
            Self::Fifo => "fifo",
        }
    }
}

/// A user or a group, as a layer states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By name, looked up in the image's own `master.passwd` or `group` when the tree is complete.
    Name(String),
}

impl From<&str> for Principal {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Owner, permission bits and file flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The owning user.
    pub user: Principal,
    /// The owning group.
    pub group: Principal,
    /// Permission bits with set-id and sticky bits, without the type.
    pub mode: u16,
    /// `UF_*` and `SF_*` (`sys/sys/stat.h`).
    pub flags: u32,
}

impl Attributes {
    /// `root:wheel` with `mode` and no flags.
    pub fn root(mode: u16) -> Self {
        Self { user: Principal::Id(0), group: Principal::Id(0), mode, flags: 0 }
    }
}

/// One inode of the image.
#[derive(Clone, Debug)]
pub struct Inode {
    /// What it is.
    pub kind: Kind,
    /// Owner, mode and flags.
    pub attributes: Attributes,
    /// The layer that brought it.
    pub layer: LayerId,
}
