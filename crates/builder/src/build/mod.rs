//! One build of the product: from a request to the directory of a version.

mod context;
mod digests;
mod files;
mod request;
mod run;
pub mod summary;

pub use request::{BuildRequest, Outputs};
pub use run::build;
