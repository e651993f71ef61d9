//! FreeBSD packages without pkg(8): from a repository to a lock file, and from the packages that it pins to their files and
//! to pkg's own database.
//!
//! Three steps, so that an image never depends on what a server has today: a [`repository`] is read, its [`signature`] is
//! checked and packages are chosen ([`resolve`]) and pinned ([`lock`]); a [`cache`] is filled with exactly those; the rest
//! works offline. No program and no script of a package runs: [`scripts`] reads what the ports tree makes them from. The
//! formats are pkg(8)'s, and its source is the authority for them.
//!
//! How packages become layers of an image is not known here.

pub mod accounts;
pub mod cache;
pub mod list;
pub mod lock;
pub mod manifest;
pub mod package;
pub mod register;
pub mod repository;
pub mod resolve;
pub mod scripts;
pub mod signature;
pub mod sum;
mod ucl;
pub mod version;
mod words;
