//! What a path in a tree stands for: its type, its attributes, and the location of its bytes.
//!
//! Nothing here looks at the owner, mode or times of a host file: attributes always come from a layer.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

/// A layer of one tree: an index into the tree's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(pub(crate) usize);

/// An inode of one tree: an index into the tree's inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(crate) usize);

/// The location of a regular file's bytes.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// A whole file of the host, which had `size` bytes when it was listed.
    Host {
        /// The path on the host.
        path: PathBuf,
        /// The size in bytes.
        size: u64,
    },
}

impl Content {
    /// The size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { size, .. } => *size,
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// The host file cannot be read, or its size has changed since it was listed.
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
                    "reading {}: its size changed from {size} to {} bytes during the build\nhint: run the command again",
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

/// The type of an inode, with what only this type has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A directory; its entries are the paths below it.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target, as it is stored.
    Symlink(String),
    /// A character device with its `dev_t`.
    CharDevice(u64),
    /// A block device with its `dev_t`.
    BlockDevice(u64),
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// The keyword of mtree(5) for the type.
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

/// A user or a group, as a layer specifies it.
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
    /// Permission, set-id and sticky bits, without the file type.
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

/// An inode: the content and attributes that one or more paths share.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its type.
    pub kind: Kind,
    /// Owner, mode and flags.
    pub attributes: Attributes,
    /// The layer that it comes from.
    pub layer: LayerId,
}
