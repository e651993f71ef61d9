//! An update over plain HTTP, as a stream that resumes after a lost connection.
//!
//! Nothing that comes over the network is trusted: the bundle is signed. A server only has to resume with the same file, so
//! that a mixture of two files is reported as such and not as damage. TLS would add nothing but a megabyte of code.

mod answer;
mod download;
mod retry;
mod tail;
mod transport;
mod url;

pub use download::Download;
pub use retry::Retry;
pub use url::Url;
