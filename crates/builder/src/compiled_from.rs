//! The sources that this builder was compiled from. `build.rs` records them.
//!
//! Images made by a builder depend on it, so its digest is one of their inputs. It covers the crates that make images, and not
//! the command line or the lab.

use std::path::Path;

use anyhow::{Result, ensure};
use sources::Digest;

mod recorded {
    include!(concat!(env!("OUT_DIR"), "/compiled_from.rs"));
}

/// Changes whenever what makes images does.
pub const fn digest() -> &'static str {
    recorded::DIGEST
}

/// Refuses to build in a checkout that has other sources than this builder.
///
/// # Errors
/// One of the files that it was compiled from is another there.
pub fn check(root: &Path) -> Result<()> {
    ensure!(
        Digest::of_files(root, recorded::FILES.iter().copied()) == recorded::CONTENT,
        "building in {}: this builder was compiled from other sources\nhint: run `cargo xtask` there, which compiles the \
         builder first",
        root.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_serves_the_checkout_that_it_was_compiled_from_and_no_other() {
        check(&crate::workspace::root()).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let error = check(elsewhere.path()).unwrap_err().to_string();
        assert!(error.contains("compiled from other sources\nhint: run `cargo xtask`"), "{error}");
    }
}
