//! Files of version control systems, which never get into an image.

use std::ffi::OsStr;

/// The names that NanoBSD's `cust_install_files` skips too, those of git, and those of two other systems.
const NAMES: [&str; 6] = ["CVS", ".svn", ".hg", ".git", ".bzr", "_darcs"];

/// Whether a file or directory of this name belongs to a version control system.
pub fn is_metadata(name: &OsStr) -> bool {
    NAMES.iter().any(|known| name == *known)
}
