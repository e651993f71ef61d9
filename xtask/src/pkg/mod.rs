//! FreeBSD packages in the image: `pkglist` says which, `pkglist.lock` pins them, a cache keeps them, and each becomes a
//! layer of the tree.
//!
//! Three steps, so that an image never depends on what a server has today: `lock` reads a repository, checks who signed it
//! and chooses; `fetch` fills the cache with exactly that; images are built from lock and cache, offline. Nothing of a
//! package runs on the engineer's machine. The formats are pkg(8)'s, and its source is the authority for them; what
//! becomes of packages in an image is told in `docs/packages.md`.

pub mod archive;
pub mod list;
pub mod lock;
pub mod manifest;
pub mod repository;
pub mod resolve;
pub mod signature;
pub mod sum;
mod ucl;
pub mod version;
