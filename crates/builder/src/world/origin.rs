//! Where FreeBSD comes from.

use std::path::PathBuf;

/// Where FreeBSD comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The embedded miniature world.
    Miniature,
    /// A source tree, to build.
    Source(PathBuf),
    /// An installed root with its METALOG.
    Installed(PathBuf),
    /// The distribution sets of a release.
    Sets(PathBuf),
}
