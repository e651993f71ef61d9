//! FreeBSD packages without pkg(8): from a repository to a lock file, and from the packages that it pins to their files and
//! to pkg's local database.
//!
//! There are three steps, so that nothing depends on what a server has today: a [`repository`] is read, its [`signature`] is
//! verified, and packages are chosen ([`resolve`]) and pinned ([`lock`]); a [`cache`] is filled with exactly these packages;
//! the rest works offline. No program and no script of a package runs: [`scripts`] recognizes the patterns that the ports
//! tree generates. The formats are pkg(8)'s, and its source is the authority for them.
//!
//! How packages become part of an image is not known here.

pub mod accounts;
pub mod actions;
pub mod cache;
pub mod checksum;
pub mod list;
pub mod local_database;
pub mod lock;
pub mod manifest;
pub mod package;
pub mod repository;
pub mod resolve;
pub mod scripts;
mod shell_words;
pub mod signature;
mod ucl;
pub mod version;
