//! Paths in a tree, relative to its root.
//!
//! A [`TreePath`] has no leading slash, no `.` or `..` and no empty component, so two spellings of one path are equal
//! strings. It is printed with the leading slash that users of the system see. Host paths are `std::path::Path`, and only
//! [`TreePath::parse`] turns text into tree paths.

use std::fmt;

use anyhow::{Result, bail};

/// Longest name of one directory entry in UFS, in bytes (`UFS_MAXNAMLEN`, `sys/ufs/ufs/dir.h`).
const NAME_MAX: usize = 255;

/// A normalized path below the root of a tree; the root itself is the empty path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(String);

impl TreePath {
    /// The root directory.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Normalizes `text`: a leading `/` or `./` and repeated or trailing slashes are dropped.
    ///
    /// # Errors
    /// The text contains `..`, a NUL byte, or a name of more than 255 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => bail!("path `{text}` contains `..`: paths in an image start at its root"),
                _ if part.contains('\0') => bail!("path `{}` contains a NUL byte", text.escape_debug()),
                _ if part.len() > NAME_MAX => {
                    bail!("path `{text}` contains a name of {} bytes; UFS allows {NAME_MAX}", part.len())
                }
                _ => parts.push(part),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// The path without a leading slash (empty for the root).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that contains this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rfind('/').map_or(String::new(), |at| self.0[..at].to_owned())))
    }

    /// The last component (empty for the root).
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `name`, which may contain slashes, below this path.
    ///
    /// # Errors
    /// As [`TreePath::parse`].
    pub fn join(&self, name: &str) -> Result<Self> {
        Self::parse(&format!("{}/{name}", self.0))
    }

    /// Whether `self` is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        other.is_root()
            || self.0 == other.0
            || (self.0.len() > other.0.len()
                && self.0.starts_with(&other.0)
                && self.0.as_bytes()[other.0.len()] == b'/')
    }

    /// This path with `from` at its start replaced by `to`; `None` if it is not within `from`.
    pub fn rebase(&self, from: &Self, to: &Self) -> Option<Self> {
        if !self.is_within(from) {
            return None;
        }
        let rest = self.0[from.0.len()..].trim_start_matches('/');
        Some(match (to.is_root(), rest.is_empty()) {
            (_, true) => to.clone(),
            (true, false) => Self(rest.to_owned()),
            (false, false) => Self(format!("{}/{rest}", to.0)),
        })
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    #[test]
    fn spellings_of_one_path_are_equal() {
        for text in ["/etc/rc.conf", "./etc/rc.conf", "etc//rc.conf/", "etc/./rc.conf"] {
            assert_eq!(path(text), path("etc/rc.conf"));
        }
        assert!(path("/").is_root());
    }

    #[test]
    fn a_path_cannot_leave_the_image() {
        let error = TreePath::parse("etc/../../root").unwrap_err().to_string();
        assert!(error.contains("`..`"), "{error}");
        assert!(TreePath::parse(&"n".repeat(256)).is_err());
        assert!(TreePath::parse(&"n".repeat(255)).is_ok());
    }

    #[test]
    fn within_compares_whole_names() {
        assert!(path("etc/rc.d/sshd").is_within(&path("etc")));
        assert!(!path("etcetera").is_within(&path("etc")));
        assert_eq!(
            path("usr/local/etc/x").rebase(&path("usr/local/etc"), &path("etc/local")),
            Some(path("etc/local/x"))
        );
        assert_eq!(path("a").rebase(&path(""), &path("b")), Some(path("b/a")));
    }
}
